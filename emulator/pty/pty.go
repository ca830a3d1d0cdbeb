//go:build unix

// Package pty is the serial line of an emulated fob: a pseudo terminal in raw
// mode with a link at a name of one's own choice, which a serial driver opens
// as it would /dev/ttyACM0. The line is there for as long as the port is, with
// or without somebody at the other end; like a real line it keeps nothing for
// a reader that doesn't read.
package pty

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// A Port is the emulated token's end of the line. Read and Write may be called
// from a goroutine each, Close from any.
type Port struct {
	link   string
	master *os.File
	// The port's own hold on the far end: without it, reads would fail with
	// EIO from when the last program closes it until the next one opens it.
	slave *os.File

	once     sync.Once
	closeErr error
}

// Open makes a line and links path to its far end. It makes missing folders
// (0700) and replaces a link that an ended program left; anything else at path
// is refused.
func Open(path string) (*Port, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("folder of the line's link: %w", err)
	}
	master, slave, err := open()
	if err != nil {
		return nil, fmt.Errorf("opening a pseudo terminal: %w", err)
	}
	p := &Port{link: path, master: master, slave: slave}
	if err := p.makeLink(); err != nil {
		return nil, errors.Join(err, p.closeFiles())
	}
	return p, nil
}

// open makes the pair in raw mode, its far end for this user alone.
func open() (master, slave *os.File, err error) {
	blocking, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer blocking.Close()
	if _, err = term.MakeRaw(int(slave.Fd())); err == nil {
		err = slave.Chmod(0o600)
	}
	if err == nil {
		master, err = polled(blocking)
	}
	if err != nil {
		return nil, nil, errors.Join(err, slave.Close())
	}
	return master, slave, nil
}

// polled is f again, on a descriptor that waits in the runtime's poller:
// creack/pty hands out one that blocks, whose Close doesn't end a Read.
func polled(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("copying the descriptor: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// makeLink puts the link in place, at once or not at all.
func (p *Port) makeLink() error {
	target, err := os.Readlink(p.link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("%s is in the way: it is no link that a line left", p.link)
	case filepath.Dir(target) != filepath.Dir(p.slave.Name()):
		return fmt.Errorf("%s is in the way: it links to %s, which is no line", p.link, target)
	}
	dir, err := os.MkdirTemp(filepath.Dir(p.link), ".link")
	if err != nil {
		return fmt.Errorf("linking the line: %w", err)
	}
	fresh := filepath.Join(dir, "link")
	err = os.Symlink(p.slave.Name(), fresh)
	if err == nil {
		err = os.Rename(fresh, p.link)
	}
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("linking the line: %w", err)
	}
	return nil
}

// Read reads what the far end wrote. It waits for the first byte and ends with
// [os.ErrClosed] when the port is closed.
func (p *Port) Read(b []byte) (int, error) { return p.master.Read(b) }

// Write sends b down the line and never waits. Once the far end's buffer is
// full, what waits in it is lost, as on a line without flow control; that is no
// error.
func (p *Port) Write(b []byte) (int, error) {
	n, err := p.try(b)
	if err != nil || n == len(b) {
		return n, err
	}
	// Nobody reads: what waited goes, the rest of this gets its place.
	if err := p.discard(); err != nil {
		return n, err
	}
	if _, err := p.try(b[n:]); err != nil {
		return n, err
	}
	return len(b), nil
}

// try writes as much of b as has room.
func (p *Port) try(b []byte) (n int, err error) {
	raw, err := p.master.SyscallConn()
	if err != nil {
		return 0, err
	}
	gone := raw.Write(func(fd uintptr) bool {
		for n < len(b) && err == nil {
			var m int
			m, err = unix.Write(int(fd), b[n:])
			n += max(m, 0)
		}
		return true
	})
	if gone != nil { // the poller's own error, which isn't one callers can test for
		return n, os.ErrClosed
	}
	if errors.Is(err, unix.EAGAIN) {
		err = nil
	}
	return n, err
}

// Rate is the rate in bits per second that the program at the far end has set,
// which a pseudo terminal keeps and doesn't heed; false where it can't be told.
func (p *Port) Rate() (baud int, ok bool) {
	err := p.onSlave(func(fd int) error {
		baud, ok = rate(fd)
		return nil
	})
	return baud, ok && err == nil
}

// Close ends the line for both sides and takes the link away. Reads that wait
// end.
func (p *Port) Close() error {
	p.once.Do(func() {
		p.closeErr = errors.Join(p.removeLink(), p.closeFiles())
	})
	return p.closeErr
}

// removeLink takes the link away, unless it has become another port's.
func (p *Port) removeLink() error {
	target, err := os.Readlink(p.link)
	if err != nil || target != p.slave.Name() {
		return nil
	}
	return os.Remove(p.link)
}

func (p *Port) closeFiles() error {
	return errors.Join(p.master.Close(), p.slave.Close())
}

// onSlave calls f with the descriptor of the far end, which stays open
// meanwhile.
func (p *Port) onSlave(f func(fd int) error) error {
	raw, err := p.slave.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(ctlErr, err)
}
