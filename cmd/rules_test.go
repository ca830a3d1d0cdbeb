package cmd_test

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
	"testing"
)

// complain reports what fault says of each node of the file, at its line.
func (s source) complain(t *testing.T, fault func(source, ast.Node) string) {
	t.Helper()
	ast.Inspect(s.File, func(n ast.Node) bool {
		if n != nil {
			if why := fault(s, n); why != "" {
				t.Errorf("%s: %s", s.Fset.Position(n.Pos()), why)
			}
		}
		return true
	})
}

// lines is how many lines a node takes.
func (s source) lines(n ast.Node) int {
	return s.Fset.Position(n.End()).Line - s.Fset.Position(n.Pos()).Line + 1
}

// selects is what a selector takes of an imported package, as "os.Exit", by
// whatever name the file calls it; empty for fields and methods.
func (s source) selects(n *ast.SelectorExpr) string {
	id, ok := n.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, i := range s.File.Imports {
		imported := strings.Trim(i.Path.Value, `"`)
		if i.Name != nil && i.Name.Name == id.Name || i.Name == nil && path.Base(imported) == id.Name {
			return imported + "." + n.Sel.Name
		}
	}
	return ""
}

// TestFirmwareStaysOnTheBoard: a microcontroller has no operating system, no
// network and no clock but its own, and one thread.
func TestFirmwareStaysOnTheBoard(t *testing.T) {
	for _, s := range sources(t) {
		if below(s.Pkg, "firmware") && !s.Test {
			s.complain(t, offBoard)
		}
	}
}

// offBoard says why a node has no place in the firmware.
func offBoard(s source, n ast.Node) string {
	switch n := n.(type) {
	case *ast.ImportSpec:
		for _, room := range []string{"os", "net", "syscall", "sync", "context", "log"} {
			if below(strings.Trim(n.Path.Value, `"`), room) {
				return "imports " + n.Path.Value + ": a board has none"
			}
		}
	case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
		return "goroutines and channels: one thread runs the firmware"
	case *ast.SelectorExpr:
		switch name := s.selects(n); name {
		case "time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker":
			return name + ": the firmware's clock is its hardware's"
		}
	}
	return ""
}

// TestOnlyMainExits: a library that ends the process takes its caller's
// cleaning-up with it.
func TestOnlyMainExits(t *testing.T) {
	for _, s := range sources(t) {
		if !s.Test && !(s.File.Name.Name == "main" && path.Base(s.Path) == "main.go") {
			s.complain(t, exits)
		}
	}
}

// exits says why a node ends more than its function. Helpers of tests, whose
// packages are called so, may end their test.
func exits(s source, n ast.Node) string {
	switch n := n.(type) {
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "panic" {
			return "panics outside main"
		}
	case *ast.SelectorExpr:
		switch name := s.selects(n); {
		case name == "os.Exit", name == "syscall.Exit", name == "golang.org/x/sys/unix.Exit", name == "runtime.Goexit",
			strings.HasPrefix(name, "log.Panic"), strings.HasPrefix(name, "log.Fatal"),
			strings.HasPrefix(n.Sel.Name, "Fatal") && !strings.HasSuffix(s.File.Name.Name, "test"):
			return n.Sel.Name + " outside main"
		}
	}
	return ""
}

// TestShape holds the sizes that keep the code readable: a main of a screen,
// files with one idea, functions of a screen, small interfaces.
func TestShape(t *testing.T) {
	for _, s := range sources(t) {
		lines := s.Fset.File(s.File.Pos()).LineCount()
		if path.Base(s.Path) == "main.go" && below(s.Pkg, "cmd") && strings.Count(s.Pkg, "/") == 1 && lines > 40 {
			t.Errorf("%s has %d lines: a main fits in 40", s.Path, lines)
		}
		if lines > 500 {
			t.Errorf("%s has %d lines: it holds two ideas", s.Path, lines)
		}
		if !s.Test {
			s.complain(t, tooBig)
		}
	}
}

// tooBig says what is too big to be taken in at once.
func tooBig(s source, n ast.Node) string {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if lines := s.lines(n); lines > 60 {
			return fmt.Sprintf("%s has %d lines: at most 60", n.Name.Name, lines)
		}
	case *ast.InterfaceType:
		if methods := n.Methods.NumFields(); methods > 4 {
			return fmt.Sprintf("an interface of %d methods: at most 4", methods)
		}
	}
	return ""
}

