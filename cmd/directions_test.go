package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fob-auth/fob"

// A direction says what the rooms below Room may import of ours, and why.
type direction struct {
	Room    string
	Allowed []string // prefixes below the module; the room itself is always allowed
	Only    []string // when set, the only imports from outside the standard library and ours
	Reason  string
}

// directions holds the module's import rules; the first row whose Room is a
// prefix of a package decides, so the narrower rows come first.
var directions = []direction{
	{Room: "firmware", Only: []string{"github.com/fxamacker/cbor/v2"},
		Reason: "the firmware runs on a microcontroller: the standard library alone"},
	{Room: "emulator/api", Only: []string{},
		Reason: "the bench's wire types are a leaf that devices/emulated imports"},
	{Room: "emulator", Allowed: []string{"firmware"},
		Reason: "the emulator is a board for the firmware; it satisfies devices.Transport by shape, so that a crashed bench is a crashed device"},
	{Room: "devices", Allowed: []string{"firmware/apdu", "firmware/tlv", "firmware/otp", "firmware/fob/line", "emulator/api"},
		Reason: "a driver knows the wire, never the firmware behind it"},
	{Room: "sts/profile/process", Only: []string{}, Reason: "fob, which links no more of this room, reads AWS configs by it"},
	{Room: "sts", Reason: "AWS's side knows nothing of tokens, sockets or files of ours"},
	{Room: "agent/api", Only: []string{}, Reason: "the wire types are everybody's leaf"},
	{Room: "agent/client", Allowed: []string{"agent/api"}, Only: []string{"golang.org/x/sys/unix"},
		Reason: "a tool that links the client links nothing else of ours"},
	{Room: "agent", Allowed: []string{"devices", "sts"},
		Reason: "the agent reaches emulated tokens through the bench's socket, never by linking the emulator"},
	{Room: "cmd", Allowed: []string{"agent", "devices", "emulator", "firmware", "sts"}, Reason: "programs join everything"},
}

// A source is one parsed Go file of the module.
type source struct {
	Path string // slash-separated, below the module's root
	Pkg  string // its folder
	Test bool
	File *ast.File
	Fset *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(p) != ".go" {
			return nil
		}
		b, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, b, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{Path: p, Pkg: path.Dir(p), Test: strings.HasSuffix(p, "_test.go"), File: f, Fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d Go files: the walk is broken", len(all))
	}
	return all
}

func below(pkg, room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }

func TestDirections(t *testing.T) {
	for _, s := range sources(t) {
		i := slices.IndexFunc(directions, func(d direction) bool { return below(s.Pkg, d.Room) })
		if i < 0 {
			t.Errorf("%s: no room of the design", s.Path)
			continue
		}
		for _, spec := range s.File.Imports {
			checkImport(t, s, directions[i], strings.Trim(spec.Path.Value, `"`))
		}
	}
}

func checkImport(t *testing.T, s source, d direction, imported string) {
	t.Helper()
	first, _, _ := strings.Cut(imported, "/")
	switch ours := strings.TrimPrefix(imported, module+"/"); {
	case ours != imported:
		if !below(ours, d.Room) && !slices.ContainsFunc(d.Allowed, func(a string) bool { return below(ours, a) }) {
			t.Errorf("%s imports %s: %s", s.Path, ours, d.Reason)
		}
	case strings.Contains(first, ".") && d.Only != nil && !slices.Contains(d.Only, imported):
		t.Errorf("%s imports %s: %s", s.Path, imported, d.Reason)
	}
}

// TestTopLevel: a newcomer sees the design's rooms, and nothing else.
func TestTopLevel(t *testing.T) {
	want := []string{"LICENSE", "Makefile", "README.md", "agent", "cmd", "devices", "emulator", "firmware", "go.mod", "go.sum", "sts"}
	out, err := exec.Command("git", "-C", "..", "ls-files").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var got []string
	for _, line := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(line, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(got, top) {
			got = append(got, top)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("top-level entries are %v, want %v", got, want)
	}
}

// TestFobIsLean: fob starts in milliseconds because it links neither the AWS
// SDK, nor viper, nor the agent. Of AWS's side it links one leaf, which has
// nothing but the standard library.
func TestFobIsLean(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", filepath.Join(module, "cmd/fob")).CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"/agent/client") {
		t.Fatal("fob doesn't link agent/client: the list is broken")
	}
	for _, dep := range deps {
		for _, heavy := range []string{"github.com/aws/", "github.com/spf13/viper", "modernc.org/", "github.com/danielgtaylor/huma", module + "/devices", module + "/sts", module + "/agent/server"} {
			if strings.HasPrefix(dep, heavy) && dep != module+"/sts/profile/process" {
				t.Errorf("fob links %s", dep)
			}
		}
	}
}
