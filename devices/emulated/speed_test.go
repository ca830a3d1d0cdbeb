package emulated

import (
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
)

// BenchmarkCode is a code over a bench's socket from a scripted key.
func BenchmarkCode(b *testing.B) {
	bench := newBench(b, newKey())
	token, err := New(bench.socket).Open(b.Context(), devices.Slot{Driver: Name, Path: bench.socket + "#yk 1#/"})
	if err != nil {
		b.Fatal(err)
	}
	defer token.Close()
	coder := token.(devices.Coder)
	for b.Loop() {
		if _, err := coder.Code(b.Context(), "AWS:carol", time.Unix(59, 0)); err != nil {
			b.Fatal(err)
		}
	}
}
