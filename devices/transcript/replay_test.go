package transcript_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
	"github.com/fob-auth/fob/devices/transcript"
)

// accounts are those of the keys whose sessions testdata holds.
func accounts() []devicetest.Account {
	totp := func(id string, a devices.Algorithm, digits int, period time.Duration, touch bool) devicetest.Account {
		return devicetest.Account{Secret: devices.Secret("any"), Credential: devices.Credential{
			ID: id, Type: devices.TOTP, Algorithm: a, Digits: digits, Period: period, Touch: touch}}
	}
	return []devicetest.Account{
		totp("AWS:carol", devices.SHA1, 6, 30*time.Second, false),
		totp("eight", devices.SHA256, 8, 60*time.Second, false),
		totp("touch", devices.SHA1, 7, 30*time.Second, true),
	}
}

// TestReplayConforms runs the suite that every driver passes over recorded keys
// of four firmware versions; a command that differs in a byte ends a session.
func TestReplayConforms(t *testing.T) {
	for _, firmware := range []string{"5.7.1", "5.4.3", "5.2.7", "4.3.7"} {
		t.Run(firmware, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(filepath.Join("testdata", "yubikey-"+firmware+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			tests := make(map[string][]transcript.Session)
			commands := 0
			for _, f := range archive.Files {
				if tests[f.Name], err = transcript.Decode(f.Data); err != nil {
					t.Fatal(err)
				}
				commands += strings.Count(string(f.Data), "\n> ")
			}
			devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
				replay := transcript.NewReplay("yk1", tests[t.Name()[strings.LastIndex(t.Name(), "/")+1:]])
				return devicetest.Fixture{Driver: replay, Serial: "12345678", Model: "YubiKey", Firmware: firmware, Emulated: true, Writer: true,
					Accounts: accounts(), StandIn: devices.Secret(transcript.StandIn),
					Waiting: replay.Waiting, Press: func() { replay.Happen("press") }, Unplug: replay.Unplug, Plug: replay.Plug}
			})
			t.Logf("figure: %d tests of %d recorded commands on a replayed key of firmware %s", len(tests), commands, firmware)
		})
	}
}

const oneCode = `
# A key with one account.
session emulated yk1
> 00A4040008A000000527471117
< 25µs 5669727475616C206D6772202D2046572076657273696F6E20352E342E339000
> 001D000000
< 12µs 2301020031020400BC614E0401010503050403030200310602000007010F0801000A01009000
> 00A4040007A0000005272101
< 11µs 79030504037108DBE5882E257968349000
`

// TestReplayFailsLoudly: a command that isn't next is an error that shows both,
// as is all that follows, and one opening too many.
func TestReplayFailsLoudly(t *testing.T) {
	sessions, err := transcript.Decode([]byte(oneCode))
	if err != nil {
		t.Fatal(err)
	}
	replay := transcript.NewReplay("yk1", sessions)
	card, err := replay.Transport()
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := card.Transmit(t.Context(), []byte("\x00\xA4\x04\x00\x08\xA0\x00\x00\x05\x27\x47\x11\x17")); err != nil || len(answer) < 2 {
		t.Fatalf("%X, %v", answer, err)
	}
	for range 2 {
		_, err := card.Transmit(t.Context(), []byte{0, 0x1D, 1, 0, 0})
		if !errors.Is(err, transcript.ErrUnexpected) || !strings.Contains(err.Error(), "001D010000") || !strings.Contains(err.Error(), "001D000000") {
			t.Errorf("another command: %v", err)
		}
	}
	if _, err := replay.Transport(); !errors.Is(err, transcript.ErrUnexpected) {
		t.Errorf("a session too many: %v", err)
	}
}

// TestReplayEndsWithTheToken: a session ends as on a card: when it is closed,
// unplugged or given up.
func TestReplayEndsWithTheToken(t *testing.T) {
	sessions, err := transcript.Decode([]byte("session a\n> 00FD0000\n* press\n< 1s 9000\nsession b\n> 00FD0000\n! 1s busy\n> 00FD0000\n! 1s silent\n> 00FD0000\n! 1s failed\n> 00FD0000\n"))
	if err != nil {
		t.Fatal(err)
	}
	replay := transcript.NewReplay("yk1", sessions)
	first, err := replay.Transport()
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := first.Transmit(t.Context(), []byte{0, 0xFD, 0, 0})
		result <- err
	}()
	if err := replay.Waiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	replay.Unplug()
	if err := <-result; !errors.Is(err, devices.ErrRemoved) {
		t.Errorf("unplugged: %v", err)
	}
	if _, err := replay.Transport(); !errors.Is(err, devices.ErrRemoved) {
		t.Errorf("opened while out: %v", err)
	}
	replay.Plug()
	second, err := replay.Transport()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{devices.ErrBusy, devices.ErrSilent, devices.ErrAnswer, transcript.ErrUnexpected} {
		if _, err := second.Transmit(t.Context(), []byte{0, 0xFD, 0, 0}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := replay.Waiting(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for nothing: %v", err)
	}
}
