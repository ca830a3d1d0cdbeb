package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

// A maker makes sessions with fresh secrets, and doesn't keep them.
type maker struct{}

func (maker) Make(context.Context, Want) (sts.Session, error) {
	var b [16]byte
	rand.Read(b[:])
	return sts.Session{Keys: sts.Keys{AccessKeyID: "ASIA", SecretAccessKey: sts.Secret(hex.EncodeToString(b[:])), SessionToken: "t"},
		Date: time.Now(), Expiration: time.Now().Add(time.Hour)}, nil
}

// TestNothingHoldsWhatWasDropped: a session's secret of 32 characters is on the
// heap while it is cached, and after Clear nothing holds it any more. That the
// memory was overwritten is more than Go can promise.
func TestNothingHoldsWhatWasDropped(t *testing.T) {
	e := New(t.Context(), maker{}, func(string) time.Time { return time.Now() }, slog.New(slog.DiscardHandler))
	want := Want{Profile: "dev", Plan: sts.Plan{Call: sts.GetSessionToken, Duration: time.Hour}}
	held := 0
	for range 100 {
		entry, _, err := e.Get(t.Context(), want, false)
		if err != nil {
			t.Fatal(err)
		}
		// Turned around, what is looked for isn't itself what is found.
		turned := []byte(entry.Session.Keys.SecretAccessKey.Reveal())
		for i, j := 0, len(turned)-1; i < j; i, j = i+1, j-1 {
			turned[i], turned[j] = turned[j], turned[i]
		}
		entry = Entry{}
		if !onHeap(t, turned) {
			t.Fatal("the secret isn't found while it is cached, so that nothing is proven")
		}
		if err := e.Clear(); err != nil {
			t.Fatal(err)
		}
		if onHeap(t, turned) {
			held++
		}
	}
	t.Logf("figure: of 100 secrets of sessions that were dropped, %d are still held", held)
	if held > 0 {
		t.Error("what was dropped is still there")
	}
}

// onHeap reports whether the text, given from its end to its beginning, is in
// an object that lives.
func onHeap(t *testing.T, turned []byte) bool {
	t.Helper()
	// Twice: a finalizer or a pool holds what it has for one round.
	runtime.GC()
	runtime.GC()
	f, err := os.Create(filepath.Join(t.TempDir(), "heap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	debug.WriteHeapDump(f.Fd())
	dump, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	for i := len(turned) - 1; i < len(dump); {
		at := bytes.IndexByte(dump[i:], turned[0])
		if at < 0 {
			return false
		}
		i += at
		n := 0
		for n < len(turned) && i-n >= 0 && dump[i-n] == turned[n] {
			n++
		}
		if n == len(turned) {
			return true
		}
		i++
	}
	return false
}
