//go:build pcsc && (cgo || windows) && !linux

package pcsc

// held is err: this platform doesn't tell who runs.
func held(err error) error { return err }
