package oath_test

import (
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
)

// BenchmarkCode is a code from a card that takes no time: SELECT, LIST and
// CALCULATE.
func BenchmarkCode(b *testing.B) {
	token, err := oath.Open(b.Context(), key(totp("a"), totp("b"), totp("c")), slot)
	if err != nil {
		b.Fatal(err)
	}
	coder := devices.Coder(token)
	for b.Loop() {
		if _, err := coder.Code(b.Context(), "b", time.Unix(59, 0)); err != nil {
			b.Fatal(err)
		}
	}
}
