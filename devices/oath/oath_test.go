package oath_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
	"github.com/fob-auth/fob/devices/oath/oathtest"
	"github.com/fob-auth/fob/firmware/apdu"
)

var rfcSecret = []byte("12345678901234567890")

var slot = devices.Slot{Driver: "test", Path: "slot 1"}

func key(accounts ...oathtest.Account) *oathtest.Key {
	return &oathtest.Key{Serial: 12345678, Version: [3]byte{5, 4, 3}, Accounts: accounts}
}

func totp(name string) oathtest.Account {
	return oathtest.Account{Name: name, Type: 0x21, Digits: 8, Secret: rfcSecret}
}

func open(t *testing.T, tr devices.Transport) *oath.Key {
	t.Helper()
	token, err := oath.Open(t.Context(), tr, slot)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestVectors are those of RFC 6238, appendix B, for SHA-1.
func TestVectors(t *testing.T) {
	token := open(t, key(totp("rfc")))
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		code, err := token.Code(t.Context(), "rfc", time.Unix(at, 0))
		if err != nil || code.Digits.Reveal() != want || code.Counter != uint64(at/30) || code.Period != 30*time.Second {
			t.Errorf("code at %d is %s of step %d, %v; want %s", at, code.Digits.Reveal(), code.Counter, err, want)
		}
	}
}

func TestOpenTellsWhatTheKeyIs(t *testing.T) {
	tests := map[string]struct {
		change   func(*oathtest.Key)
		firmware string
		notes    []string
		err      error
	}{
		"whole":                 {func(*oathtest.Key) {}, "5.4.3", nil, nil},
		"without management":    {func(k *oathtest.Key) { k.NoManagement = true }, "5.4.3", nil, nil},
		"answers in pieces":     {func(k *oathtest.Key) { k.Chunk = 5 }, "5.4.3", nil, nil},
		"with a password":       {func(k *oathtest.Key) { k.Password = true }, "5.4.3", []string{"OATH password set"}, nil},
		"without OATH":          {func(k *oathtest.Key) { k.NoOATH = true }, "", nil, devices.ErrUnsupported},
		"without serial number": {func(k *oathtest.Key) { k.Serial = 0 }, "", nil, devices.ErrUnsupported},
		"without both":          {func(k *oathtest.Key) { k.NoManagement, k.NoOTP = true, true }, "", nil, devices.ErrUnsupported},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := key()
			test.change(k)
			token, err := oath.Open(t.Context(), k, slot)
			if !errors.Is(err, test.err) {
				t.Fatalf("open: %v, want %v", err, test.err)
			}
			if test.err != nil {
				var tried *devices.Error
				if !errors.As(err, &tried) || tried.Token != slot.Path {
					t.Errorf("error %q doesn't name the slot", err)
				}
				return
			}
			info := token.Info()
			if info.Serial != "12345678" || info.Model != "YubiKey" || info.Firmware != test.firmware ||
				info.OwnClock || info.Slot != slot || !slices.Equal(info.Notes, test.notes) {
				t.Errorf("info is %+v", info)
			}
		})
	}
}

