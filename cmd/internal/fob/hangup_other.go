//go:build !unix

package fob

import "errors"

// hangUp says that there is no such signal here.
func hangUp(int) error { return errors.New("this system has no signal for that") }
