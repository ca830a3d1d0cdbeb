//go:build unix

package audit

import "golang.org/x/sys/unix"

// noFollow keeps a link from being opened in the log's place.
const noFollow = unix.O_NOFOLLOW
