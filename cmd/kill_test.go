package cmd_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// killScript has fobd die at a step of a session's way, restarts it and asks
// again. DIE stands for what makes it die, NEXT for what brings the token's next
// code. The fob's clock stands, so that its step is the same before and after.
const killScript = `
serve fobaws serve --world world.yaml --listen 127.0.0.1:0 --log-format json
serve fobemu run --bench bench.yaml
through
expand fob.yaml
env FOB_KILL_AT=
serve fobd --config fob.yaml
exec fobemu clock fob1 --freeze
exec fob bind --profile PROFILE --token TOKEN
halt fobd
DIE
env FOB_KILL_AT=
serve fobd --config fob.yaml
NEXT
exec fob credentials --profile PROFILE
stdout '"SessionToken"'
exec fob status
! stdout 'ledger'
unique
`

// dieAt has the build with kill points die at one of them.
const dieAt = `
env FOB_KILL_AT='STEP'
serve fobd --config fob.yaml
! exec fob credentials --profile PROFILE
gone fobd
`

// dieHolding kills fobd while its request, or AWS's answer to it, is held.
const dieHolding = `
serve fobd --config fob.yaml
hold WHAT
! exec fob credentials --profile PROFILE &asking&
held
halt fobd KILL
release
wait asking
`

// A victim is a token whose agent is killed.
type victim struct {
	name, profile, serial string
	// next brings its next code.
	next string
}

// victims are a token that gives another code of the window at once, and one
// that has to wait for its own clock: the agent says so while it does.
var victims = []victim{
	{"yubikey", "carol", "12345678", ""},
	{"fob", "dave", "GAHT12345678", `
exec sh turning.sh fob credentials --profile dave --renew --verbose
stderr 'the next code of token GAHT12345678 comes in [0-9]+ s'`},
}

// script fills in a script's blanks.
func (v victim) script(die string) string {
	return strings.NewReplacer("PROFILE", v.profile, "TOKEN", v.serial, "NEXT", v.next).Replace(strings.Replace(killScript, "DIE", die, 1))
}

// TestKilled kills fobd with SIGKILL at each step between "counter reserved"
// and "answer cached". Afterwards the caller gets a session, once it has heard
// when the fob's next code comes, and AWS has never seen a counter twice.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("builds fobd once more")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if out, err := exec.Command("go", "build", "-tags", "killpoints", "-o", filepath.Join(bin, "fobd"), "./fobd").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var files []string
	add := func(name, die string) {
		for _, v := range victims {
			file := filepath.Join(dir, strings.ReplaceAll(v.name+" "+name, " ", "_")+".txtar")
			if err := os.WriteFile(file, []byte(v.script(die)), 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	for _, step := range []string{"counter reserved", "code computed", "AWS answered", "counter settled", "session cached"} {
		add(step, strings.Replace(dieAt, "STEP", step, 1))
	}
	for _, what := range []string{"request", "answer"} {
		add("holding the "+what, strings.Replace(dieHolding, "WHAT", what, 1))
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			return setupScript(env)
		},
		Cmds: scriptCommands(map[string]func(*testscript.TestScript, bool, []string){
			"through": cmdThrough, "hold": cmdHold, "held": cmdHeld, "release": cmdRelease, "gone": cmdGone, "unique": cmdUnique,
		}),
	})
}

// cmdGone waits until a server has ended by itself.
func cmdGone(ts *testscript.TestScript, _ bool, args []string) {
	p := running(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s still runs", p.name)
	}
}

// cmdUnique checks that AWS has seen no counter twice.
func cmdUnique(ts *testscript.TestScript, _ bool, _ []string) {
	p := running(ts, "fobaws")
	sessions := []string{"action=GetSessionToken"}
	rows := p.logged(func(rows []logRow) bool { return len(matching(rows, sessions)) > 0 })
	seen := map[string]bool{}
	for _, row := range matching(rows, sessions) {
		counters := fmt.Sprint(row["mfa_counters"])
		if counters == "[]" || seen[counters] {
			ts.Fatalf("counters %s were presented twice, or never told:\n%s", counters, p.log())
		}
		seen[counters] = true
	}
	if len(seen) == 0 {
		ts.Fatalf("AWS has seen no code at all")
	}
}

// A holder is a proxy before fobaws that can hold a GetSessionToken, or the
// answer to it.
type holder struct {
	server *httptest.Server

	mu   sync.Mutex
	what string
	held chan struct{}
	free chan struct{}
}

type holderKey struct{}

// cmdThrough puts a holder before fobaws: $fobaws_READY is its address then.
func cmdThrough(ts *testscript.TestScript, _ bool, _ []string) {
	target, err := url.Parse(ts.Getenv("fobaws_READY"))
	ts.Check(err)
	h := &holder{}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error { h.pass("answer", r.Request); return nil },
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		r.Header.Set(isSession, fmt.Sprint(strings.Contains(string(body), "Action=GetSessionToken")))
		h.pass("request", r)
		proxy.ServeHTTP(w, r)
	}))
	h.server = srv
	ts.Defer(srv.Close)
	ts.Value(serversKey{}).(*servers).env.Values[holderKey{}] = h
	ts.Setenv("fobaws_READY", srv.URL)
}

// isSession marks, between the holder's two ends, the requests it holds. It
// isn't signed, and fobaws ignores it.
const isSession = "X-Is-Session"

// pass waits where what is to be held is what comes by.
func (h *holder) pass(what string, r *http.Request) {
	h.mu.Lock()
	hold := h.what == what && r.Header.Get(isSession) == "true"
	held, free := h.held, h.free
	if hold {
		h.what = ""
	}
	h.mu.Unlock()
	if hold {
		close(held)
		<-free
	}
}

func theHolder(ts *testscript.TestScript) *holder {
	return ts.Value(serversKey{}).(*servers).env.Values[holderKey{}].(*holder)
}

// cmdHold has the next session's request, or its answer, held.
func cmdHold(ts *testscript.TestScript, _ bool, args []string) {
	h := theHolder(ts)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.what, h.held, h.free = args[0], make(chan struct{}), make(chan struct{})
}

// cmdHeld waits until it is held.
func cmdHeld(ts *testscript.TestScript, _ bool, _ []string) {
	select {
	case <-theHolder(ts).held:
	case <-time.After(patience):
		ts.Fatalf("nothing came to be held")
	}
}

// cmdRelease lets it go on.
func cmdRelease(ts *testscript.TestScript, _ bool, _ []string) { close(theHolder(ts).free) }
