package store

import (
	"errors"
	"fmt"
)

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("state file is closed")

// ErrStale says that a reservation is not open: it was settled, or an earlier
// run of the agent made it.
var ErrStale = errors.New("reservation is not open any more")

// A HeldError says that another process has the state folder.
type HeldError struct {
	Dir string
	// PID is the process; 0 where it hasn't said.
	PID int
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("state folder %s is held by another agent", e.Dir)
	}
	return fmt.Sprintf("state folder %s is held by another agent, process %d", e.Dir, e.PID)
}

// A VersionError says that a newer agent wrote the state file.
type VersionError struct {
	File         string
	Found, Known int64
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("state file %s has schema version %d, and this agent knows %d: a newer fobd wrote it", e.File, e.Found, e.Known)
}

// A damage is what makes a file unusable. It is no error of Open's: Open
// begins anew and says so in its Opening.
type damage struct{ reason string }

func (d *damage) Error() string { return d.reason }

func damaged(format string, args ...any) error { return &damage{fmt.Sprintf(format, args...)} }
