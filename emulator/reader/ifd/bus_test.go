//go:build unix

package ifd

import (
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBus: changes come one by one, and the descriptor says that there is one for
// as long as there is.
func TestBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := DialBus(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	bench, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	said := []Change{{Reader: 0, Attached: true}, {Reader: 15, Attached: true}, {Reader: 0}}
	for _, c := range said {
		if err := WriteFrame(bench, c.Frame()); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range said {
		if got, err := b.Next(); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if (want != said[2]) != readable(t, b) {
			t.Errorf("after %+v the descriptor says otherwise", want)
		}
	}
	for _, f := range []Frame{{Kind: Inserted, Payload: []byte{1}}, {Kind: Attached}, {Kind: Detached, Payload: []byte{1, 2}}} {
		if err := WriteFrame(bench, f); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Next(); err == nil {
			t.Errorf("%+v passed for a change", f)
		}
	}
	bench.Close()
	if _, err := b.Next(); err == nil {
		t.Error("a bus that is gone has changes")
	}
}

func readable(t *testing.T, b *Bus) bool {
	t.Helper()
	fd, err := b.Descriptor()
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}
