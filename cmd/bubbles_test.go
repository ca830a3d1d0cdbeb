package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestTestsDontSleep: a test waits for what it needs, or runs in virtual time
// (testing/synctest), where Sleep costs nothing and is exact. A function of the
// tests may sleep where no test comes to it but through a bubble, as far as its
// names tell.
func TestTestsDontSleep(t *testing.T) {
	packages := map[string][]source{}
	for _, s := range sources(t) {
		if s.Test {
			name := s.Pkg + " " + s.File.Name.Name
			packages[name] = append(packages[name], s)
		}
	}
	for _, files := range packages {
		for _, at := range sleepsOutside(files) {
			t.Errorf("%s: a test sleeps outside of virtual time", at)
		}
	}
}

// A walk goes through what a package's tests do in real time.
type walk struct {
	functions map[string][]function // by name; methods too, whatever their type
	bubblers  map[string]bool       // functions that call theirs in a bubble
	seen      map[*ast.FuncDecl]bool
	sleeps    []string
}

// A function is a declaration in its file.
type function struct {
	source
	decl *ast.FuncDecl
}

// sleepsOutside says where the tests of a package sleep in real time.
func sleepsOutside(files []source) []string {
	w := &walk{functions: map[string][]function{}, bubblers: map[string]bool{}, seen: map[*ast.FuncDecl]bool{}}
	for _, s := range files {
		for _, d := range s.File.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				w.functions[f.Name.Name] = append(w.functions[f.Name.Name], function{s, f})
			}
		}
	}
	w.findBubblers()
	for name := range w.functions {
		if slices.ContainsFunc([]string{"Test", "Benchmark", "Fuzz", "Example"}, func(kind string) bool { return strings.HasPrefix(name, kind) }) {
			w.visit(name)
		}
	}
	slices.Sort(w.sleeps)
	return w.sleeps
}

// findBubblers finds the functions that use a function they are given in a
// bubble alone, and those that hand theirs to such a one.
func (w *walk) findBubblers() {
	for found := true; found; {
		found = false
		for name, all := range w.functions {
			for _, f := range all {
				if !w.bubblers[name] && w.bubbles(f) {
					w.bubblers[name], found = true, true
				}
			}
		}
	}
}

// bubbles says whether a function has a function among its parameters, and no
// use of that outside of a bubble.
func (w *walk) bubbles(f function) bool {
	var given []string
	for _, p := range f.decl.Type.Params.List {
		if _, ok := p.Type.(*ast.FuncType); ok {
			for _, name := range p.Names {
				given = append(given, name.Name)
			}
		}
	}
	if len(given) == 0 {
		return false
	}
	outside := false
	w.inspect(f, func(n ast.Node) {
		id, ok := n.(*ast.Ident)
		outside = outside || ok && slices.Contains(given, id.Name)
	})
	return !outside && w.opensBubbles(f)
}

// opensBubble says whether a call has its function run in a bubble.
func (w *walk) opensBubble(s source, call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return s.selects(f) == "testing/synctest.Test" || s.selects(f) == "" && w.bubblers[f.Sel.Name]
	case *ast.Ident:
		return w.bubblers[f.Name]
	}
	return false
}

// opensBubbles says whether a function's body opens a bubble.
func (w *walk) opensBubbles(in function) bool {
	opens := false
	ast.Inspect(in.decl.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		opens = opens || ok && w.opensBubble(in.source, call)
		return !opens
	})
	return opens
}

// inspect calls f with each node of a function's body that isn't in a bubble.
// Nor is the table of a test that opens one for each of its cases.
func (w *walk) inspect(in function, f func(ast.Node)) {
	opens := w.opensBubbles(in)
	ast.Inspect(in.decl.Body, func(n ast.Node) bool {
		if n == nil {
			return false
		}
		f(n)
		switch n := n.(type) {
		case *ast.CallExpr:
			return !w.opensBubble(in.source, n)
		case *ast.CompositeLit:
			return !opens
		}
		return true
	})
}

// visit goes through the functions of that name, and those that they name.
func (w *walk) visit(name string) {
	for _, f := range w.functions[name] {
		if w.seen[f.decl] {
			continue
		}
		w.seen[f.decl] = true
		w.inspect(f, func(n ast.Node) {
			if id, ok := n.(*ast.Ident); ok {
				w.visit(id.Name)
			}
			if sleeps(f.source, n) {
				w.sleeps = append(w.sleeps, f.Fset.Position(n.Pos()).String())
			}
		})
	}
}

