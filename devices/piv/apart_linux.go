//go:build pcsc && cgo

package piv

import (
	"runtime"
	"syscall"
)

// apart runs f on a thread of its own that ends with f, and with it whatever f
// opened and didn't close. piv-go needs that: where a card is pulled, or
// refuses, while piv.Open selects the applet, it keeps the card connected
// exclusively, with no way to let go; nobody, this program included, could
// open the card again. The PC/SC service lets go of it when the connection to
// the service ends, and that is a file of the thread's.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: so the thread ends here
		if syscall.Gettid() == syscall.Getpid() {
			// The main thread can't end. While it is locked, another goroutine
			// gets another one.
			apart(f)
			runtime.UnlockOSThread()
			return
		}
		// What was open stays usable, and what is opened now is the thread's
		// own (unshare(2)). Where a sandbox forbids that, only the ending is
		// missed.
		_ = syscall.Unshare(syscall.CLONE_FILES)
		f()
	}()
	<-done
}
