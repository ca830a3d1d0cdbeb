package caller

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Landlock keeps a confined process from reading whose program another process
// runs (landlock(7), "Ptrace restrictions"). So a process that was started
// before reads it for the agent: it answers numbers with chains, one after
// another, over a pair of sockets of packets, and does nothing else.
//
// A question is its own number and that of the process, an answer the question's
// number and the chain as JSON: one that comes late is nobody's.

const (
	questionLen = 8
	// numberLen is the length of a question's number at the front of both.
	numberLen = 4
	// maxChainText bounds a chain's JSON, in bytes: maxChain paths of at most
	// 4096.
	maxChainText = 64 << 10
	// scoutTime bounds the wait for an answer.
	scoutTime = time.Second
	// maxUnanswered bounds how many questions are on their way, so that they
	// all have room in the socket.
	maxUnanswered = 64
)

// Serve answers on c until the other end is closed.
func Serve(c net.Conn) error {
	for {
		var ask [questionLen]byte
		n, err := c.Read(ask[:])
		switch {
		case errors.Is(err, io.EOF), err == nil && n == 0:
			return nil
		case err != nil:
			return fmt.Errorf("scout: %w", err)
		case n != len(ask):
			return errors.New("scout: a question that is none")
		}
		text, err := json.Marshal(Chain(int(int32(binary.BigEndian.Uint32(ask[numberLen:])))))
		if err != nil || len(text) > maxChainText {
			text = []byte("[]")
		}
		if _, err := c.Write(append(ask[:numberLen:numberLen], text...)); err != nil {
			return fmt.Errorf("scout: %w", err)
		}
	}
}

// A Scout is the process that reads for the agent, as the agent has it.
type Scout struct {
	c    net.Conn
	gone chan struct{}
	// room has an element for each question that isn't answered.
	room chan struct{}

	mu   sync.Mutex
	last uint32
	// asked are the questions that aren't answered, by their numbers. The
	// channels have room for the answer.
	asked map[uint32]chan []Process
}

// Employ returns the scout at the other end of f, which it closes.
func Employ(f *os.File) (*Scout, error) {
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("scout: %w", err)
	}
	return employ(c), nil
}

func employ(c net.Conn) *Scout {
	s := &Scout{c: c, gone: make(chan struct{}), room: make(chan struct{}, maxUnanswered), asked: map[uint32]chan []Process{}}
	go s.hear()
	return s
}

// Gone returns a channel that is closed once the scout has ended: from then on
// every process is one by its number alone.
func (s *Scout) Gone() <-chan struct{} { return s.gone }

// Find is a [Finder]. What the scout doesn't find out in time is a process by
// its number alone.
func (s *Scout) Find(pid int) []Process {
	late := time.NewTimer(scoutTime)
	defer late.Stop()
	select {
	case s.room <- struct{}{}:
	case <-late.C:
		return []Process{{PID: pid}}
	case <-s.gone:
		return []Process{{PID: pid}}
	}
	var chain []Process
	select {
	case chain = <-s.ask(pid):
	case <-late.C:
	case <-s.gone:
	}
	if len(chain) == 0 {
		return []Process{{PID: pid}}
	}
	return chain
}

// ask sends a question and returns where its answer will come.
func (s *Scout) ask(pid int) <-chan []Process {
	answer := make(chan []Process, 1)
	s.mu.Lock()
	s.last++
	number := s.last
	s.asked[number] = answer
	s.mu.Unlock()
	var question [questionLen]byte
	binary.BigEndian.PutUint32(question[:], number)
	binary.BigEndian.PutUint32(question[numberLen:], uint32(pid))
	if _, err := s.c.Write(question[:]); err != nil {
		_ = s.c.Close() // hear says that the scout is gone
	}
	return answer
}

// hear takes answers until the scout is gone.
func (s *Scout) hear() {
	defer close(s.gone)
	defer s.c.Close()
	b := make([]byte, numberLen+maxChainText)
	for {
		n, err := s.c.Read(b)
		if err != nil || n < numberLen {
			return
		}
		number := binary.BigEndian.Uint32(b)
		s.mu.Lock()
		answer, asked := s.asked[number]
		delete(s.asked, number)
		s.mu.Unlock()
		if !asked {
			return
		}
		var chain []Process
		if err := json.Unmarshal(b[numberLen:n], &chain); err != nil || len(chain) > maxChain {
			chain = nil
		}
		answer <- chain
		<-s.room
	}
}
