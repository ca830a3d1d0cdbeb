//go:build linux

package serialfob

import (
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
)

// BenchmarkCode is a code from a scripted fob on a PTY.
func BenchmarkCode(b *testing.B) {
	s := newScripted(b, false)
	token, err := s.driver(b).Open(b.Context(), devices.Slot{Driver: Name, Path: s.path})
	if err != nil {
		b.Fatal(err)
	}
	defer token.Close()
	coder := token.(devices.Coder)
	for b.Loop() {
		if _, err := coder.Code(b.Context(), fobSerial, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
