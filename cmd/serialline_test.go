package cmd_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/serialfob"
)

// A wiring is the serial lines of a bench, in memory: what the bench plugs in
// on one side, the driver finds on the other. Its time is whatever clock the
// test runs by.
type wiring struct {
	mu    sync.Mutex
	count uint64 // of lines so far
	lines map[string]*memoryLine
}

func newWiring() *wiring { return &wiring{lines: make(map[string]*memoryLine)} }

// Line is the bench's way to a line.
func (w *wiring) Line(path string) (io.ReadWriteCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lines[path] != nil {
		return nil, fmt.Errorf("%s is in the way", path)
	}
	w.count++
	l := &memoryLine{wiring: w, path: path, number: w.count, hung: make(chan struct{}),
		toToken: newPipe(), fromToken: newPipe()}
	w.lines[path] = l
	return l, nil
}

// Find is the driver's look for ports.
func (w *wiring) Find(pattern string) []serialfob.Place {
	w.mu.Lock()
	defer w.mu.Unlock()
	var places []serialfob.Place
	for path, l := range w.lines {
		if ok, err := filepath.Match(pattern, path); err == nil && ok {
			places = append(places, serialfob.Place{Path: path, Device: path, Emulated: true,
				Identity: serialfob.Identity{Device: path, Inode: l.number}})
		}
	}
	slices.SortFunc(places, func(a, b serialfob.Place) int { return int(a.Identity.Inode) - int(b.Identity.Inode) })
	return places
}

// Open is the driver's way to a port.
func (w *wiring) Open(p serialfob.Place, _ int) (serialfob.Port, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lines[p.Path]
	switch {
	case l == nil || l.number != p.Identity.Inode:
		return nil, devices.ErrRemoved
	case l.open:
		return nil, devices.ErrBusy
	}
	l.open = true
	l.fromToken.take(1 << 20) // what came before is nobody's answer
	return &memoryPort{l}, nil
}

// A memoryLine is a line, and the token's end of it.
type memoryLine struct {
	wiring             *wiring
	path               string
	number             uint64
	toToken, fromToken *pipe
	hung               chan struct{}
	open               bool // the far end; guarded by the wiring
}

func (l *memoryLine) Read(p []byte) (int, error) {
	for {
		if n := copy(p, l.toToken.take(len(p))); n > 0 {
			return n, nil
		}
		select {
		case <-l.toToken.more:
		case <-l.hung:
			return 0, io.EOF
		}
	}
}

func (l *memoryLine) Write(p []byte) (int, error) {
	select {
	case <-l.hung:
		return 0, io.ErrClosedPipe
	default:
	}
	l.fromToken.put(p)
	return len(p), nil
}

func (l *memoryLine) Close() error {
	l.wiring.mu.Lock()
	defer l.wiring.mu.Unlock()
	delete(l.wiring.lines, l.path)
	close(l.hung)
	return nil
}

// A memoryPort is the driver's end, open.
type memoryPort struct{ line *memoryLine }

// Read gives up after a while, as a serial port's does.
func (p *memoryPort) Read(b []byte) (int, error) {
	late := time.NewTimer(100 * time.Millisecond)
	defer late.Stop()
	for {
		if n := copy(b, p.line.fromToken.take(len(b))); n > 0 {
			return n, nil
		}
		select {
		case <-p.line.fromToken.more:
		case <-p.line.hung:
			return 0, io.EOF
		case <-late.C:
			return 0, io.EOF
		}
	}
}

func (p *memoryPort) Write(b []byte) (int, error) {
	if p.Gone() {
		return 0, errors.New("input/output error")
	}
	p.line.toToken.put(b)
	return len(b), nil
}

func (p *memoryPort) Gone() bool {
	select {
	case <-p.line.hung:
		return true
	default:
		return false
	}
}

func (p *memoryPort) Close() error {
	p.line.wiring.mu.Lock()
	defer p.line.wiring.mu.Unlock()
	p.line.open = false
	return nil
}

// A pipe is one direction of a line. What nobody reads is lost beyond a bound.
type pipe struct {
	mu   sync.Mutex
	buf  []byte
	more chan struct{} // holds a value while buf may have grown
}

const pipeSize = 4096

func newPipe() *pipe { return &pipe{more: make(chan struct{}, 1)} }

func (p *pipe) put(b []byte) {
	p.mu.Lock()
	p.buf = append(p.buf, b[:min(len(b), pipeSize-len(p.buf))]...)
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *pipe) take(most int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(most, len(p.buf))
	b := append([]byte(nil), p.buf[:n]...)
	p.buf = p.buf[n:]
	return b
}
