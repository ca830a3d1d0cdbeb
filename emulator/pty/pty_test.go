//go:build unix

package pty

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func openPort(t *testing.T, link string) *Port {
	t.Helper()
	p, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func openSlave(t *testing.T, link string) *os.File {
	t.Helper()
	f, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// exchange sends one message each way and wants the very bytes.
func exchange(t *testing.T, p *Port, slave io.ReadWriter) {
	t.Helper()
	msg := []byte("\x00\x03\x04\x11\x13\x1a\x7f\xff one\r two\n")
	for _, way := range []struct {
		name string
		from io.Writer
		to   io.Reader
	}{{"to the token", slave, p}, {"from the token", p, slave}} {
		if n, err := way.from.Write(msg); n != len(msg) || err != nil {
			t.Fatalf("%s: wrote %d, %v", way.name, n, err)
		}
		got := make([]byte, len(msg))
		if _, err := io.ReadFull(way.to, got); err != nil || !bytes.Equal(got, msg) {
			t.Fatalf("%s: read %q, %v", way.name, got, err)
		}
	}
}

func TestLineIsRawAndPrivate(t *testing.T) {
	link := filepath.Join(t.TempDir(), "new", "folder", "fob1")
	p := openPort(t, link)
	exchange(t, p, openSlave(t, link))

	info, err := os.Stat(link)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the line is %v, %v, want 0600", info.Mode(), err)
	}
	dir, err := os.Stat(filepath.Dir(link))
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("mode of the folder is %v, %v, want 0700", dir.Mode(), err)
	}
}

func TestLineOutlivesItsOpeners(t *testing.T) {
	link := filepath.Join(t.TempDir(), "fob1")
	p := openPort(t, link)
	for range 5 {
		slave := openSlave(t, link)
		exchange(t, p, slave)
		if err := slave.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriteNeverWaitsForAReader(t *testing.T) {
	link := filepath.Join(t.TempDir(), "fob1")
	p := openPort(t, link)
	line := bytes.Repeat([]byte("x"), 999)
	for range 1000 {
		if n, err := p.Write(line); n != len(line) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	// What is written last gets through, whatever was lost before it.
	if _, err := p.Write([]byte("\nlast\n")); err != nil {
		t.Fatal(err)
	}
	slave := openSlave(t, link)
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.HasSuffix(got, []byte("\nlast\n")) {
		n, err := slave.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	exchange(t, p, slave)
}

func TestCloseEndsBothSidesAndTheLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "fob1")
	p := openPort(t, link)
	slave := openSlave(t, link)
	read := make(chan error)
	go func() {
		_, err := p.Read(make([]byte, 1))
		read <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.Errorf("the waiting read ended with %v", err)
	}
	if n, err := slave.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the far end read %d bytes, %v, after the line went", n, err)
	}
	if _, err := slave.Write([]byte("x")); err == nil {
		t.Error("the far end could write after the line went")
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link is still there: %v", err)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a write after Close gave %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("the second Close gave %v", err)
	}
}

func TestLinkOfAnEndedProgramIsReplaced(t *testing.T) {
	link := filepath.Join(t.TempDir(), "fob1")
	if err := os.Symlink("/dev/pts/999999", link); err != nil {
		t.Fatal(err)
	}
	p := openPort(t, link)
	exchange(t, p, openSlave(t, link))

	// The link is another port's now: closing the first leaves it alone.
	q := openPort(t, link)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	exchange(t, q, openSlave(t, link))
	entries, err := os.ReadDir(filepath.Dir(link))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want the link alone", entries, err)
	}
}

func TestWhatIsNoLineIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	toFile := filepath.Join(dir, "link")
	if err := os.Symlink(file, toFile); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder, toFile} {
		p, err := Open(path)
		if err == nil {
			p.Close()
			t.Errorf("%s was replaced", path)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("the error doesn't name %s: %v", path, err)
		}
	}
	if b, err := os.ReadFile(toFile); err != nil || string(b) != "precious" {
		t.Errorf("the file is %q, %v", b, err)
	}
}

func TestPortsLeaveNothingBehind(t *testing.T) {
	link := filepath.Join(t.TempDir(), "fob1")
	descriptors := func() int {
		t.Helper()
		entries, err := os.ReadDir("/dev/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	cycle := func() {
		t.Helper()
		p := openPort(t, link)
		read := make(chan error)
		go func() {
			_, err := p.Read(make([]byte, 1))
			read <- err
		}()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		<-read
	}
	cycle() // the runtime's poller opens its own with the first
	before := descriptors()
	for range 100 {
		cycle()
	}
	if after := descriptors(); after != before {
		t.Errorf("%d descriptors before 100 ports, %d after", before, after)
	}
}
