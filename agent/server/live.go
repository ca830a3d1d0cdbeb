package server

import "fmt"

// A LiveError says that another agent listens on the socket.
type LiveError struct {
	Path string
	// PID is the other agent's, or 0 where the system doesn't tell.
	PID int
}

func (e *LiveError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another agent listens on %s", e.Path)
	}
	return fmt.Sprintf("another agent, pid %d, listens on %s", e.PID, e.Path)
}
