package devicetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
)

func testInfo(t *testing.T, b *bound) {
	slot := b.await(true)
	if slot.Driver == "" || slot.Path == "" || slot.Emulated != b.Emulated {
		t.Errorf("slot is %+v", slot)
	}
	token := b.openSlot(slot)
	info := token.Info()
	if info.Serial != b.Serial || info.Model != b.Model || info.Firmware != b.Firmware {
		t.Errorf("info is %+v, want serial %s, model %s, firmware %s", info, b.Serial, b.Model, b.Firmware)
	}
	if info.Slot != slot {
		t.Errorf("info has slot %+v, opened was %+v", info.Slot, slot)
	}
	if _, ok := token.(devices.Writer); ok != b.Writer {
		t.Errorf("the token takes credentials: %v, want %v", ok, b.Writer)
	}
	clock, ok := token.(devices.Clock)
	if b.Faceless && !info.OwnClock || ok != (info.OwnClock && !b.Faceless) {
		t.Errorf("OwnClock is %v, but the token tells its time: %v", info.OwnClock, ok)
	}
	if !ok {
		return
	}
	first, err := clock.Time(b.ctx)
	if err != nil {
		t.Fatalf("time: %v", err)
	}
	second, err := clock.Time(b.ctx)
	if err != nil || second.Before(first) {
		t.Errorf("the clock goes from %v to %v, %v", first, second, err)
	}
}

func testList(t *testing.T, b *bound) {
	coder := b.coder(b.open())
	var want []devices.Credential
	for _, a := range b.Accounts {
		want = append(want, a.Credential)
	}
	for range 2 {
		got, err := coder.Credentials(b.ctx)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("the token lists\n%+v, want\n%+v", sorted(got), sorted(want))
		}
	}
}

// testCodes compares codes with the oracle: for steps around now and far away
// where the token is told the time, for its present step where it has a clock.
func testCodes(t *testing.T, b *bound) {
	token := b.open()
	coder := b.coder(token)
	for _, a := range b.Accounts {
		if a.Type != devices.TOTP {
			continue
		}
		if clock, ok := token.(devices.Clock); ok {
			b.ownCode(coder, clock, a)
			continue
		}
		if b.Faceless {
			b.facelessCode(coder, a)
			continue
		}
		times := []time.Time{
			time.Unix(0, 0), time.Unix(59, 0), time.Unix(1111111109, 0), time.Unix(20000000000, 0), // RFC 6238, appendix B, and the epoch
			b.Now.Truncate(a.Period), b.Now.Truncate(a.Period).Add(a.Period - time.Nanosecond),
		}
		for step := -2; step <= 2; step++ {
			times = append(times, b.Now.Add(time.Duration(step)*a.Period))
		}
		for _, at := range times {
			code := b.code(coder, a, at)
			if want := uint64(at.Unix()) / uint64(a.Period/time.Second); code.Counter != want {
				t.Errorf("code of %s at %v has counter %d, want %d", a.ID, at, code.Counter, want)
			}
			b.check(a, code)
		}
	}
}

// ownCode checks that a token with a clock answers for the step its clock
// shows, whatever time it is asked for.
func (b *bound) ownCode(coder devices.Coder, clock devices.Clock, a Account) {
	b.t.Helper()
	before, err := clock.Time(b.ctx)
	if err != nil {
		b.t.Fatalf("time: %v", err)
	}
	code := b.code(coder, a, time.Unix(59, 0))
	after, err := clock.Time(b.ctx)
	if err != nil {
		b.t.Fatalf("time: %v", err)
	}
	if code.Start().After(after) || !code.End().After(before) {
		b.t.Errorf("the step from %v to %v is not the clock's, of %v to %v", code.Start(), code.End(), before, after)
	}
	b.check(a, code)
}

// facelessCode checks that a token whose clock comes with its codes answers for
// the step that it shows, whatever time it is asked for.
func (b *bound) facelessCode(coder devices.Coder, a Account) {
	b.t.Helper()
	code := b.code(coder, a, time.Unix(59, 0))
	if code.Clock.IsZero() || code.Start().After(code.Clock) || !code.End().After(code.Clock) {
		b.t.Errorf("the step from %v to %v is not that of the clock, at %v", code.Start(), code.End(), code.Clock)
	}
	b.check(a, code)
}

