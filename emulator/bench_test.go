package emulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

// A testLine is a serial line in memory, of which a bubble's clock knows. What
// nobody reads stays: its Write never waits.
type testLine struct {
	in     chan string
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	out  bytes.Buffer
	more chan struct{} // holds a value while out may have grown
}

func newTestLine() *testLine {
	return &testLine{in: make(chan string), closed: make(chan struct{}), more: make(chan struct{}, 1)}
}

func (l *testLine) Read(p []byte) (int, error) {
	select {
	case s := <-l.in:
		return copy(p, s), nil
	case <-l.closed:
		return 0, io.EOF
	}
}

func (l *testLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.Write(p)
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *testLine) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// ask sends a line to the token; false where the line is closed.
func (l *testLine) ask(line string) bool {
	select {
	case l.in <- line + "\r\n":
		return true
	case <-l.closed:
		return false
	}
}

// answer is the next line from the token; false where the line is closed.
func (l *testLine) answer() (string, bool) {
	for {
		l.mu.Lock()
		if i := bytes.IndexByte(l.out.Bytes(), '\n'); i >= 0 {
			line := string(l.out.Next(i + 1))
			l.mu.Unlock()
			return strings.TrimRight(line, "\r\n"), true
		}
		l.mu.Unlock()
		select {
		case <-l.more:
		case <-l.closed:
			return "", false
		}
	}
}

// lines are the lines that a bench opened, the latest for each path.
type lines struct {
	mu     sync.Mutex
	byPath map[string]*testLine
}

func (ls *lines) open(path string) (io.ReadWriteCloser, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := newTestLine()
	ls.byPath[path] = l
	return l, nil
}

func (ls *lines) at(path string) *testLine {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byPath[path]
}

// newBench plugs in the tokens of a bench file, in memory and by the bubble's
// clock.
func newBench(t *testing.T, text string) (*Bench, *lines) {
	t.Helper()
	file, err := Parse("/bench/bench.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	ls := &lines{byPath: map[string]*testLine{}}
	b, err := New(file, Options{Now: time.Now, Random: rand.Reader, Line: ls.open})
	if err != nil {
		t.Fatal(err)
	}
	return b, ls
}

func mustToken(t *testing.T, b *Bench, name string) *Token {
	t.Helper()
	token, err := b.Token(name)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func closeBench(t *testing.T, b *Bench) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestChangesAreAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, yubikeyBench()+fobBench()[len("tokens:\n"):])
		defer closeBench(t, b)
		fob := mustToken(t, b, "fob1")
		offset := time.Minute
		for name, do := range map[string]func(){
			"unplug": func() { check(t, fob.Unplug()) },
			"plug":   func() { check(t, fob.Plug()) },
			"clock":  func() { check(t, fob.ChangeClock(clockChange(&offset))) },
			"fault":  func() { check(t, fob.AddFault(api.Fault{Kind: api.FaultDrop})) },
			"reset":  func() { check(t, fob.Reset()) },
		} {
			if name == "plug" {
				check(t, fob.Unplug())
			}
			changed := b.Changed()
			do()
			select {
			case <-changed:
			default:
				t.Errorf("%s wasn't announced", name)
			}
			check(t, fob.Plug())
		}
		changed := b.Changed()
		check(t, fob.Plug())
		select {
		case <-changed:
			t.Error("plugging in what is plugged in was announced")
		default:
		}
	})
}

func TestUnknownToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, yubikeyBench())
		defer closeBench(t, b)
		if _, err := b.Token("yk9"); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOneBadTokenUnplugsTheOthers(t *testing.T) {
	file, err := Parse("b", []byte(fobBench()+fobBench("name: fob2", "attach: pty:/tmp/fob2")[len("tokens:\n"):]))
	check(t, err)
	var first *testLine
	_, err = New(file, Options{Now: time.Now, Random: rand.Reader, Line: func(path string) (io.ReadWriteCloser, error) {
		if path == "/tmp/fob2" {
			return nil, os.ErrPermission
		}
		first = newTestLine()
		return first, nil
	}})
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "fob2") {
		t.Errorf("got %v, want what the line said, and for which token", err)
	}
	<-first.closed
}

func TestClosedBenchStaysClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, fobBench())
		closeBench(t, b)
		fob := mustToken(t, b, "fob1")
		if err := fob.Plug(); !errors.Is(err, ErrClosed) {
			t.Errorf("plug gave %v", err)
		}
		if err := fob.Reset(); !errors.Is(err, ErrClosed) {
			t.Errorf("reset gave %v", err)
		}
		if err := fob.Press(context.Background()); !errors.Is(err, ErrUnplugged) {
			t.Errorf("press gave %v", err)
		}
	})
}

// A stuckLine can't be closed cleanly.
type stuckLine struct{ *testLine }

func (l stuckLine) Close() error {
	l.testLine.Close()
	return os.ErrPermission
}

func TestWhatIsLeftBehindIsSaid(t *testing.T) {
	file, err := Parse("b", []byte(fobBench()))
	check(t, err)
	b, err := New(file, Options{Now: time.Now, Random: rand.Reader, Line: func(string) (io.ReadWriteCloser, error) {
		return stuckLine{newTestLine()}, nil
	}})
	check(t, err)
	fob := mustToken(t, b, "fob1")
	if err := fob.Unplug(); !errors.Is(err, os.ErrPermission) || fob.State().Plugged {
		t.Errorf("unplug gave %v, state %+v", err, fob.State())
	}
	check(t, fob.Plug())
	if err := b.Close(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("close gave %v", err)
	}
}
