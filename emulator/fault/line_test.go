package fault

import (
	"bytes"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

// A tape is the line below a Line: it gives what the far end wrote, and keeps
// what is written to it, piece by piece with the time of each.
type tape struct {
	in   chan []byte
	rest []byte
	done chan struct{}
	once sync.Once
	rate int // of the far end; 0 where it can't be told

	mu     sync.Mutex
	pieces [][]byte
	times  []time.Time
}

func newTape() *tape { return &tape{in: make(chan []byte, 100), done: make(chan struct{})} }

func (t *tape) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		var ok bool
		select {
		case t.rest, ok = <-t.in:
			if !ok {
				return 0, io.EOF
			}
		case <-t.done:
			return 0, io.EOF
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pieces = append(t.pieces, bytes.Clone(p))
	t.times = append(t.times, time.Now())
	return len(p), nil
}

func (t *tape) Close() error {
	t.once.Do(func() { close(t.done) })
	return nil
}

func (t *tape) Rate() (int, bool) { return t.rate, t.rate != 0 }

func (t *tape) written() []byte {
	pieces, _ := t.record()
	return bytes.Join(pieces, nil)
}

func (t *tape) record() (pieces [][]byte, times []time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([][]byte(nil), t.pieces...), append([]time.Time(nil), t.times...)
}

func send(t *testing.T, l *Line, p []byte) {
	t.Helper()
	if n, err := l.Write(p); n != len(p) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
}

func TestGoodLineAddsNothing(t *testing.T) {
	low := newTape()
	l := NewLine(low, api.Line{})
	send(t, l, []byte("hello\r\n"))
	low.in <- []byte("there\r\n")
	buf := make([]byte, 64)
	n, err := l.Read(buf)
	if got := string(buf[:n]); got != "there\r\n" || err != nil || string(low.written()) != "hello\r\n" {
		t.Errorf("read %q, %v, wrote %q", got, err, low.written())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(buf); err == nil {
		t.Error("a closed line is read")
	}
}

// TestSharesAreKept: each fault of bytes hits about its share of them, the same
// ones with the same seed, in both directions.
func TestSharesAreKept(t *testing.T) {
	const size = 100_000
	plain := bytes.Repeat([]byte("U"), size)
	for name, c := range map[string]struct {
		faults api.Line
		hits   func(got []byte) int
	}{
		"flip":   {api.Line{Seed: 1, Flip: 0.01}, func(got []byte) int { return size - bytes.Count(got, []byte("U")) }},
		"drop":   {api.Line{Seed: 2, Drop: 0.01}, func(got []byte) int { return size - len(got) }},
		"double": {api.Line{Seed: 3, Double: 0.01}, func(got []byte) int { return bytes.Count(got, []byte("U")) - size }},
		"stray":  {api.Line{Seed: 4, Stray: 0.01}, func(got []byte) int { return len(got) - size }},
	} {
		run := func() (in, out []byte) {
			low := newTape()
			l := NewLine(low, c.faults)
			defer l.Close()
			send(t, l, plain)
			for rest := plain; len(rest) > 0; rest = rest[1000:] {
				low.in <- rest[:1000]
			}
			close(low.in)
			buf := make([]byte, 100)
			for {
				n, err := l.Read(buf)
				in = append(in, buf[:n]...)
				if err != nil {
					return in, low.written()
				}
			}
		}
		in, out := run()
		for way, got := range map[string][]byte{"in": in, "out": out} {
			if hits := c.hits(got); hits < size/100*8/10 || hits > size/100*12/10 {
				t.Errorf("%s %s: %d bytes of %d were hit", name, way, hits, size)
			}
		}
		if bytes.Equal(in, out) {
			t.Errorf("%s: both directions go wrong in step", name)
		}
		if again, _ := run(); !bytes.Equal(again, in) {
			t.Errorf("%s: the same seed gave other faults", name)
		}
	}
}

func TestSplitReadsAndWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low := newTape()
		l := NewLine(low, api.Line{Seed: 1, Split: 1})
		send(t, l, []byte("abc"))
		low.in <- []byte("xyz")
		buf := make([]byte, 64)
		for _, want := range "xyz" {
			if n, err := l.Read(buf); n != 1 || err != nil || rune(buf[0]) != want {
				t.Errorf("read %q, %v, want %q alone", buf[:n], err, want)
			}
		}
		time.Sleep(time.Second)
		pieces, times := low.record()
		if len(pieces) != 3 || string(low.written()) != "abc" || times[2].Sub(times[0]) != 2*gap {
			t.Errorf("wrote %q at %v", pieces, times)
		}
		l.Close()
	})
}

func TestMergedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low := newTape()
		l := NewLine(low, api.Line{MergeMS: 50})
		began := time.Now()
		send(t, l, []byte("one\n"))
		time.Sleep(49 * time.Millisecond)
		send(t, l, []byte("two\n"))
		time.Sleep(time.Second)
		pieces, times := low.record()
		if len(pieces) != 1 || string(pieces[0]) != "one\ntwo\n" || times[0].Sub(began) != 50*time.Millisecond {
			t.Errorf("wrote %q at %v", pieces, times)
		}
		l.Close()
	})
}

func TestSlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low := newTape()
		l := NewLine(low, api.Line{Baud: 1200})
		began := time.Now()
		send(t, l, bytes.Repeat([]byte("x"), 120)) // a second at 1200 baud
		if time.Since(began) != 0 {
			t.Error("the token waited for a slow line")
		}
		low.in <- bytes.Repeat([]byte("y"), 60)
		if n, err := l.Read(make([]byte, 64)); n != 60 || err != nil || time.Since(began) != 500*time.Millisecond {
			t.Errorf("read %d, %v after %v", n, err, time.Since(began))
		}
		time.Sleep(499 * time.Millisecond)
		if n := len(low.written()); n < 119 || n > 120 {
			t.Errorf("%d bytes arrived in a second less 1 ms", n)
		}
		// What a slow line can't take in time is lost, and Close waits for none
		// of the rest.
		send(t, l, make([]byte, 2*maxQueue))
		began = time.Now()
		if err := l.Close(); err != nil || time.Since(began) != 0 {
			t.Errorf("close: %v after %v", err, time.Since(began))
		}
		send(t, l, []byte("late"))
	})
}

func TestRatesThatDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low := newTape()
		low.rate = 9600
		l := NewLine(low, api.Line{Baud: 115200})
		send(t, l, []byte("hello there, can you read me?\r\n"))
		time.Sleep(time.Second)
		if got := low.written(); bytes.Contains(got, []byte("hello")) || len(got) == 0 {
			t.Errorf("the far end read %q", got)
		}
		low.rate = 115200
		send(t, l, []byte("now?"))
		time.Sleep(time.Second)
		if got := low.written(); !bytes.HasSuffix(got, []byte("now?")) {
			t.Errorf("the far end read %q", got)
		}
		l.Close()
	})
}

func TestCheckLine(t *testing.T) {
	if err := CheckLine(api.Line{Flip: 1, Drop: 0.5, MergeMS: 10_000, Baud: 50}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		line  api.Line
		wrong string
	}{
		{api.Line{Flip: -0.1}, "flip"}, {api.Line{Drop: 1.1}, "drop"}, {api.Line{Double: math.NaN()}, "double"},
		{api.Line{Stray: 2}, "stray"}, {api.Line{Split: -1}, "split"}, {api.Line{MergeMS: -1}, "merge"},
		{api.Line{MergeMS: 10_001}, "merge"}, {api.Line{Baud: 1}, "baud"}, {api.Line{Baud: MaxBaud + 1}, "baud"},
	} {
		if err := CheckLine(c.line); err == nil || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%+v: %v", c.line, err)
		}
		if err := Check(api.Fob, api.Fault{Kind: api.FaultLine, Line: &c.line}); err == nil {
			t.Errorf("a fault of %+v was taken", c.line)
		}
	}
	if err := Check(api.Fob, api.Fault{Kind: api.FaultDrop, Line: &api.Line{}}); err == nil {
		t.Error("a drop with a line was taken")
	}
	if err := Check(api.YubiKey, api.Fault{Kind: api.FaultHang}); err == nil {
		t.Error("a YubiKey hangs on its line")
	}
}
