//go:build linux || darwin

package fob

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/fob-auth/fob/agent/api"
)

// A sight is a program on a terminal that the test looks at.
type sight struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	before *term.State
	text   strings.Builder
	seen   int // frames that were looked at and passed over
	chunks chan string
}

// look starts fob on a terminal of a size.
func look(t *testing.T, socket string, rows, cols uint16, args ...string) *sight {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	t.Cleanup(func() { master.Close() })
	if err := pty.Setsize(master, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(master.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	s := &sight{t: t, cmd: exec.Command("fob", args...), master: master, before: before, chunks: make(chan string)}
	s.cmd.Env = append(os.Environ(), "FOB_SOCKET="+socket, "TZ=UTC")
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go func() {
		defer close(s.chunks)
		b := make([]byte, 1<<16)
		for {
			n, err := master.Read(b)
			if n > 0 {
				s.chunks <- string(b[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	return s
}

// shows waits until a frame, from the one that was looked for last on, has all
// words, and none of those that are written behind a dash. Several frames may come at once.
func (s *sight) shows(words ...string) string {
	s.t.Helper()
	patience := time.After(60 * time.Second)
	for {
		frames := strings.Split(s.text.String(), "\x1b[H")
		for ; ; s.seen++ {
			if fits(frames[s.seen], words) {
				return frames[s.seen]
			}
			if s.seen == len(frames)-1 {
				break
			}
		}
		frame := frames[s.seen]
		select {
		case chunk, ok := <-s.chunks:
			if !ok {
				s.t.Fatalf("it ended before it showed %q:\n%q", words, frame)
			}
			s.text.WriteString(chunk)
		case <-patience:
			s.t.Fatalf("it never showed %q:\n%q", words, frame)
		}
	}
}

func fits(frame string, words []string) bool {
	for _, w := range words {
		word, not := strings.CutPrefix(w, "-")
		if strings.Contains(frame, word) == not {
			return false
		}
	}
	return true
}

func (s *sight) press(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program's end and holds it to the terminal that it found.
func (s *sight) ends() {
	s.t.Helper()
	for len(s.chunks) > 0 || !strings.HasSuffix(s.text.String(), leavePage) {
		chunk, ok := <-s.chunks
		if !ok {
			break
		}
		s.text.WriteString(chunk)
	}
	if text := s.text.String(); !strings.Contains(text, enterPage) || !strings.Contains(text, leavePage) {
		s.t.Errorf("the page of its own isn't taken down: %q", text[max(0, len(text)-200):])
	}
	_ = s.cmd.Wait()
	after, err := term.GetState(int(s.master.Fd()))
	if err != nil || *after != *s.before {
		s.t.Errorf("the terminal is %+v, and was %+v (%v)", after, s.before, err)
	}
}

// TestDumbTerminal: what can't move a cursor is told in lines.
func TestDumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	a := &agent{watched: make(chan struct{}, 1)}
	socket, end := serve(t, a)
	s := look(t, socket, 40, 120, "watch")
	<-a.watched
	a.hub.Publish(api.Event{Type: api.EventWaiting, At: time.Now(), Token: "12345678", Message: "waiting for the next code"})
	if seen := s.shows("waiting for the next code"); strings.Contains(seen, "\x1b") {
		t.Errorf("it moves the cursor: %q", seen)
	}
	end()
	_ = s.cmd.Wait()
}

func TestFullScreen(t *testing.T) {
	t.Setenv("TERM", "xterm")
	a := &agent{watched: make(chan struct{}, 1)}
	socket, end := serve(t, a)
	s := look(t, socket, 40, 120, "watch")
	first := s.shows("12345678", "AWS:carol", "······", "GetSessionToken", "deploy", "300.4", "q: quit")
	if strings.Contains(first, "123456 ") {
		t.Errorf("digits show without a key: %q", first)
	}
	<-a.watched
	a.hub.Publish(api.Event{Type: api.EventTouch, At: time.Now(), Token: "12345678", Profile: "dev", Caller: "/usr/bin/terraform", Message: "touch token 12345678 for profile dev",
		Until: time.Now().Add(30 * time.Second)})
	s.shows("! touch token 12345678 for profile dev, for /usr/bin/terraform")
	a.hub.Publish(api.Event{Type: api.EventTouchDone, At: time.Now(), Token: "12345678", Profile: "dev", Message: "token 12345678 no longer waits"})
	s.shows("no longer waits", "-! touch")
	s.press("\x1b[B\x1b[A\r")
	s.shows("asked for a code of")
	if err := pty.Setsize(s.master, &pty.Winsize{Rows: 5, Cols: 12}); err != nil {
		t.Fatal(err)
	}
	small := s.shows("\x1b[5;1H")
	for line := range strings.SplitSeq(small, "\r\n") {
		if text := strings.TrimSuffix(line[strings.LastIndex(line, "H")+1:], "\x1b[K"); len([]rune(text)) > 14 && !strings.Contains(text, "\x1b") {
			t.Errorf("line %q is wider than the terminal", text)
		}
	}
	s.press("q")
	s.ends()
	if s.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("it ended with %v", s.cmd.ProcessState)
	}

	// However it ends, the terminal is as it was.
	s = look(t, socket, 40, 120, "watch")
	s.shows("AWS:carol")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ends()
	s = look(t, socket, 40, 120, "watch")
	s.shows("AWS:carol")
	end()
	s.ends()
	if s.cmd.ProcessState.ExitCode() != api.NoAgent.Info().Exit {
		t.Errorf("without an agent it ended with %v", s.cmd.ProcessState)
	}
}

// TestHelpFits: on the narrowest usual terminal, of 80 columns, the way out is
// seen.
func TestHelpFits(t *testing.T) {
	if len(help) > 80 {
		t.Errorf("the help has %d columns", len(help))
	}
}

func TestScreenShowsADigitOnlyWhereAsked(t *testing.T) {
	now := noon.Add(10 * time.Second)
	s := screen{
		credentials: []api.Credential{{ID: "a", Token: "1", PeriodSeconds: 30}, {ID: "b", Token: "2", PeriodSeconds: 30}},
		tokens:      []api.Token{{Serial: "2", OwnClock: true}},
	}
	digits := func(i int, at time.Time) string {
		d, left := s.digits(s.credentials[i], at)
		return d + " " + left
	}
	if got := digits(0, now); got != "······ 20 s" {
		t.Errorf("before a key: %q", got)
	}
	if got := digits(1, now); got != "······ " {
		t.Errorf("a clock that isn't known: %q", got)
	}
	s.code = api.Code{Code: "123456", Token: "1", Credential: "a", ValidUntil: noon.Add(30 * time.Second)}
	if got := digits(0, now); got != "123456 20 s" {
		t.Errorf("after a key: %q", got)
	}
	if got := digits(0, noon.Add(31*time.Second)); got != "······ 29 s" {
		t.Errorf("after its step: %q", got)
	}
	s.move(-5)
	if c, ok := s.target(); !ok || c.ID != "a" {
		t.Errorf("chosen %+v", c)
	}
	s.move(5)
	if c, ok := s.target(); !ok || c.ID != "b" {
		t.Errorf("chosen %+v", c)
	}
	if _, ok := new(screen).target(); ok {
		t.Error("a credential where there is none")
	}
	if got := string(decodeKeys([]byte("j\x1b[A\x1bOB\x1b[Zq\x1b["))); got != "j\x80\x81q" {
		t.Errorf("keys %q", got)
	}
	if got := frame([]string{"first", "second"}, 3, 2); !strings.Contains(got, "fir\x1b[K") || strings.Contains(got, "sec") {
		t.Errorf("frame %q", got)
	}
}

func FuzzKeys(f *testing.F) {
	for _, s := range []string{"", "q", "\x1b", "\x1b[", "\x1b[A", "\x1bOB\x1b[Z", "\x1b\x1b[A", "jk\r \x03", "\x1b[1;5Aq", "\xff\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if keys := decodeKeys(b); len(keys) > len(b) {
			t.Errorf("%q has keys %q", b, keys)
		}
	})
}