// TestDocs: a package says what it is, and each name that others may use what
// it is for.
func TestDocs(t *testing.T) {
	packages := map[string]bool{}
	for _, s := range sources(t) {
		if s.Test {
			continue
		}
		name := s.File.Name.Name
		packages[s.Pkg] = packages[s.Pkg] || s.File.Doc != nil && (name == "main" || strings.HasPrefix(s.File.Doc.Text(), "Package "+name+" "))
		if name != "main" {
			s.complain(t, undocumented)
		}
	}
	for pkg, documented := range packages {
		if !documented {
			t.Errorf("package %s has no doc", pkg)
		}
	}
}

// undocumented names what a declaration exports and doesn't say what it is for.
// Error and Unwrap are for what errors have them for. Of constants and
// variables, one without a comment shares that of the line above.
func undocumented(s source, n ast.Node) string {
	switch n := n.(type) {
	case *ast.FuncDecl:
		known := n.Recv != nil && (!ast.IsExported(receiver(n)) || n.Name.Name == "Error" || n.Name.Name == "Unwrap")
		if n.Doc == nil && n.Name.IsExported() && !known {
			return n.Name.Name + " has no doc"
		}
	case *ast.GenDecl:
		above := -1
		for _, spec := range n.Specs {
			name, documented := described(spec)
			documented = documented || n.Doc != nil || s.Fset.Position(spec.Pos()).Line == above+1
			if !documented && ast.IsExported(name) {
				return name + " has no doc"
			}
			if documented {
				above = s.Fset.Position(spec.End()).Line
			}
		}
	}
	return ""
}

// described is the name that a spec declares first, and whether it has a
// comment.
func described(spec ast.Spec) (name string, documented bool) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return spec.Name.Name, spec.Doc != nil
	case *ast.ValueSpec:
		return spec.Names[0].Name, spec.Doc != nil || spec.Comment != nil
	}
	return "", false
}

// receiver is the name of a method's type.
func receiver(n *ast.FuncDecl) string {
	name := ""
	ast.Inspect(n.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return name
}

// TestFaultsAreFound is the rules' own test, since nothing breaks them.
func TestFaultsAreFound(t *testing.T) {
	for rule, c := range map[string]struct {
		fault     func(source, ast.Node) string
		head      string // imports
		good, bad []string
	}{
		"exits": {exits, `import ("log"; "os"; o "os"; "runtime"; "syscall")`,
			[]string{`func f() { slog.Error("") }`, `func f(e exec) { e.Exit() }`},
			[]string{`func f() { os.Exit(1) }`, `var f = o.Exit`, `func f() { log.Fatalln(1) }`, `func f() { log.Panicf("") }`, `func f() { log.Default().Fatal(1) }`,
				`func f() { runtime.Goexit() }`, `func f() { syscall.Exit(1) }`, `func f() { panic(1) }`}},
		"offBoard": {offBoard, `import "time"`,
			[]string{`func f() time.Duration { return time.Second }`},
			[]string{`import "os"`, `import "sync/atomic"`, `func f() { go g() }`, `var c chan int`, `func f() { select {} }`, `var t = time.Since`, `func f() { time.NewTicker(1) }`}},
		"tooBig": {tooBig, "",
			[]string{"func f() {" + strings.Repeat("\n", 59) + "}", "type i interface { A(); B(); C(); D() }"},
			[]string{"func f() {" + strings.Repeat("\n", 60) + "}", "type i interface { A(); B(); C(); D(); E() }"}},
		"undocumented": {undocumented, "",
			[]string{"// F is.\nfunc F() {}", "type t int\nfunc (t) F() {}", "// T is.\ntype T int\nfunc (t *T) Error() string { return \"\" }", "const (\n// A and B are.\nA = 1\nB = 2\n)", "const (\nA = 1 // is\n)", "// All are.\nvar (\nA = 1\n\nB = 2\n)"},
			[]string{"func F() {}", "// T is.\ntype T int\nfunc (t *T) String() string { return \"\" }", "type T int", "const A = 1", "const (\n// A is.\nA = 1\n\nB = 2\n)"}},
	} {
		found := func(text string) bool {
			s, hit := parsed(t, "package x\n"+c.head+"\n"+text), false
			ast.Inspect(s.File, func(n ast.Node) bool {
				hit = hit || n != nil && c.fault(s, n) != ""
				return true
			})
			return hit
		}
		for _, text := range c.good {
			if found(text) {
				t.Errorf("%s: complains of %s", rule, text)
			}
		}
		for _, text := range c.bad {
			if !found(text) {
				t.Errorf("%s: has no word on %s", rule, text)
			}
		}
	}
}
