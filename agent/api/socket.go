package api

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// DefaultSocket is where the agent listens if nobody names another place:
// fob/agent.sock in XDG_RUNTIME_DIR, and where that isn't set, agent.sock in a
// folder named after the user: /tmp/fob-UID on Linux, in the user's own
// temporary folder elsewhere.
//
// /tmp and not TMPDIR on Linux: the agent and its callers must find the same
// path from sessions with different environments. That others could make the
// folder first does no harm: the agent refuses a folder that isn't its user's,
// and the client a server that isn't.
func DefaultSocket() string {
	// XDG Base Directory Specification: a path that isn't absolute is ignored.
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fob", "agent.sock")
	}
	dir := os.TempDir()
	if runtime.GOOS == "linux" {
		dir = "/tmp"
	}
	name := "fob"
	if uid := os.Getuid(); uid >= 0 {
		name += "-" + strconv.Itoa(uid)
	}
	return filepath.Join(dir, name, "agent.sock")
}
