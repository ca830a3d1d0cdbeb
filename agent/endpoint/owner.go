package endpoint

// An owner is the process that an endpoint is for.
type owner interface {
	// wait returns when the process has ended, or close was called.
	wait()
	// close ends the watch; it may be called more than once.
	close()
}
