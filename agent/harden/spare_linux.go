package harden

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Unmap lets go of the pages of the program's file, and of its libraries', that
// are in memory because the start needed them, which is most of what an agent at
// rest would have: one that is needed again comes back from the page cache. It
// touches only what was never written to (proc(5), /proc/pid/smaps; madvise(2),
// MADV_DONTNEED).
func Unmap() error {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	maps, err := untouched(text)
	if err != nil {
		return err
	}
	for _, m := range maps {
		// Else one address that is needed again may bring two MiB. A kernel
		// without huge pages refuses.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_NOHUGEPAGE)
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise: %w", errno)
		}
	}
	return nil
}

// A mapping is a range of addresses.
type mapping struct{ start, end uintptr }

// untouched returns the mappings of files that may not be written to and have
// no page of their own, which a relocation would have made.
func untouched(smaps []byte) ([]mapping, error) {
	var all []mapping
	var m mapping
	candidate := false
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) < 2 {
			continue
		}
		if name, ok := bytes.CutSuffix(fields[0], []byte(":")); ok {
			if candidate && string(name) == "Anonymous" && string(fields[1]) == "0" {
				all = append(all, m)
			}
			continue
		}
		// start-end perms offset device inode path
		from, to, ok := bytes.Cut(fields[0], []byte("-"))
		start, startErr := strconv.ParseUint(string(from), 16, 64)
		end, endErr := strconv.ParseUint(string(to), 16, 64)
		if !ok || startErr != nil || endErr != nil || end < start || len(fields) < 5 {
			return nil, fmt.Errorf("smaps: a line that is none: %q", lines.Bytes())
		}
		m = mapping{uintptr(start), uintptr(end)}
		perms := string(fields[1])
		candidate = (perms == "r-xp" || perms == "r--p") && string(fields[4]) != "0"
	}
	return all, nil
}
