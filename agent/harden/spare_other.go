//go:build !linux

package harden

// Unmap does nothing on this system.
func Unmap() error { return nil }
