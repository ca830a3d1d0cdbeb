//go:build pcsc && ((cgo && !linux) || windows)

package piv

// apart runs f. Only Linux can end what piv.Open leaves open when it fails.
func apart(f func()) { f() }
