//go:build pcsc && cgo

package pcsc

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/devices"
)

// holders are programs that are known to keep a card for themselves. PC/SC
// doesn't tell who does.
var holders = []string{"scdaemon", "yubikey-agent", "piv-agent", "pivy-agent"}

// held names the program that probably holds the card, in an error that says
// that somebody does: one of the holders that this user runs.
func held(err error) error {
	comms, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is good
	for _, path := range comms {
		name, readErr := os.ReadFile(path)
		program := strings.TrimSpace(string(name))
		if readErr != nil || !slices.Contains(holders, program) {
			continue
		}
		var owner unix.Stat_t
		pid, numErr := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if numErr == nil && unix.Stat(path, &owner) == nil && int(owner.Uid) == os.Getuid() {
			return &devices.HeldError{Program: program, PID: pid, Err: err}
		}
	}
	return err
}
