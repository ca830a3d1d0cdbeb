package harden

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestUntouched: only what is read or run of a file, and wasn't changed, is let
// go.
func TestUntouched(t *testing.T) {
	entry := func(line, anonymous string) string {
		return line + "\nSize: 4 kB\nRss: 4 kB\nAnonymous: " + anonymous + " kB\nVmFlags: rd mr mw me\n"
	}
	got, err := untouched([]byte(entry("00400000-00500000 r-xp 00000000 fe:00 12 /usr/bin/fobd", "0") +
		entry("00500000-00600000 r--p 00100000 fe:00 12 /usr/bin/a b", "0") +
		entry("00600000-00700000 r--p 00200000 fe:00 12 /usr/bin/fobd", "4") +
		entry("00700000-00800000 rw-p 00300000 fe:00 12 /usr/bin/fobd", "0") +
		entry("00800000-00900000 r--s 00000000 fe:00 13 /dev/shm/x", "0") +
		entry("c000000000-c000400000 rw-p 00000000 00:00 0", "0") +
		entry("7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]", "0")))
	if want := []mapping{{0x400000, 0x500000}, {0x500000, 0x600000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
	for _, bad := range []string{"x y z\n", "5-4 r-xp 0 fe:00 12 /a\n", "4-5 r-xp\n"} {
		if _, err := untouched([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestUnmap: a hardened process of somebody who isn't root can do it, and goes on
// after it with less in memory.
func TestUnmap(t *testing.T) {
	dir := place(t)
	line, end := started(t, as(t, dir, "unmap"))
	end()
	var before, after int
	if n, err := fmt.Sscanf(line, "%d %d", &before, &after); n != 2 || err != nil || after >= before {
		t.Errorf("kB of files before and after: %q", line)
	}
}

// unmap does it and says how many kB of files were in memory before and after.
func unmap() {
	before := residentFiles()
	if err := errors.Join(Begin(), Unmap()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(before, residentFiles())
}

// residentFiles is RssFile of proc_pid_status(5).
func residentFiles() string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err.Error()
	}
	_, rest, _ := strings.Cut(string(b), "RssFile:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return kib
}