func testEventBased(t *testing.T, b *bound) {
	coder := b.coder(b.open())
	code, err := coder.Code(b.ctx, b.account(isHOTP).ID, b.Now)
	b.failed(err, devices.ErrUnsupported)
	if code != (devices.Code{}) {
		t.Error("a code came with the error")
	}
}

func testUnknownCredential(t *testing.T, b *bound) {
	coder := b.coder(b.open())
	for _, id := range []string{"", "nobody", b.Accounts[0].ID + " ", "30/" + b.Accounts[0].ID} {
		code, err := coder.Code(b.ctx, id, b.Now)
		b.failed(err, devices.ErrNoCredential)
		if code != (devices.Code{}) {
			t.Errorf("a code came with the error for %q", id)
		}
	}
}

func testRedaction(t *testing.T, b *bound) {
	coder := b.coder(b.open())
	code := b.code(coder, *b.account(isTOTP), b.Now)
	// In the digits' place, what no time, counter or address spells by chance.
	const digits = "hidden"
	code.Digits = digits
	var text strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&text, verb+"\n", code)
		fmt.Fprintf(&text, verb+"\n", code.Digits)
		fmt.Fprintf(&text, verb+"\n", &code)
	}
	encoded, err := json.Marshal(code)
	if err != nil {
		t.Fatal(err)
	}
	text.Write(encoded)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("code", "code", code, "digits", code.Digits)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("code", "code", code, "digits", code.Digits)
	text.Write(log.Bytes())
	for _, spelling := range []string{digits, fmt.Sprintf("%x", digits)} {
		if strings.Contains(text.String(), spelling) {
			t.Errorf("the code is in what was printed:\n%s", text.String())
		}
	}
}

// writes are credentials that try the bounds of what tokens store.
func writes() []Account {
	secret := func(n int) devices.Secret {
		return bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
	}
	totp := func(id string, a devices.Algorithm, digits int, period time.Duration, key int) Account {
		return Account{Secret: secret(key), Credential: devices.Credential{
			ID: id, Type: devices.TOTP, Algorithm: a, Digits: digits, Period: period,
		}}
	}
	return []Account{
		totp("written:plain", devices.SHA1, 6, 30*time.Second, 20),
		totp("written:with/slash: and blank", devices.SHA256, 8, 60*time.Second, 32),
		totp("written:short secret", devices.SHA512, 7, 30*time.Second, 1),
		totp("written:long secret", devices.SHA1, 6, 30*time.Second, 100),
		totp(strings.Repeat("é", 32), devices.SHA512, 8, 30*time.Second, 64),
	}
}

func testWrite(t *testing.T, b *bound) {
	token := b.open()
	writer, coder := token.(devices.Writer), b.coder(token)
	for _, a := range writes() {
		if err := writer.Put(b.ctx, a); err != nil {
			t.Fatalf("put %s: %v", a.ID, err)
		}
		b.failed(writer.Put(b.ctx, a), devices.ErrExists)
		list, err := coder.Credentials(b.ctx)
		if err != nil || !slices.Contains(list, a.Credential) {
			t.Errorf("after the put of %s the token lists %+v, %v", a.ID, list, err)
		}
		b.check(a, b.code(coder, a, b.Now))
		if err := writer.Delete(b.ctx, a.ID); err != nil {
			t.Fatalf("delete %s: %v", a.ID, err)
		}
		b.failed(writer.Delete(b.ctx, a.ID), devices.ErrNoCredential)
		_, err = coder.Code(b.ctx, a.ID, b.Now)
		b.failed(err, devices.ErrNoCredential)
	}
	list, err := coder.Credentials(b.ctx)
	if err != nil || len(list) != len(b.Accounts) {
		t.Errorf("in the end the token lists %+v, %v", list, err)
	}
}
