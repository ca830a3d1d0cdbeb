package firmware

import (
	"errors"
	"time"
)

// What AwaitTouch answers when nobody touched.
var (
	// ErrNoTouch says that the token waited its time and nobody touched it.
	ErrNoTouch = errors.New("firmware: no touch")
	// ErrRemoved says that the token was unplugged while it waited.
	ErrRemoved = errors.New("firmware: removed")
)

// Hardware is what applets need from the board.
type Hardware interface {
	// Random fills p with unpredictable bytes.
	Random(p []byte) error
	// AwaitTouch blocks until the token is touched. It answers ErrNoTouch after
	// the limit, or where that is 0 after the token's own patience, and ErrRemoved
	// when it is unplugged.
	AwaitTouch(limit time.Duration) error
	// Load returns what was last stored under a name; nil and no error if
	// nothing was.
	Load(name string) ([]byte, error)
	// Store keeps data under a name past a loss of power. Whenever the power
	// goes, Load finds the old data or the new, whole.
	Store(name string, data []byte) error
}
