//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// trusted refuses a file that somebody else can change. That its group can is
// what some systems' umask makes of any file, and is let pass unless the file
// decides where codes go to or what is trusted.
func trusted(info fs.FileInfo, endpoint bool) error {
	return trustedBy(info, endpoint, os.Geteuid())
}

func trustedBy(info fs.FileInfo, endpoint bool, uid int) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid && st.Uid != 0 {
		return fmt.Errorf("belongs to uid %d, not to uid %d", st.Uid, uid)
	}
	mode := info.Mode().Perm()
	if mode&0o002 != 0 {
		return fmt.Errorf("can be written by everybody (mode %04o); chmod 600 it", mode)
	}
	if mode&0o020 != 0 && endpoint {
		return fmt.Errorf("decides where codes go to or what is trusted, and can be written by its group (mode %04o); chmod 600 it", mode)
	}
	return nil
}
