//go:build unix

package fobd

import (
	"os"
	"syscall"
)

// hangup is the signal at which the config is read again.
var hangup = []os.Signal{syscall.SIGHUP}
