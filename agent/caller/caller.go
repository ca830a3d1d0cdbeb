// Package caller finds out which program is at the other end of a Unix socket,
// and which programs started it.
//
// What it finds is a hint for people, for the audit log and for rules among one
// user's own programs, and no proof: a program of the same user can be made to
// run another's code. What it does rule out, where the kernel has pidfds
// (Linux 6.5), is that a process number was given to another process meanwhile.
package caller

// maxChain bounds how many processes a chain has.
const maxChain = 8

// A Process is one that asks, or one above it.
type Process struct {
	PID int `json:"pid"`
	// Exe is the path of the program as its own mount namespace has it, with
	// " (deleted)" behind it where the file is gone; empty where it can't be
	// read.
	Exe string `json:"exe,omitempty"`
	// Name is what the process calls itself, which it chooses freely.
	Name string `json:"name,omitempty"`
}

// String is the program's path, else its name in quotes.
func (p Process) String() string {
	if p.Exe != "" {
		return p.Exe
	}
	return "\"" + p.Name + "\""
}

// A Finder returns a process and what is above it, the process itself first. It
// returns at least the process by its number.
type Finder func(pid int) []Process
