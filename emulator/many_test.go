package emulator

import (
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

// BenchmarkTenThousandFobs plugs in ten thousand fobs on lines in memory, and
// asks each for a code.
func BenchmarkTenThousandFobs(b *testing.B) {
	const many = 10_000
	for b.Loop() {
		file := &File{}
		for i := range many {
			file.Tokens = append(file.Tokens, Spec{
				Kind: api.Fob, Name: fmt.Sprint("fob", i), Serial: fmt.Sprintf("GAHT%08d", i),
				Seed: Secret(rfcKey), Attach: fmt.Sprint("pty:/", i), Button: ButtonAuto,
			})
		}
		ls := &lines{byPath: make(map[string]*testLine, many)}
		for i := range many {
			ls.byPath[fmt.Sprint("/", i)] = newTestLine()
		}
		before := inUse()
		bench, err := New(file, Options{Now: time.Now, Random: rand.Reader, Line: func(path string) (io.ReadWriteCloser, error) { return ls.byPath[path], nil }})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		for i := range many {
			l := ls.byPath[fmt.Sprint("/", i)]
			l.ask("code")
			if got, ok := l.answer(); !ok || !strings.Contains(got, "digits=") {
				b.Fatalf("fob %d answered %q", i, got)
			}
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/10000codes")
		b.ReportMetric(float64(inUse()-before)/many, "B/fob")
		runtime.KeepAlive(file) // it was there before
		if err := bench.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// inUse is the memory that the heap and the goroutines' stacks hold.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
