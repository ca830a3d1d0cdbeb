//go:build !unix

package harden

// Begin has nothing to do on this system.
func Begin() error { return nil }
