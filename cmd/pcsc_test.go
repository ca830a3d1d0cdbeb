//go:build pcsc && linux

package cmd_test

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
	"github.com/fob-auth/fob/devices/pcsc"
	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/benchtest"
	"github.com/fob-auth/fob/emulator/reader"
)

// buildHandler builds the readers' handler for one test.
func buildHandler(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "libifdfob.so")
	if err := compileHandler(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// startReaders starts a bench with its readers in a private pcscd, which this
// process's PC/SC clients find. libpcsclite looks once where its service is, so
// that a test binary can have one at a time, and always at the same place.
func startReaders(t *testing.T, tokens string) *emulator.Bench {
	t.Helper()
	b := benchtest.StartFile(t, "tokens:\n"+tokens).Emulator
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("fobt%d", os.Getpid()))
	d, err := reader.Start(t.Context(), b, reader.Options{Handler: buildHandler(t), Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if errors.Is(err, reader.ErrNotInstalled) {
		t.Skip("needs pcscd to be installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv(reader.SocketVariable, d.Socket())
	return b
}

// TestPCSCConforms runs the suite that every driver passes through the system's
// own PC/SC library and service.
func TestPCSCConforms(t *testing.T) {
	b32 := base32.StdEncoding.EncodeToString([]byte(rfcSecret))
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, interface: nfc, touch: manual, touch_timeout: 4s, credentials: [
     {name: "AWS:carol", secret: `+b32+`}, {name: "eight", secret: `+b32+`, digits: 8, period: 60, algorithm: SHA256}, {name: "touch", secret: `+b32+`, touch: true, algorithm: SHA512, digits: 7}]}
`)
	devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
		token, err := b.Token("yk1")
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Unplug(); err != nil {
			t.Fatal(err)
		}
		awaitEmpty(t, pcsc.New()) // what comes next is no news of the last test's
		if err := errors.Join(token.Reset(), token.Plug()); err != nil {
			t.Fatal(err)
		}
		f := devicetest.Fixture{Driver: pcsc.New(), Serial: "12345678", Model: "YubiKey", Firmware: "5.4.3", Emulated: true, Writer: true,
			Accounts: []devicetest.Account{
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "AWS:carol", Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second}},
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "eight", Type: devices.TOTP, Algorithm: devices.SHA256, Digits: 8, Period: 60 * time.Second}},
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "touch", Type: devices.TOTP, Algorithm: devices.SHA512, Digits: 7, Period: 30 * time.Second, Touch: true}},
			}}
		levers(t, b, "yk1", &f)
		return f
	})
}

// awaitEmpty returns once a driver sees no token.
func awaitEmpty(t *testing.T, d devices.Driver) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sets := make(chan []devices.Slot)
	ended := make(chan error, 1)
	go func() { ended <- d.Watch(ctx, sets) }()
	for {
		select {
		case set := <-sets:
			if len(set) == 0 {
				cancel()
				<-ended
				return
			}
		case err := <-ended:
			t.Fatalf("the token never went: %v", err)
		}
	}
}

// TestCodesOfOathtool compares the keys' codes, through PC/SC, with those of
// another implementation: any algorithm, length, step, time, and secret, up to
// 128 bytes that a key keeps whole and longer ones that HMAC hashes first. The
// credentials are those of a seed, which stands in the log.
func TestCodesOfOathtool(t *testing.T) {
	if !installed("oathtool") {
		t.Skip("needs oathtool to be installed")
	}
	startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 437, firmware: 4.3.7, attach: reader}
  - {kind: yubikey, name: yk2, serial: 527, firmware: 5.2.7, attach: reader}
  - {kind: yubikey, name: yk3, serial: 543, firmware: 5.4.3, attach: reader}
  - {kind: yubikey, name: yk4, serial: 571, firmware: 5.7.1, attach: reader}
`)
	keys := openKeys(t, 4)
	serials := slices.Sorted(maps.Keys(keys))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	source := rand.New(rand.NewPCG(seed, 0))
	right, longest, latest := 0, 0, int64(0)
	for i := range 500 {
		serial := serials[i%len(serials)]
		a, at := randomCredential(source, i)
		got, want := codeOfKey(t, keys[serial], a, at), codeOfOathtool(t, a, at)
		if got != want {
			t.Errorf("key %s: code %d of %+v at %d is %s, oathtool says %s", serial, i, a.Credential, at.Unix(), got, want)
			continue
		}
		right++
		longest, latest = max(longest, len(a.Secret)), max(latest, at.Unix())
	}
	t.Logf("figure: %d of 500 random credentials, on four firmware versions, have oathtool's code through pcscd: secrets of up to %d bytes, times up to %d", right, longest, time.Unix(latest, 0).UTC().Year())
}

// randomCredential is the i-th credential of a source, and a time for its code.
func randomCredential(r *rand.Rand, i int) (devices.NewCredential, time.Time) {
	algorithms := []devices.Algorithm{devices.SHA1, devices.SHA256, devices.SHA512}
	a := devices.NewCredential{Secret: make(devices.Secret, 1+r.IntN(160)), Credential: devices.Credential{
		ID: fmt.Sprintf("issuer %d:name", i), Type: devices.TOTP, Algorithm: algorithms[r.IntN(3)], Digits: 6 + r.IntN(3),
		Period: time.Duration(1+r.IntN(120)) * time.Second}}
	for j := range a.Secret {
		a.Secret[j] = byte(r.Uint32())
	}
	return a, time.Unix(r.Int64N(1<<32), 0)
}

// codeOfKey is a credential's code, which is on the key for just that.
func codeOfKey(t *testing.T, token devices.Token, a devices.NewCredential, at time.Time) string {
	t.Helper()
	writer := token.(devices.Writer)
	if err := writer.Put(t.Context(), a); err != nil {
		t.Fatalf("put %+v: %v", a.Credential, err)
	}
	code, err := token.(devices.Coder).Code(t.Context(), a.ID, at)
	if err != nil {
		t.Fatalf("code of %+v: %v", a.Credential, err)
	}
	if err := writer.Delete(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	return code.Digits.Reveal()
}

func codeOfOathtool(t *testing.T, a devices.NewCredential, at time.Time) string {
	t.Helper()
	out, err := exec.Command("oathtool", "--totp="+string(a.Algorithm), fmt.Sprint("--digits=", a.Digits), fmt.Sprint("--time-step-size=", a.Period),
		fmt.Sprint("--now=@", at.Unix()), hex.EncodeToString(a.Secret.Reveal())).Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// TestPlugsBesideRequests takes a key out a thousand times while it is asked for
// a code, at each of its commands in turn or at any moment, and puts it back:
// each request ends, with the right code or as on a key that is gone, and
// nothing of it stays behind.
func TestPlugsBesideRequests(t *testing.T) {
	b32 := base32.StdEncoding.EncodeToString([]byte(rfcSecret))
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, interface: nfc, credentials: [{name: a, secret: `+b32+`, digits: 8}]}
`)
	key, err := b.Token("yk1")
	if err != nil {
		t.Fatal(err)
	}
	driver := pcsc.New()
	ctx, cancel := context.WithCancel(t.Context())
	sets, ended := make(chan []devices.Slot), make(chan error, 1)
	go func() { ended <- driver.Watch(ctx, sets) }()
	defer func() { cancel(); <-ended }()

	codes, lost := 0, 0
	last := nextSlot(ctx, t, sets, devices.Slot{})
	if _, err := oneCode(ctx, driver, last); err != nil {
		t.Fatal(err)
	}
	before := atRest(t, holdings{})
	for i := range 1000 {
		out := make(chan error, 1)
		if i%2 == 0 {
			out <- key.AddFault(api.Fault{Kind: api.FaultRemove, After: i / 2 % 12})
		} else {
			go func() { out <- key.Unplug() }()
		}
		switch digits, err := oneCode(ctx, driver, last); {
		case err == nil && digits == "94287082": // RFC 6238, appendix B
			codes++
		case errors.Is(err, devices.ErrRemoved):
			lost++
		default:
			t.Fatalf("code %q, %v", digits, err)
		}
		if err := errors.Join(<-out, key.Reset(), key.Unplug(), key.Plug()); err != nil {
			t.Fatal(err)
		}
		last = nextSlot(ctx, t, sets, last)
	}
	after := atRest(t, before)
	t.Logf("figure: 1000 removals beside requests: %d codes, %d requests to a key that was gone; before %+v, after %+v", codes, lost, before, after)
}

// TestReadersComeAndGo takes keys out with their readers and puts them back in the
// other order, in which each is in the other's place by name: what was open says
// that it is gone, and no key is taken for the other.
func TestReadersComeAndGo(t *testing.T) {
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader}
  - {kind: yubikey, name: yk2, serial: 87654321, firmware: 5.4.3, attach: reader}
`)
	driver := pcsc.New()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	sets, ended := make(chan []devices.Slot), make(chan error, 1)
	go func() { ended <- driver.Watch(ctx, sets) }()
	defer func() { cancel(); <-ended }()
	await := func(n int) []devices.Slot {
		t.Helper()
		for {
			select {
			case set := <-sets:
				if len(set) == n {
					return set
				}
			case <-ctx.Done():
				t.Fatalf("never %d keys", n)
			}
		}
	}
	serials := []string{"12345678", "87654321"}
	names := []string{"yk1", "yk2"}
	set := await(2)
	for range 3 {
		var open []devices.Token
		for i, s := range set {
			token, err := driver.Open(ctx, s)
			if err != nil || token.Info().Serial != serials[i] {
				t.Fatalf("%s is not %s: %v", s.Path, serials[i], err)
			}
			open = append(open, token)
		}
		slices.Reverse(serials)
		slices.Reverse(names)
		for _, name := range names {
			pull(t, b, name, (*emulator.Token).Unplug)
		}
		await(0)
		for i, name := range names {
			pull(t, b, name, (*emulator.Token).Plug)
			set = await(i + 1)
		}
		for i, token := range open {
			if _, err := token.(devices.Coder).Credentials(ctx); !errors.Is(err, devices.ErrRemoved) {
				t.Errorf("a key that was out, number %d: %v", i, err)
			}
			token.Close()
		}
	}
}

func pull(t *testing.T, b *emulator.Bench, name string, hand func(*emulator.Token) error) {
	t.Helper()
	token, err := b.Token(name)
	if err == nil {
		err = hand(token)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// holdings are what a leak would show in.
type holdings struct{ Goroutines, Descriptors int }

// atRest returns what the process holds once that is no more than it was, or
// at once where nothing was said. What was let go of may take a moment.
func atRest(t *testing.T, was holdings) holdings {
	t.Helper()
	late := time.After(patience)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		now := holdings{runtime.NumGoroutine(), len(fds)}
		if was == (holdings{}) || now.Goroutines <= was.Goroutines && now.Descriptors <= was.Descriptors {
			return now
		}
		select {
		case <-look.C:
		case <-late:
			stacks := make([]byte, 1<<20)
			t.Fatalf("the process held %+v and now %+v:\n%s", was, now, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestCardIsFreeBetweenCodes: as soon as a code is there another program can have
// the card, even for itself alone.
func TestCardIsFreeBetweenCodes(t *testing.T) {
	b32 := base32.StdEncoding.EncodeToString([]byte(rfcSecret))
	startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, credentials: [{name: a, secret: `+b32+`, digits: 8}]}
`)
	driver := pcsc.New()
	slot := awaitToken(t, driver)
	token, err := driver.Open(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	service, err := scard.EstablishContext()
	if err != nil {
		t.Fatal(err)
	}
	defer service.Release()
	for i := range 100 {
		if code, err := token.(devices.Coder).Code(t.Context(), "a", time.Unix(59, 0)); err != nil || code.Digits.Reveal() != "94287082" {
			t.Fatalf("code %d: %v, %v", i, code, err)
		}
		card, err := service.Connect(slot.Path, scard.ShareExclusive, scard.ProtocolT1)
		if err != nil {
			t.Fatalf("after code %d: %v", i, err)
		}
		if err := card.Disconnect(scard.ResetCard); err != nil {
			t.Fatal(err)
		}
	}
}

// nextSlot is the place of the key that was put in after another one. The wait
// is bounded key by key: how long a thousand of them take is the machine's.
func nextSlot(ctx context.Context, t *testing.T, sets <-chan []devices.Slot, last devices.Slot) devices.Slot {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		select {
		case set := <-sets:
			if len(set) == 1 && set[0] != last {
				return set[0]
			}
		case <-ctx.Done():
			t.Fatal("the key never came back")
		}
	}
}

// oneCode opens the key in a slot and asks for one code.
func oneCode(ctx context.Context, d devices.Driver, s devices.Slot) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := d.Open(ctx, s)
	if err != nil {
		return "", err
	}
	defer token.Close()
	code, err := token.(devices.Coder).Code(ctx, "a", time.Unix(59, 0))
	return code.Digits.Reveal(), err
}
