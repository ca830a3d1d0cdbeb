package broker

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
)

// A SpentError says that every counter that would do was taken before.
type SpentError struct {
	Device     sts.Device
	Candidates []uint64
	// Next is the lowest counter above the candidates that is free, or with
	// which a free pair begins.
	Next uint64
}

func (e *SpentError) Error() string {
	return fmt.Sprintf("the codes of all %d time steps that would do are used%s; the next free one is of step %d", len(e.Candidates), of(e.Device), e.Next)
}

// A ThrottledError says that the device's verifications are used up.
type ThrottledError struct {
	Device sts.Device
	// Until is when AWS verifies again, in AWS's time.
	Until time.Time
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("the %d verifications of this 3-minute window%s are used up until %s", Budget, of(e.Device), e.Until.Format(time.TimeOnly))
}

// A ClosedError says that a counter can't be known to be unused, or a
// verification to be left, because the ledger that knew was lost.
type ClosedError struct {
	Device sts.Device
	// Floor is the highest counter that counts as used.
	Floor uint64
	// Until is when one is free and can be verified, in AWS's time; zero where
	// only a new binding helps.
	Until time.Time
}

func (e *ClosedError) Error() string {
	if e.Until.IsZero() {
		return "the ledger of used codes was lost, and the token's clock runs ahead: its codes wait for a binding"
	}
	return fmt.Sprintf("the ledger of used codes was lost: codes%s are held back until %s UTC", of(e.Device), e.Until.UTC().Format(time.TimeOnly))
}

// isRefusal tells the ledger's own answers from what went wrong on the way.
func isRefusal(err error) bool {
	var spent *SpentError
	var throttled *ThrottledError
	var closed *ClosedError
	return errors.As(err, &spent) || errors.As(err, &throttled) || errors.As(err, &closed)
}

func of(d sts.Device) string {
	if d == (sts.Device{}) {
		return ""
	}
	return " of " + d.String()
}

// ErrStopped says that the agent is stopping.
var ErrStopped = errors.New("the agent is stopping")

// ErrReleased says that the tokens were put down while the agent read its
// config again.
var ErrReleased = errors.New("the tokens were put down to read the config again")

// ErrLate says that a token took too long, though its driver gave up in time.
var ErrLate = errors.New("token did not answer")

// A NoTokenError says that no token of a serial is plugged in.
type NoTokenError struct{ Serial string }

func (e *NoTokenError) Error() string { return "token " + e.Serial + " is not plugged in" }

// A NotFoundError says that no token that is plugged in has a credential.
type NotFoundError struct {
	// Name is the credential's ID; empty where any would do.
	Name string
	// Serial is the token that was asked for; empty where any would do.
	Serial string
}

func (e *NotFoundError) Error() string {
	where := "any token that is plugged in"
	if e.Serial != "" {
		where = "token " + e.Serial
	}
	if e.Name == "" {
		return "there is no credential on " + where
	}
	return fmt.Sprintf("credential %s is not on %s", e.Name, where)
}

// A DuplicateError says that a token of the same serial is in another slot.
type DuplicateError struct {
	Serial string
	// First is the slot of the token that is in use.
	First devices.Slot
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("token %s is in use already in slot %s of %s: this is the same token seen twice, or a copy", e.Serial, e.First.Path, e.First.Driver)
}

func isDuplicate(err error) bool {
	var double *DuplicateError
	return errors.As(err, &double)
}

// A StuckError says that a call to a token's driver doesn't return.
type StuckError struct {
	// Op is the call.
	Op string
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("token's driver doesn't return (%s); take the token out and put it back", e.Op)
}

// A PanicError says that a token's driver failed in a way that nobody foresaw.
type PanicError struct {
	Op string
	// Reason is the panic's text where the Go runtime wrote it, else its type:
	// a text of somebody else's might hold what nobody may read.
	Reason string
	stack  string
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("token's driver failed at %s: %s", e.Op, e.Reason)
}

func panicError(op string, v any) *PanicError {
	e := &PanicError{Op: op, Reason: fmt.Sprintf("%T", v), stack: string(debug.Stack())}
	if r, ok := v.(runtime.Error); ok {
		e.Reason = r.Error()
	}
	return e
}

// onToken names the operation and the token, where an error doesn't yet.
func onToken(op, serial string, err error) error {
	var named *devices.Error
	var missing *NoTokenError
	if errors.As(err, &named) || errors.As(err, &missing) {
		return err
	}
	return &devices.Error{Op: op, Token: serial, Err: err}
}
