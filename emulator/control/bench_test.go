package control

import (
	"net/http"
	"testing"

	"github.com/fob-auth/fob/emulator/api"
)

// BenchmarkCardChannel is one command to an emulated key on the bench's socket:
// SELECT, which no touch holds up.
func BenchmarkCardChannel(b *testing.B) {
	h := start(b)
	c := h.card(b, "yk1")
	defer c.Close()
	for b.Loop() {
		c.transmit(b, selectOATH, "79")
	}
}

// BenchmarkTokens is the state of the bench over HTTP, with a connection of
// its own for each question.
func BenchmarkTokens(b *testing.B) {
	h := start(b)
	for b.Loop() {
		if status, _ := h.do(b, "GET", api.PathTokens, ""); status != http.StatusOK {
			b.Fatal(status)
		}
	}
}
