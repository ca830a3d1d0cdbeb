package ifd

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

var atr = []byte{0x3B, 0x01, 0x02}

// a bench is the other end of a slot, by hand.
type bench struct {
	t    *testing.T
	conn net.Conn
}

// dial opens a slot on a bench that begins with first.
func dial(t *testing.T, first Frame) (*Slot, bench) {
	t.Helper()
	here, there := net.Pipe()
	b := bench{t, there}
	go b.say(first)
	s, err := open(here)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func (b bench) say(f Frame) {
	if err := WriteFrame(b.conn, f); err != nil {
		b.t.Errorf("say: %v", err)
	}
}

// hear reads what the slot says, and answers it.
func (b bench) hear(want Kind, answers ...Frame) {
	f, err := ReadFrame(b.conn)
	if err != nil || f.Kind != want {
		b.t.Errorf("heard a frame of kind %#x, %v, want %#x", f.Kind, err, want)
	}
	for _, a := range answers {
		b.say(a)
	}
}

// waits reports whether a Wait goes on.
func waits(s *Slot) (<-chan error, bool) {
	done := make(chan error, 1)
	go func() { done <- s.Wait(time.Hour) }()
	synctest.Wait()
	select {
	case err := <-done:
		done <- err
		return done, false
	default:
		return done, true
	}
}

func TestPowerAndCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := dial(t, Frame{Inserted, atr})
		defer s.Close()
		if got, ok := s.Present(); !ok || !bytes.Equal(got, atr) {
			t.Errorf("present: %x, %v", got, ok)
		}
		go b.hear(PowerUp, Frame{Powered, atr})
		if got, err := s.Power(true); err != nil || !bytes.Equal(got, atr) {
			t.Errorf("power: %x, %v", got, err)
		}
		go b.hear(Command, Frame{Answer, []byte{0x90, 0x00}})
		if got, err := s.Transmit([]byte{0, 1, 2, 3}); err != nil || !bytes.Equal(got, []byte{0x90, 0x00}) {
			t.Errorf("transmit: %x, %v", got, err)
		}
		go b.hear(Command, Frame{Silent, nil})
		if _, err := s.Transmit([]byte{0, 1, 2, 3}); !errors.Is(err, ErrSilent) {
			t.Errorf("a silent card: %v", err)
		}
		// What comes unasked doesn't take the answer's place.
		go b.hear(Command, Frame{Removed, nil}, Frame{Absent, nil})
		if _, err := s.Transmit([]byte{0, 1, 2, 3}); !errors.Is(err, ErrAbsent) {
			t.Errorf("a card that goes: %v", err)
		}
		go b.hear(PowerDown, Frame{Answer, nil})
		if _, err := s.Power(false); err == nil {
			t.Error("a wrong answer passed for power")
		}
	})
}

// TestQuickReplugIsSeen: a card that was out and is in again before anybody
// looked is missing for one look.
func TestQuickReplugIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := dial(t, Frame{Inserted, atr})
		defer s.Close()
		go b.hear(Waiting)
		if _, ok := waits(s); ok {
			t.Error("the first card is no news")
		}
		go b.hear(Waiting)
		wait, ok := waits(s)
		if !ok {
			t.Fatal("there is news of nothing")
		}
		b.say(Frame{Removed, nil})
		b.say(Frame{Inserted, atr})
		if err := <-wait; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 2 { // whoever looks
			if _, ok := s.Present(); ok {
				t.Error("the removal was never seen")
			}
		}
		if err := s.Wait(time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Present(); !ok {
			t.Error("the card that came after isn't there")
		}
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := dial(t, Frame{Removed, nil})
		go b.hear(Waiting)
		if err := s.Wait(time.Second); err != nil { // the first word is news
			t.Error(err)
		}
		go b.hear(Waiting)
		begun := time.Now()
		if err := s.Wait(time.Second); err != nil || time.Since(begun) != time.Second {
			t.Errorf("wait: %v after %v", err, time.Since(begun))
		}
		go b.hear(Waiting)
		wait, _ := waits(s)
		s.Wake()
		if err := <-wait; err != nil {
			t.Error(err)
		}
		go b.hear(Waiting)
		wait, _ = waits(s)
		b.conn.Close()
		if err := <-wait; !errors.Is(err, ErrGone) {
			t.Errorf("a bench that ends: %v", err)
		}
		if _, err := s.Transmit([]byte{0}); !errors.Is(err, ErrGone) {
			t.Errorf("transmit: %v", err)
		}
		if _, ok := s.Present(); ok {
			t.Error("the card outlived its bench")
		}
	})
}
