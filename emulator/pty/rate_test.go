//go:build linux || (unix && cgo)

package pty

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tarm/serial"
)

func TestRateIsTheFarEnds(t *testing.T) {
	link := filepath.Join(t.TempDir(), "fob1")
	p := openPort(t, link)
	for _, want := range []int{9600, 115200, 1200} {
		port, err := serial.OpenPort(&serial.Config{Name: link, Baud: want, ReadTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.Rate(); got != want || !ok {
			t.Errorf("rate is %d, %t, want %d", got, ok, want)
		}
		if err := port.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Rate(); ok {
		t.Error("a line that is gone has a rate")
	}
}
