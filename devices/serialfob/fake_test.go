package serialfob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// A fake is a port in memory: what is written goes to handle, whose bytes can
// be read. Its reads time out as tarm/serial's do.
type fake struct {
	handle func(request []byte) []byte

	in      chan []byte
	rest    []byte
	hung    chan struct{}
	hangUp  sync.Once
	closed  chan struct{}
	blocked chan struct{} // where it isn't nil, writes wait for it to be closed
}

func newFake(handle func([]byte) []byte) *fake {
	return &fake{handle: handle, in: make(chan []byte, 1024), hung: make(chan struct{}), closed: make(chan struct{})}
}

func (p *fake) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		timeout := time.NewTimer(100 * time.Millisecond)
		defer timeout.Stop()
		select {
		case p.rest = <-p.in:
		case <-p.hung:
			return 0, io.EOF
		case <-timeout.C:
			return 0, io.EOF
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *fake) Write(b []byte) (int, error) {
	if p.blocked != nil {
		<-p.blocked
	}
	select {
	case <-p.hung:
		return 0, errors.New("input/output error")
	default:
	}
	if out := p.handle(b); len(out) > 0 {
		p.in <- out
	}
	return len(b), nil
}

func (p *fake) Gone() bool {
	select {
	case <-p.hung:
		return true
	default:
		return false
	}
}

func (p *fake) Close() error {
	close(p.closed)
	return nil
}

// A desk answers requests as a fob does, and counts them.
type desk struct {
	requests []line.Frame
	answer   func(n int, f line.Frame) []byte
}

func (d *desk) handle(request []byte) []byte {
	f, err := line.Parse(bytes.Trim(request, "\r\n"))
	if err != nil {
		panic(err)
	}
	d.requests = append(d.requests, f)
	return d.answer(len(d.requests), f)
}

func encode(f line.Frame) []byte {
	out, err := f.Append(nil)
	if err != nil {
		panic(err)
	}
	return out
}

// fine is what a fob answers when nothing is wrong.
func fine(f line.Frame) []byte {
	switch f.Verb {
	case line.VerbCode:
		return encode(line.Code{Digits: "123456", Step: 59000000, Period: 30 * time.Second}.Frame(f.Seq))
	case line.VerbClock:
		return encode(line.ClockFrame(f.Seq, time.UnixMilli(1770000000123)))
	case line.VerbStatus:
		return encode(line.Status{}.Frame(f.Seq))
	case line.VerbCancel:
		return encode(line.CancelledFrame(f.Seq))
	}
	return encode(line.Identity{Model: "fob-1", Serial: "GAHT1", Firmware: "1.0.0", Capabilities: []string{"code"}}.Frame(f.Seq))
}

func refuse(f line.Frame, code line.FailureCode) []byte {
	return encode((&line.FailureError{Verb: f.Verb, Code: code}).Frame(f.Seq))
}

// on runs a test in a bubble with a fob on a fake port.
func on(t *testing.T, answer func(n int, f line.Frame) []byte, test func(t *testing.T, f *fob, d *desk, p *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answer: answer}
		p := newFake(d.handle)
		f := newFob(newWire(p), devices.Slot{Driver: Name, Path: "port"}, 1)
		f.serial, f.info.Serial = "GAHT1", "GAHT1"
		test(t, f, d, p)
		if err := f.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-p.closed
	})
}

// damage changes one character, so that the checksum is wrong.
func damage(b []byte) []byte {
	b = bytes.Clone(b)
	b[8] ^= 1
	return b
}

// crcFits is a fob's answer in which one text came as another, with the CRC that
// happens to fit.
func crcFits(f line.Frame, text, came string) []byte {
	body, _, _ := bytes.Cut(fine(f), []byte("*"))
	body = bytes.Replace(body, []byte(text), []byte(came), 1)
	return fmt.Appendf(nil, "%s*%04X\r\n", body, line.Checksum(body))
}
