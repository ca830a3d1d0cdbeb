//go:build !unix

package cmd_test

import "github.com/rogpeppe/go-internal/testscript"

// cmdAttended has no terminal to give where there are no pseudo terminals.
func cmdAttended(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("attended: no pseudo terminals on this system")
}
