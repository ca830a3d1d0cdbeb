//go:build !linux

package harden

import "errors"

// Places are folders and files, by their paths.
type Places struct{ Read, Write, Devices []string }

// Landlock is 0: this system has none.
func Landlock() int { return 0 }

// Exec isn't to be called where there is no Landlock.
func Exec(Places, []string) error { return errors.New("this system has no Landlock") }
