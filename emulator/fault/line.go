package fault

import (
	"io"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

const (
	// gap is how long the line is quiet between two parts of a split message,
	// so that the far end reads them one by one.
	gap = 2 * time.Millisecond
	// slice is how much time's worth of bytes a slow line gives at once.
	slice = 10 * time.Millisecond
	// bitsPerByte on the line: a start bit, eight of data, a stop bit.
	bitsPerByte = 10
	// maxQueue bounds, in bytes, what waits for a slow line; the rest is lost,
	// as on a line without flow control.
	maxQueue = 16 << 10
)

// A Line is a serial line that is as bad as it was told to be. It stands
// between the line itself and the token: Read and Write may be called from a
// goroutine each, Set and Close from any. Without faults it adds nothing.
//
// The line may have
//
//	Rate() (baud int, ok bool)
//
// which is the rate that the far end has set: what goes over a line whose ends
// don't agree is noise.
type Line struct {
	inner io.ReadWriteCloser
	rest  []byte // read already; the reader's alone

	mu      sync.Mutex // guards what follows; never held while a byte is awaited
	in, out spoils
	queue   []byte
	pumping bool // a goroutine sends what is queued

	once   sync.Once
	closed chan struct{}
	pump   sync.WaitGroup
}

// NewLine puts faults, checked ones, on a line.
func NewLine(inner io.ReadWriteCloser, f api.Line) *Line {
	l := &Line{inner: inner, closed: make(chan struct{})}
	l.Set(f)
	return l
}

// Set makes the line as bad as f says from now on. Faults with the same seed
// begin the same sequence again.
func (l *Line) Set(f api.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in, l.out = newSpoils(f, 0), newSpoils(f, 1)
}

// Read reads what the far end wrote, or what the line leaves of it.
func (l *Line) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		n, err := l.inner.Read(p)
		l.mu.Lock()
		l.rest = l.in.apply(p[:n], l.rateOff())
		late := l.duration(n)
		l.mu.Unlock()
		if err != nil {
			return copy(p, l.rest), err
		}
		if !l.wait(late) {
			return 0, io.EOF
		}
		if n > 0 && n == len(l.rest) && &l.rest[0] == &p[0] { // nothing was done to it
			l.rest = nil
			return l.keep(p, n), nil
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return l.keep(p, n), nil
}

// keep is how many of n bytes in p this read gives; the others wait for the
// next.
func (l *Line) keep(p []byte, n int) int {
	l.mu.Lock()
	first := l.in.first(n)
	l.mu.Unlock()
	if first < n {
		l.rest = append(append([]byte(nil), p[first:n]...), l.rest...)
	}
	return first
}

// Write sends p to the far end, or what the line leaves of it. It doesn't wait
// for a slow line.
func (l *Line) Write(p []byte) (int, error) {
	l.mu.Lock()
	f := l.out.faults
	left := l.out.apply(p, l.rateOff())
	paced := l.pumping || f.Split > 0 || f.MergeMS > 0 || f.Baud > 0
	if paced {
		room := max(0, maxQueue-len(l.queue))
		l.queue = append(l.queue, left[:min(room, len(left))]...)
		if !l.pumping && !l.ended() {
			l.pumping = true
			l.pump.Go(l.send)
		}
	}
	l.mu.Unlock()
	if paced || len(left) == 0 {
		return len(p), nil
	}
	if _, err := l.inner.Write(left); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close ends the line, and what was under way on it.
func (l *Line) Close() error {
	l.mu.Lock()
	l.once.Do(func() { close(l.closed) })
	l.mu.Unlock()
	err := l.inner.Close()
	l.pump.Wait()
	return err
}

// send sends what is queued in the time it takes, until nothing is left.
func (l *Line) send() {
	l.mu.Lock()
	merge := time.Duration(l.out.faults.MergeMS) * time.Millisecond
	l.mu.Unlock()
	open := l.wait(merge)
	for {
		piece, pause := l.next(open)
		if piece == nil {
			return
		}
		_, err := l.inner.Write(piece)
		open = err == nil && l.wait(pause)
	}
}

// next takes a piece off the queue, with how long it takes to send. It is nil,
// and the sending over, once the queue is empty or the line no longer open.
func (l *Line) next(open bool) (piece []byte, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !open || len(l.queue) == 0 {
		l.queue, l.pumping = nil, false
		return nil, 0
	}
	n := l.out.first(len(l.queue))
	if n < len(l.queue) {
		pause = gap
	}
	if baud := l.out.faults.Baud; baud > 0 {
		n = min(n, max(1, int(slice*time.Duration(baud)/bitsPerByte/time.Second)))
	}
	piece, l.queue = l.queue[:n:n], l.queue[n:]
	return piece, max(pause, l.duration(n))
}

// duration is how long n bytes take on the line.
func (l *Line) duration(n int) time.Duration {
	if l.out.faults.Baud == 0 {
		return 0
	}
	return time.Duration(n) * bitsPerByte * time.Second / time.Duration(l.out.faults.Baud)
}

// rateOff says that the far end has set another rate than the token's.
func (l *Line) rateOff() bool {
	rated, ok := l.inner.(interface{ Rate() (int, bool) })
	if !ok || l.out.faults.Baud == 0 {
		return false
	}
	rate, ok := rated.Rate()
	return ok && rate != l.out.faults.Baud
}

func (l *Line) ended() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// wait waits so long; false where the line was closed meanwhile.
func (l *Line) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closed:
		return false
	}
}
