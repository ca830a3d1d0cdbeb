//go:build linux

package serialfob

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
	"github.com/fob-auth/fob/firmware/otp"
)

const (
	fobSerial = "GAHT12345678"
	fobSeed   = "12345678901234567890"
)

// A scripted is a fob on a PTY, with levers for what a real one won't do on
// demand.
type scripted struct {
	path   string // a link to the PTY's slave
	manual bool
	now    time.Time // where its clock stands
	last   Identity  // of the PTY that it was plugged in with last

	mu      sync.Mutex
	master  *os.File
	slave   *os.File
	pending uint16 // of the request that waits for the button
	waiting chan struct{}
	// mangle, where it isn't nil, changes what the fob sends as the n-th line,
	// counted from 0.
	mangle func(n int, out []byte) []byte
	sent   int
	asked  []line.Frame
}

// newScripted plugs in a fob that is taken out with the test.
func newScripted(t testing.TB, manual bool) *scripted {
	t.Helper()
	s := &scripted{
		path: filepath.Join(t.TempDir(), "fob"), manual: manual,
		now: time.Date(2026, 11, 22, 12, 0, 7, 250e6, time.UTC), waiting: make(chan struct{}, 1),
	}
	s.plug(t)
	t.Cleanup(s.unplug)
	return s
}

func (s *scripted) plug(t testing.TB) {
	t.Helper()
	master, slave := s.another(t)
	s.mu.Lock()
	s.master, s.slave, s.pending = master, slave, 0
	s.mu.Unlock()
	if err := os.Symlink(slave.Name(), s.path); err != nil {
		t.Fatal(err)
	}
	go s.run(master)
}

// another opens a PTY that can be told from the one before. It has that one's
// number, and where the kernel tells times in ticks, which are longer than a
// test may take between the two, also its time.
func (s *scripted) another(t testing.TB) (master, slave *os.File) {
	t.Helper()
	for {
		master, slave, err := openPTY()
		if err != nil {
			t.Fatal(err)
		}
		at, err := lookAt(slave.Name())
		if err != nil {
			t.Fatal(err)
		}
		if at.Identity != s.last {
			s.last = at.Identity
			return master, slave
		}
		master.Close()
		slave.Close()
	}
}

// openPTY opens a PTY whose master can be closed under a read: the library's
// is in blocking mode, where Close waits for the read to end.
func openPTY() (master, slave *os.File, err error) {
	blocking, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer blocking.Close()
	fd, err := unix.Dup(int(blocking.Fd()))
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	return os.NewFile(uintptr(fd), blocking.Name()), slave, err
}

func (s *scripted) unplug() {
	s.mu.Lock()
	defer s.mu.Unlock()
	os.Remove(s.path)
	s.master.Close()
	s.slave.Close()
}

func (s *scripted) run(master *os.File) {
	var lines line.Splitter
	buf := make([]byte, 64)
	for {
		n, err := master.Read(buf)
		if err != nil {
			return
		}
		for chunk := buf[:n]; len(chunk) > 0; {
			var raw []byte
			raw, chunk, _ = lines.Next(chunk)
			if raw == nil {
				continue
			}
			if f, err := line.Parse(raw); err == nil && f.Kind == line.Request {
				s.answer(f)
			}
		}
	}
}

func (s *scripted) answer(f line.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, f)
	switch f.Verb {
	case line.VerbIdentity:
		s.send(line.Identity{Model: "fob-1", Serial: fobSerial, Firmware: "1.0.0", Capabilities: []string{"code"}}.Frame(f.Seq))
	case line.VerbClock:
		s.now = s.now.Add(time.Millisecond)
		s.send(line.ClockFrame(f.Seq, s.now))
	case line.VerbStatus:
		s.send(line.Status{Manual: s.manual}.Frame(f.Seq))
	case line.VerbCode:
		if !s.manual {
			s.send(s.code(f.Seq))
			return
		}
		s.pending = f.Seq
		s.send(line.Wait{For: 15 * time.Second}.Frame(f.Seq))
		select {
		case s.waiting <- struct{}{}:
		default:
		}
	case line.VerbCancel:
		s.pending = 0
		s.send(line.CancelledFrame(f.Seq))
	default:
		s.send((&line.FailureError{Verb: line.VerbLine, Code: line.FailUnknown}).Frame(f.Seq))
	}
}

func (s *scripted) code(seq uint16) line.Frame {
	step := otp.Step(s.now, fobPeriod)
	digits, err := otp.HOTP(otp.SHA1, []byte(fobSeed), step, fobDigits)
	if err != nil {
		panic(err)
	}
	return line.Code{Digits: digits, Step: step, Period: fobPeriod, Into: 7 * time.Second}.Frame(seq)
}

func (s *scripted) send(f line.Frame) {
	out, err := f.Append(nil)
	if err != nil {
		panic(err)
	}
	if s.mangle != nil {
		out = s.mangle(s.sent, out)
	}
	s.sent++
	s.master.Write(out)
}

// wait returns once the fob waits for its button. A cancelled request's word
// may still be there: only one that is pending counts.
func (s *scripted) wait(ctx context.Context) error {
	for {
		select {
		case <-s.waiting:
			s.mu.Lock()
			pending := s.pending
			s.mu.Unlock()
			if pending != 0 {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *scripted) press() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != 0 {
		s.send(s.code(s.pending))
		s.pending = 0
	}
}

func (s *scripted) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send((&line.FailureError{Verb: line.VerbCode, Code: line.FailTimeout}).Frame(s.pending))
	s.pending = 0
}

func (s *scripted) account() devices.NewCredential {
	return devices.NewCredential{Secret: devices.Secret(fobSeed), Credential: devices.Credential{
		ID: fobSerial, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: fobDigits, Period: fobPeriod, Touch: s.manual,
	}}
}

// driver is a driver for the scripted fob's port.
func (s *scripted) driver(t testing.TB) *Driver {
	t.Helper()
	d, err := New(Config{Port: s.path})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
