//go:build !linux && !darwin

package fob

import "os"

// A terminal is the one that controls this process.
type terminal struct{ file *os.File }

// openTerminal finds none here.
func openTerminal() *terminal { return nil }

func (t *terminal) flush() {}
