//go:build !(pcsc && (cgo || windows))

package piv

import (
	"errors"
	"testing"

	"github.com/fob-auth/fob/devices"
)

func TestReadSaysWhatIsLeftOut(t *testing.T) {
	if id, err := Read("any reader"); !errors.Is(err, devices.ErrNotBuilt) || id != (Identity{}) {
		t.Errorf("read: %v, %v", id, err)
	}
}
