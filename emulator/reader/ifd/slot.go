package ifd

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Errors of a slot.
var (
	// ErrAbsent says that no card is in the reader, or that it has no power.
	ErrAbsent = errors.New("no card in the reader")
	// ErrSilent says that the card gave no answer.
	ErrSilent = errors.New("card doesn't answer")
	// ErrGone says that the reader is gone: its bench ended.
	ErrGone = errors.New("reader is gone")
)

// dialTimeout bounds the wait for a bench and its first word.
const dialTimeout = 5 * time.Second

// A Slot is a reader's slot as its handler sees it. Presence and Wait may be
// called beside anything; of Power and Transmit one goes at a time.
type Slot struct {
	conn    net.Conn
	turn    sync.Mutex    // of requests
	replies chan Frame    // to the request under way
	closed  chan struct{} // closed by Close
	gone    chan struct{} // closed when the connection has ended
	news    chan struct{} // holds a value where there is something to look at

	mu    sync.Mutex
	atr   []byte // nil while no card is in
	taken taking
}

// A taking is how far the news of a removal has come. pcscd compares what it
// sees with what it saw: a card that was out and is in again must be missing
// for one look, or its owner is never told.
type taking int

const (
	settled   taking = iota
	unseen           // the card was out, and pcscd hasn't been woken for it
	reporting        // pcscd was woken and looks
)

// Dial opens the slot of the reader whose socket is at path, and waits for the
// bench's first word.
func Dial(path string) (*Slot, error) {
	conn, err := net.DialTimeout("unix", path, dialTimeout)
	if err != nil {
		return nil, err
	}
	return open(conn)
}

func open(conn net.Conn) (*Slot, error) {
	s := &Slot{conn: conn, replies: make(chan Frame), closed: make(chan struct{}), gone: make(chan struct{}), news: make(chan struct{}, 1)}
	r := bufio.NewReader(conn)
	err := conn.SetReadDeadline(time.Now().Add(dialTimeout))
	var first Frame
	if err == nil {
		first, err = ReadFrame(r)
	}
	if err == nil && !s.heard(first) {
		err = fmt.Errorf("bench begins with a frame of kind %#x", first.Kind)
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.taken = settled // there was nothing before the first word
	go s.read(r)
	return s, nil
}

// read hands on what the bench says until the connection ends.
func (s *Slot) read(r *bufio.Reader) {
	defer close(s.gone)
	for {
		f, err := ReadFrame(r)
		if err != nil {
			return
		}
		if s.heard(f) {
			continue
		}
		select {
		case s.replies <- f:
		case <-s.closed:
			return
		}
	}
}

// heard takes note of what the bench says unasked, and reports whether f is
// such.
func (s *Slot) heard(f Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Kind {
	case Inserted:
		s.atr = f.Payload
	case Removed:
		s.atr, s.taken = nil, unseen
	default:
		return false
	}
	s.Wake()
	return true
}

// Wake ends a Wait, the present one or else the next.
func (s *Slot) Wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Present says whether a card is in, and its ATR.
func (s *Slot) Present() (atr []byte, ok bool) {
	select {
	case <-s.gone:
		return nil, false
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.atr, s.atr != nil && s.taken == settled
}

// Wait waits until there is a change to look at, or for so long. One goroutine
// calls it, and looks after each call. The error is [ErrGone].
func (s *Slot) Wait(d time.Duration) error {
	if s.looked() {
		return nil
	}
	// A word that is lost with the bench is one that nobody misses.
	_ = s.send(Frame{Kind: Waiting})
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-s.news:
	case <-late.C:
	case <-s.gone:
		return ErrGone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == unseen {
		s.taken = reporting
	}
	return nil
}

// looked takes note that the caller has looked since the last Wait, and
// reports whether it must look again: at the card that came after the one
// whose removal it has just seen.
func (s *Slot) looked() (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken != reporting {
		return false
	}
	s.taken = settled
	return s.atr != nil
}

// Power gives the card power, which resets it, or takes it away. It returns
// the ATR. The errors are [ErrAbsent] and [ErrGone].
func (s *Slot) Power(up bool) (atr []byte, err error) {
	kind := PowerDown
	if up {
		kind = PowerUp
	}
	f, err := s.ask(Frame{Kind: kind})
	if err == nil && f.Kind != Powered {
		err = fmt.Errorf("bench answers power with a frame of kind %#x", f.Kind)
	}
	return f.Payload, err
}

// Transmit sends a command to the card and waits for the answer, for as long
// as the card takes. The errors are [ErrAbsent], [ErrSilent] and [ErrGone].
func (s *Slot) Transmit(cmd []byte) ([]byte, error) {
	f, err := s.ask(Frame{Kind: Command, Payload: cmd})
	if err == nil && f.Kind != Answer {
		err = fmt.Errorf("bench answers a command with a frame of kind %#x", f.Kind)
	}
	return f.Payload, err
}

// ask sends a request and waits for its reply.
func (s *Slot) ask(f Frame) (Frame, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := s.send(f); err != nil {
		return Frame{}, ErrGone
	}
	select {
	case reply := <-s.replies:
		switch reply.Kind {
		case Absent:
			return Frame{}, ErrAbsent
		case Silent:
			return Frame{}, ErrSilent
		}
		return reply, nil
	case <-s.gone:
		return Frame{}, ErrGone
	}
}

// send writes one frame. net.Conn's Write is whole among several goroutines.
func (s *Slot) send(f Frame) error { return WriteFrame(s.conn, f) }

// Close ends the slot, once; whoever waits is told [ErrGone].
func (s *Slot) Close() error {
	close(s.closed)
	err := s.conn.Close()
	<-s.gone
	return err
}
