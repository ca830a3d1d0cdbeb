//go:build !unix

package fobd

import "os"

// hangup is empty: the system has no such signal, and an agent there is
// started again instead.
var hangup []os.Signal
