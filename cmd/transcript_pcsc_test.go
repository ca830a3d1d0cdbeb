//go:build pcsc && linux

package cmd_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/pcsc"
	"github.com/fob-auth/fob/devices/transcript"
)

// TestPCSCTranscript records a key through the system's PC/SC service and
// replays it: the replay lists what the key lists, and gives a code for the same
// step, which is not the key's.
func TestPCSCTranscript(t *testing.T) {
	b32 := base32.StdEncoding.EncodeToString([]byte("a key that stays where it is"))
	startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, credentials: [{name: a, secret: `+b32+`}, {name: b, secret: `+b32+`, digits: 8, algorithm: SHA512}]}
`)
	var text page
	recorder := &transcript.Recorder{New: func(devices.Slot) (io.WriteCloser, error) { return &text, nil }, Now: time.Now, Failed: func(err error) { t.Error(err) }}
	driver := pcsc.New()
	driver.Tap = recorder.Wrap
	listed, code := useKey(t, driver)

	sessions, err := transcript.Decode(bytes.Clone(text.Bytes()))
	if err != nil || len(sessions) != 1 {
		t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	listedAgain, replayed := useKey(t, transcript.NewReplay("replayed", sessions))
	if !slices.Equal(listed, listedAgain) || len(listed) != 2 {
		t.Errorf("listed is %+v, and by the replay %+v", listed, listedAgain)
	}
	if code.Counter != replayed.Counter || code.Digits == replayed.Digits {
		t.Errorf("codes of steps %d and %d, the same: %t", code.Counter, replayed.Counter, code.Digits == replayed.Digits)
	}
	if got := replayed.Digits.Reveal(); got != "287082" { // RFC 4226, appendix D, count 1
		t.Errorf("the replay's code is %s", got)
	}
}

// useKey lists a key's credentials and takes a code.
func useKey(t *testing.T, driver devices.Driver) ([]devices.Credential, devices.Code) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	token, err := driver.Open(ctx, awaitToken(t, driver))
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	coder := token.(devices.Coder)
	list, err := coder.Credentials(ctx)
	if err != nil {
		t.Fatal(err)
	}
	code, err := coder.Code(ctx, "a", time.Unix(59, 0))
	if err != nil {
		t.Fatal(err)
	}
	return list, code
}