func TestPassword(t *testing.T) {
	k := key(totp("a"))
	k.Password = true
	token := open(t, k)
	_, err := token.Credentials(t.Context())
	_, errCode := token.Code(t.Context(), "a", time.Unix(59, 0))
	for op, err := range map[string]error{
		"list": err, "code": errCode, "delete": token.Delete(t.Context(), "a"),
		"put": token.Put(t.Context(), account("b", 6, 30*time.Second)),
	} {
		if !errors.Is(err, devices.ErrPassword) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// sesameKey is what the password "sesame" stands for on the scripted key, by
// another implementation: hashlib.pbkdf2_hmac("sha1", b"sesame",
// bytes(range(1, 9)), 1000, 16).
const sesameKey = "0f31a442dc1a9d1ac8050d856548cb52"

func TestUnlock(t *testing.T) {
	access, err := hex.DecodeString(sesameKey)
	if err != nil {
		t.Fatal(err)
	}
	k := key(totp("rfc"))
	k.Password, k.Access = true, access
	token := open(t, k)
	for _, wrong := range []string{"", "Sesame", "sesame ", strings.Repeat("s", 2000)} {
		if _, err := token.Unlock(t.Context(), devices.Secret(wrong)); !errors.Is(err, devices.ErrPassword) {
			t.Errorf("password %q: %v", wrong, err)
		}
	}
	if err := token.UnlockWith(t.Context(), devices.Secret("not this one....")); !errors.Is(err, devices.ErrPassword) {
		t.Errorf("another key: %v", err)
	}
	if _, err := token.Credentials(t.Context()); !errors.Is(err, devices.ErrPassword) {
		t.Errorf("still locked, and it lists: %v", err)
	}
	got, err := token.Unlock(t.Context(), devices.Secret("sesame"))
	if err != nil || hex.EncodeToString(got.Reveal()) != sesameKey {
		t.Fatalf("unlock: %v", err)
	}
	clear(got) // it is the caller's own
	for range 2 {
		code, err := token.Code(t.Context(), "rfc", time.Unix(59, 0))
		if err != nil || code.Digits.Reveal() != "94287082" {
			t.Fatalf("code: %v", err)
		}
	}

	// Changed by somebody else meanwhile: the old one isn't tried twice.
	k.Access = []byte("another one.....")
	tries := 0
	k.Tap = func(cmd apdu.Command) ([]byte, bool) {
		if cmd.INS == 0xA3 {
			tries++
		}
		return nil, false
	}
	for range 3 {
		if _, err := token.Credentials(t.Context()); !errors.Is(err, devices.ErrPassword) {
			t.Errorf("the password was changed: %v", err)
		}
	}
	if tries != 1 {
		t.Errorf("the old password was tried %d times", tries)
	}

	// A key that lets everybody in knows nothing.
	k.Tap = func(cmd apdu.Command) ([]byte, bool) {
		return append([]byte{0x75, 20}, append(make([]byte, 20), 0x90, 0x00)...), cmd.INS == 0xA3
	}
	if _, err := token.Unlock(t.Context(), devices.Secret("sesame")); !errors.Is(err, devices.ErrAnswer) {
		t.Errorf("a key that doesn't know the password: %v", err)
	}
	k.Tap, k.Password = nil, false
	if err := token.UnlockWith(t.Context(), access); !errors.Is(err, devices.ErrUnsupported) {
		t.Errorf("no password any more: %v", err)
	}
	if list, err := token.Credentials(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("no password any more: %v, %v", list, err)
	}
}

func account(id string, digits int, period time.Duration) devices.NewCredential {
	return devices.NewCredential{Secret: rfcSecret, Credential: devices.Credential{
		ID: id, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: digits, Period: period,
	}}
}

// TestNames: what people call a credential, by what the applet stores.
func TestNames(t *testing.T) {
	tests := []struct {
		stored string
		typ    byte
		id     string
		period time.Duration
	}{
		{"AWS:carol", 0x21, "AWS:carol", 30 * time.Second},
		{"60/Foo:bob", 0x22, "Foo:bob", time.Minute},
		{"30/half", 0x23, "half", 30 * time.Second},
		{"86400/day", 0x21, "day", 24 * time.Hour},
		{"86401/more", 0x21, "86401/more", 30 * time.Second},
		{"0/zero", 0x21, "0/zero", 30 * time.Second},
		{"/slash", 0x21, "/slash", 30 * time.Second},
		{"60/", 0x21, "60/", 30 * time.Second},
		{"+60/sign", 0x21, "+60/sign", 30 * time.Second},
		{"99999999999999999999/big", 0x21, "99999999999999999999/big", 30 * time.Second},
		{"60/counts", 0x11, "60/counts", 0},
		{"same", 0x21, "same", 30 * time.Second},
		{"60/same", 0x21, "60/same", time.Minute},
		{"bell\a\x9b", 0x21, `"bell\a\x9b"`, 30 * time.Second},
	}
	k := key()
	want := make(map[string]time.Duration)
	for _, test := range tests {
		k.Accounts = append(k.Accounts, oathtest.Account{Name: test.stored, Type: test.typ, Digits: 6, Secret: rfcSecret})
		want[test.id] = test.period
	}
	token := open(t, k)
	list, err := token.Credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(tests) {
		t.Errorf("%d credentials listed, want %d", len(list), len(tests))
	}
	for _, c := range list {
		period, ok := want[c.ID]
		if !ok || c.Period != period {
			t.Errorf("%q is listed with a period of %v, want %v (%v)", c.ID, c.Period, period, ok)
		}
		if c.Type == devices.HOTP {
			continue
		}
		at := time.Unix(1111111109, 0)
		code, err := token.Code(t.Context(), c.ID, at)
		if err != nil || code.Counter != uint64(at.Unix())/uint64(period/time.Second) {
			t.Errorf("code of %q: step %d, %v", c.ID, code.Counter, err)
		}
	}
}

// TestStrangersDontBreakAListing: credentials of other kinds are left out.
func TestStrangersDontBreakAListing(t *testing.T) {
	k := key(totp("good"),
		oathtest.Account{Name: "other type", Type: 0x31, Digits: 6, Secret: rfcSecret},
		oathtest.Account{Name: "other hash", Type: 0x27, Digits: 6, Secret: rfcSecret},
		oathtest.Account{Name: "five digits", Type: 0x21, Digits: 5, Secret: rfcSecret},
		oathtest.Account{Name: "event", Type: 0x11, Digits: 6, Secret: rfcSecret},
		oathtest.Account{Name: "touch", Type: 0x21, Digits: 6, Secret: rfcSecret, Touch: true})
	k.Chunk = 7
	token := open(t, k)
	list, err := token.Credentials(t.Context())
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	if want := []string{"good", "event", "touch"}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("listed %q, %v; want %q", ids, err, want)
	}
	for id, want := range map[string]error{
		"other type": devices.ErrUnsupported, "event": devices.ErrUnsupported, "five digits": devices.ErrAnswer,
	} {
		if code, err := token.Code(t.Context(), id, time.Unix(59, 0)); !errors.Is(err, want) || code != (devices.Code{}) {
			t.Errorf("code of %q: %v, want %v", id, err, want)
		}
	}
	if _, err := token.Code(t.Context(), "good", time.Unix(-1, 0)); !errors.Is(err, devices.ErrUnsupported) {
		t.Errorf("code for 1969: %v", err)
	}
}

// TestRisingChallenges: a key that refuses step 0 says why it can't be listed,
// and goes on giving codes.
func TestRisingChallenges(t *testing.T) {
	k := key(totp("a"))
	k.Tap = func(cmd apdu.Command) ([]byte, bool) {
		return []byte{0x6A, 0x80}, cmd.INS == 0xA4 && cmd.P1 == 0
	}
	token := open(t, k)
	if _, err := token.Credentials(t.Context()); !errors.Is(err, devices.ErrUnsupported) || !strings.Contains(err.Error(), "rising challenges") {
		t.Errorf("listed: %v", err)
	}
	if _, err := token.Code(t.Context(), "a", time.Unix(59, 0)); err != nil {
		t.Error(err)
	}
}

// TestNoUsableCodeForAListing: a listing asks for the codes of step 0 alone.
func TestNoUsableCodeForAListing(t *testing.T) {
	k := key(totp("a"))
	asked := 0
	k.Tap = func(cmd apdu.Command) ([]byte, bool) {
		if cmd.INS == 0xA4 && cmd.P1 == 0 {
			asked++
			if want := append([]byte{0x74, 8}, make([]byte, 8)...); !bytes.Equal(cmd.Data, want) {
				t.Errorf("CALCULATE ALL with % X", cmd.Data)
			}
		}
		return nil, false
	}
	if _, err := open(t, k).Credentials(t.Context()); err != nil || asked != 1 {
		t.Errorf("listed with %d questions, %v", asked, err)
	}
}

func TestPutRefusesWhatTheKeyCantKeep(t *testing.T) {
	change := func(f func(*devices.NewCredential)) devices.NewCredential {
		c := account("name", 6, 30*time.Second)
		f(&c)
		return c
	}
	tests := map[string]devices.NewCredential{
		"no name":         change(func(c *devices.NewCredential) { c.ID = "" }),
		"long name":       change(func(c *devices.NewCredential) { c.ID = strings.Repeat("n", 65) }),
		"long by period":  change(func(c *devices.NewCredential) { c.ID, c.Period = strings.Repeat("n", 62), time.Minute }),
		"period in name":  change(func(c *devices.NewCredential) { c.ID = "60/name" }),
		"control in name": change(func(c *devices.NewCredential) { c.ID = "a\nb" }),
		"broken UTF-8":    change(func(c *devices.NewCredential) { c.ID = "a\xff" }),
		"five digits":     change(func(c *devices.NewCredential) { c.Digits = 5 }),
		"nine digits":     change(func(c *devices.NewCredential) { c.Digits = 9 }),
		"no period":       change(func(c *devices.NewCredential) { c.Period = 0 }),
		"half a second":   change(func(c *devices.NewCredential) { c.Period = 1500 * time.Millisecond }),
		"two days":        change(func(c *devices.NewCredential) { c.Period = 48 * time.Hour }),
		"no secret":       change(func(c *devices.NewCredential) { c.Secret = nil }),
		"unknown hash":    change(func(c *devices.NewCredential) { c.Algorithm = "MD5" }),
		"unknown type":    change(func(c *devices.NewCredential) { c.Type = "YOTP" }),
	}
	k := key()
	token := open(t, k)
	for name, c := range tests {
		if err := token.Put(t.Context(), c); !errors.Is(err, devices.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(k.Accounts) != 0 {
		t.Errorf("the key has %d credentials", len(k.Accounts))
	}
}

func TestPutUntilFull(t *testing.T) {
	k := key(totp("60/there"))
	k.Room = 3
	token := open(t, k)
	for _, id := range []string{"there", "60/there"} { // by its ID, and by what is stored
		c := account(id, 6, time.Minute)
		if id == "60/there" {
			c.ID = "there"
		}
		if err := token.Put(t.Context(), c); !errors.Is(err, devices.ErrExists) {
			t.Errorf("put of %s: %v", id, err)
		}
	}
	hotp := account("event", 6, 0)
	hotp.Type = devices.HOTP
	touch := account("touch", 8, 30*time.Second)
	touch.Touch = true
	for _, c := range []devices.NewCredential{hotp, touch} {
		if err := token.Put(t.Context(), c); err != nil {
			t.Errorf("put of %s: %v", c.ID, err)
		}
	}
	if err := token.Put(t.Context(), account("more", 6, 30*time.Second)); !errors.Is(err, devices.ErrFull) {
		t.Errorf("put on a full key: %v", err)
	}
	list, err := token.Credentials(t.Context())
	if err != nil || len(list) != 3 || !slices.Contains(list, hotp.Credential) || !slices.Contains(list, touch.Credential) {
		t.Errorf("in the end: %+v, %v", list, err)
	}
	if !slices.Equal([]byte(touch.Secret), rfcSecret) {
		t.Error("put spoilt the caller's secret")
	}
}

// A transacted is a transport with transactions.
type transacted struct {
	devices.Transport
	log      []string
	beginErr error
	endErr   error
}

func (t *transacted) Begin(context.Context) (func() error, error) {
	t.log = append(t.log, "begin")
	return func() error { t.log = append(t.log, "end"); return t.endErr }, t.beginErr
}

func (t *transacted) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	t.log = append(t.log, fmt.Sprintf("%02X", cmd[1]))
	return t.Transport.Transmit(ctx, cmd)
}

func TestEachOperationIsATransactionThatSelectsFirst(t *testing.T) {
	tr := &transacted{Transport: key(totp("a"))}
	token := open(t, tr)
	tr.log = nil
	if _, err := token.Code(t.Context(), "a", time.Unix(59, 0)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"begin", "A4", "A1", "A2", "end"}; !slices.Equal(tr.log, want) {
		t.Errorf("a code took %v, want %v", tr.log, want)
	}
	tr.endErr = devices.ErrRemoved
	code, err := token.Code(t.Context(), "a", time.Unix(59, 0))
	if !errors.Is(err, devices.ErrRemoved) {
		t.Errorf("with a transaction that doesn't end: %v, %v", code, err)
	}
	_, err = token.Code(t.Context(), "b", time.Unix(59, 0))
	if !errors.Is(err, devices.ErrNoCredential) {
		t.Errorf("the operation's own error is lost: %v", err)
	}
	tr.beginErr, tr.log = devices.ErrBusy, nil
	if _, err := token.Credentials(t.Context()); !errors.Is(err, devices.ErrBusy) || len(tr.log) != 1 {
		t.Errorf("with no transaction to be had: %v, %v", err, tr.log)
	}
}

// TestStatusWords: what each refusal of CALCULATE says to the caller.
func TestStatusWords(t *testing.T) {
	for sw, want := range map[apdu.SW]error{
		apdu.SecurityStatus: devices.ErrNoTouch, apdu.ConditionsNotSatisfied: devices.ErrNoTouch,
		apdu.DataInvalid: devices.ErrNoCredential, apdu.NoSpace: devices.ErrFull,
		apdu.NotFound: devices.ErrUnsupported, apdu.INSNotSupported: devices.ErrUnsupported,
		apdu.MemoryFailure: devices.ErrAnswer, 0x6283: devices.ErrAnswer, 0x0000: devices.ErrAnswer, 0xFFFF: devices.ErrAnswer,
	} {
		k := key(totp("a"))
		k.Tap = func(cmd apdu.Command) ([]byte, bool) {
			return apdu.Response{Data: []byte{0x76, 5, 6, 0, 0, 0, 1}, SW: sw}.Bytes(), cmd.INS == 0xA2
		}
		code, err := open(t, k).Code(t.Context(), "a", time.Unix(59, 0))
		if !errors.Is(err, want) || code != (devices.Code{}) {
			t.Errorf("status %v gives %v, want %v", sw, err, want)
		}
	}
}