// sleeps says whether a node waits for nothing but time: by Sleep, or for a
// timer that nothing else is waited for beside. Until a moment that somebody
// else named is no such wait.
func sleeps(s source, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		return s.selects(n) == "time.Sleep"
	case *ast.SelectStmt:
		if len(n.Body.List) != 1 {
			return false
		}
		only, ok := n.Body.List[0].(*ast.CommClause).Comm.(*ast.ExprStmt)
		return ok && awaitsTimer(s, only.X)
	case *ast.BlockStmt:
		return slices.ContainsFunc(n.List, func(st ast.Stmt) bool {
			e, ok := st.(*ast.ExprStmt)
			return ok && awaitsTimer(s, e.X)
		})
	}
	return false
}

// awaitsTimer says whether an expression receives from time.After.
func awaitsTimer(s source, e ast.Expr) bool {
	receive, ok := e.(*ast.UnaryExpr)
	if !ok || receive.Op != token.ARROW {
		return false
	}
	call, ok := receive.X.(*ast.CallExpr)
	return ok && s.calls(call) == "time.After" && !slices.ContainsFunc(call.Args, func(arg ast.Expr) bool {
		until, ok := arg.(*ast.CallExpr)
		return ok && s.calls(until) == "time.Until"
	})
}

// calls is the imported function that is called, as "time.After".
func (s source) calls(call *ast.CallExpr) string {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		return s.selects(sel)
	}
	return ""
}

// TestSleepsAreFound is the rule's own test, since nothing breaks it.
func TestSleepsAreFound(t *testing.T) {
	for _, c := range []struct {
		name, body string
		sleeps     int
	}{
		{"plainly", `func TestX(t *testing.T) { time.Sleep(1) }`, 1},
		{"in a bubble", `func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }`, 0},
		{"beside a bubble", `func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) {}); time.Sleep(1) }`, 1},
		{"in a function of a bubble's", `func TestX(t *testing.T) { synctest.Test(t, live) }; func live(*testing.T) { time.Sleep(1) }`, 0},
		{"in a function of both", `func TestX(t *testing.T) { synctest.Test(t, live); live(t) }; func live(*testing.T) { time.Sleep(1) }`, 1},
		{"in a method", `func FuzzX(f *testing.F) { new(r).rest() }; type r int; func (r) rest() { time.Sleep(1) }`, 1},
		{"by a helper that opens bubbles", `func TestX(t *testing.T) { in(t, func() { time.Sleep(1) }) }; func in(t *testing.T, f func()) { synctest.Test(t, func(*testing.T) { f() }) }`, 0},
		{"by a helper of such a helper", `func TestX(t *testing.T) { out(t, func() { time.Sleep(1) }) }; func out(t *testing.T, g func()) { in(t, g) }; func in(t *testing.T, f func()) { synctest.Test(t, func(*testing.T) { f() }) }`, 0},
		{"by a helper that opens none", `func TestX(t *testing.T) { in(func() { time.Sleep(1) }) }; func in(f func()) { f() }`, 1},
		{"by a helper that does both", `func TestX(t *testing.T) { in(t, func() { time.Sleep(1) }) }; func in(t *testing.T, f func()) { f(); synctest.Test(t, func(*testing.T) { f() }) }`, 1},
		{"in a table of bubbles", `func TestX(t *testing.T) { for _, f := range []func(){func() { time.Sleep(1) }} { synctest.Test(t, func(*testing.T) { f() }) } }`, 0},
		{"in a table", `func TestX(t *testing.T) { for _, f := range []func(){func() { time.Sleep(1) }} { f() } }`, 1},
		{"by a timer alone", `func BenchmarkX(b *testing.B) { <-time.After(1); select { case <-time.After(1): } }`, 2},
		{"by a timer beside something", `func TestX(t *testing.T) { select { case <-time.After(1): case <-t.Context().Done(): } }`, 0},
		{"until a moment", `func TestX(t *testing.T) { <-time.After(time.Until(time.Time{})) }`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parsed(t, "package x\nimport (\"testing\"; \"testing/synctest\"; \"time\")\n"+c.body)
			if got := sleepsOutside([]source{s}); len(got) != c.sleeps {
				t.Errorf("found %v, want %d", got, c.sleeps)
			}
		})
	}
}

func parsed(t *testing.T, text string) source {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return source{File: f, Fset: fset}
}
