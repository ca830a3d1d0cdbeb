package cmd_test

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdReadme writes the README's example in a language to a file, so that what
// stands there is what is tested: readme LANGUAGE FILE
func cmdReadme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readme LANGUAGE FILE")
	}
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	ts.Check(err)
	_, block, found := strings.Cut(string(text), "\n```"+args[0]+"\n")
	block, _, closed := strings.Cut(block, "\n```\n")
	if !found || !closed {
		ts.Fatalf("the README has no example in %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(block+"\n"), 0o600))
}
