package oath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// board is a token's hardware on the test's table.
type board struct {
	stored   []byte
	stores   int
	storeErr error
	touchErr error
	touches  int
}

func (b *board) Random(p []byte) error {
	for i := range p {
		p[i] = byte(b.stores + i)
	}
	return nil
}

func (b *board) AwaitTouch(time.Duration) error { b.touches++; return b.touchErr }

func (b *board) Load(name string) ([]byte, error) {
	if name != stateName {
		return nil, nil
	}
	return b.stored, nil
}

func (b *board) Store(name string, data []byte) error {
	if b.storeErr != nil {
		return b.storeErr
	}
	b.stores++
	b.stored = bytes.Clone(data)
	return nil
}

var v543 = [3]byte{5, 4, 3}

func newApplet(t testing.TB, b *board, version [3]byte) *Applet {
	t.Helper()
	a, err := New(b, version)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func encoded(tag tlv.Tag, value string) []byte {
	var w tlv.Writer
	w.Add(tag, []byte(value))
	out, _ := w.Bytes()
	return out
}

// putData is the data of a PUT of a TOTP credential.
func putData(name, secret string) []byte {
	return append(encoded(tagName, name), encoded(tagKey, "\x21\x06"+secret)...)
}

// calculate asks for a truncated code of the challenge 1, or of a counter.
func calculate(a *Applet, name string) ([]byte, apdu.SW) {
	challenge := string(binary.BigEndian.AppendUint64(nil, 1))
	return a.Process(apdu.Command{INS: insCalculate, P2: p2Truncated,
		Data: append(encoded(tagName, name), encoded(tagChallenge, challenge)...)})
}

func names(t *testing.T, a *Applet) string {
	t.Helper()
	data, sw := a.Process(apdu.Command{INS: insList})
	if sw != apdu.OK {
		t.Fatal(sw)
	}
	var out []string
	r := tlv.NewReader(data)
	for r.Next() {
		out = append(out, string(r.Value()[1:]))
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return strings.Join(out, " ")
}

func TestStateOutlivesTheApplet(t *testing.T) {
	b := &board{}
	a := newApplet(t, b, v543)
	accounts := []Account{
		{Name: "AWS:carol", Secret: []byte("12345678901234567890")},
		{Name: "AWS:dave", Secret: []byte("x"), Period: 60, Algorithm: otp.SHA512, Digits: 8, Touch: true},
		{Name: "counter", Secret: []byte("12345678901234567890"), Type: HOTP, Counter: 1},
	}
	for _, acc := range accounts {
		if err := a.Put(acc); err != nil {
			t.Fatal(err)
		}
	}
	first, sw := calculate(a, "counter")
	if sw != apdu.OK || !bytes.Equal(first, []byte{0x76, 5, 6, 0x41, 0x39, 0x7e, 0xea}) {
		t.Fatalf("counter 1: %x, %v", first, sw)
	}
	again := newApplet(t, b, v543)
	if got := names(t, again); got != "AWS:carol 60/AWS:dave counter" {
		t.Errorf("after a restart: %s", got)
	}
	for _, acc := range accounts {
		if err := again.Put(acc); err != nil {
			t.Fatal(err)
		}
	}
	second, sw := calculate(again, "counter")
	if sw != apdu.OK || !bytes.Equal(second, []byte{0x76, 5, 6, 0x08, 0x2f, 0xef, 0x30}) {
		t.Errorf("counter 2, after a restart and Put: %x, %v", second, sw)
	}
	if !bytes.Equal(a.state.salt, again.state.salt) {
		t.Error("the salt changed")
	}
}

func TestPutRefusesAccounts(t *testing.T) {
	a := newApplet(t, &board{}, [3]byte{4, 2, 3})
	for name, acc := range map[string]Account{
		"no name":     {Secret: []byte("s")},
		"long name":   {Name: strings.Repeat("n", MaxName+1), Secret: []byte("s")},
		"long prefix": {Name: strings.Repeat("n", MaxName-2), Period: 60, Secret: []byte("s")},
		"no secret":   {Name: "n"},
		"long secret": {Name: "n", Secret: make([]byte, MaxSecret+1)},
		"digits":      {Name: "n", Secret: []byte("s"), Digits: 9},
		"type":        {Name: "n", Secret: []byte("s"), Type: 0x30},
		"algorithm":   {Name: "n", Secret: []byte("s"), Algorithm: 4},
		"period":      {Name: "n", Secret: []byte("s"), Period: -30},
		"hotp period": {Name: "n", Secret: []byte("s"), Type: HOTP, Period: 30},
		"counter":     {Name: "n", Secret: []byte("s"), Counter: 1},
		"touch early": {Name: "n", Secret: []byte("s"), Touch: true},
		"sha512 soon": {Name: "n", Secret: []byte("s"), Algorithm: otp.SHA512},
	} {
		if err := a.Put(acc); !errors.Is(err, ErrAccount) {
			t.Errorf("%s: %v, want ErrAccount", name, err)
		}
	}
}

func TestLimitOfTheVersion(t *testing.T) {
	for version, limit := range map[[3]byte]int{{5, 6, 9}: 32, {5, 7, 0}: 64, {6, 0, 0}: 64} {
		a := newApplet(t, &board{}, version)
		for i := range limit {
			if _, sw := a.Process(apdu.Command{INS: insPut, Data: putData(fmt.Sprint("n", i), "secret")}); sw != apdu.OK {
				t.Fatalf("%v, credential %d: %v", version, i, sw)
			}
		}
		if _, sw := a.Process(apdu.Command{INS: insPut, Data: putData("more", "secret")}); sw != apdu.NoSpace {
			t.Errorf("%v, one more: %v", version, sw)
		}
		if err := a.Put(Account{Name: "more", Secret: []byte("s")}); !errors.Is(err, ErrFull) {
			t.Errorf("%v, one more: %v", version, err)
		}
		if _, sw := a.Process(apdu.Command{INS: insPut, Data: putData("n1", "other")}); sw != apdu.OK {
			t.Errorf("%v, one in the place of another: %v", version, sw)
		}
	}
}

func TestRenameOfTheVersion(t *testing.T) {
	for version, want := range map[[3]byte]apdu.SW{
		{5, 3, 0}: apdu.INSNotSupported, {4, 9, 9}: apdu.INSNotSupported, {5, 3, 1}: apdu.OK, {6, 0, 0}: apdu.OK,
	} {
		a := newApplet(t, &board{}, version)
		if err := a.Put(Account{Name: "a", Secret: []byte("s")}); err != nil {
			t.Fatal(err)
		}
		if _, sw := a.Process(apdu.Command{INS: insRename, Data: append(encoded(tagName, "a"), encoded(tagName, "b")...)}); sw != want {
			t.Errorf("%v: %v, want %v", version, sw, want)
		}
	}
}

// A command that can't store its change changes nothing and gives no code.
func TestStorageFails(t *testing.T) {
	b := &board{}
	a := newApplet(t, b, v543)
	for _, acc := range []Account{{Name: "h", Secret: []byte("s"), Type: HOTP}, {Name: "t", Secret: []byte("s")}} {
		if err := a.Put(acc); err != nil {
			t.Fatal(err)
		}
	}
	before := bytes.Clone(b.stored)
	b.storeErr = errors.New("no storage")
	for what, cmd := range map[string]apdu.Command{
		"put":       {INS: insPut, Data: putData("n", "secret")},
		"replace":   {INS: insPut, Data: putData("t", "secret")},
		"delete":    {INS: insDelete, Data: encoded(tagName, "t")},
		"rename":    {INS: insRename, Data: append(encoded(tagName, "t"), encoded(tagName, "u")...)},
		"reset":     {INS: insReset, P1: resetP1, P2: resetP2},
		"no key":    {INS: insSetCode, Data: encoded(tagKey, "")},
		"hotp code": {INS: insCalculate, P2: 1, Data: append(encoded(tagName, "h"), encoded(tagChallenge, "")...)},
	} {
		if data, sw := a.Process(cmd); sw != apdu.MemoryFailure || data != nil {
			t.Errorf("%s: %x, %v", what, data, sw)
		}
	}
	if now, err := a.state.encode(); err != nil || !bytes.Equal(now, before) || a.Codes() != 0 {
		t.Errorf("the state changed, or %d codes were given: %v", a.Codes(), err)
	}
	if _, err := New(&board{storeErr: b.storeErr}, v543); !errors.Is(err, b.storeErr) {
		t.Errorf("a new token without storage: %v", err)
	}
}

func TestTouchAndCount(t *testing.T) {
	b := &board{}
	a := newApplet(t, b, v543)
	for _, acc := range []Account{
		{Name: "plain", Secret: []byte("s")},
		{Name: "plain2", Secret: []byte("s")},
		{Name: "touch", Secret: []byte("s"), Touch: true},
		{Name: "hotp", Secret: []byte("s"), Type: HOTP, Touch: true},
	} {
		if err := a.Put(acc); err != nil {
			t.Fatal(err)
		}
	}
	all := apdu.Command{INS: insCalculateAll, P2: 1, Data: encoded(tagChallenge, "12345678")}
	data, sw := a.Process(all)
	if sw != apdu.OK || b.touches != 0 || a.Codes() != 2 {
		t.Errorf("all: %v, %d touches, %d codes", sw, b.touches, a.Codes())
	}
	if !bytes.HasSuffix(data, []byte("\x71\x05touch\x7c\x01\x06\x71\x04hotp\x77\x01\x06")) {
		t.Errorf("all: %x", data)
	}
	if _, sw := calculate(a, "plain"); sw != apdu.OK || b.touches != 0 || a.Codes() != 3 {
		t.Errorf("plain: %v, %d touches, %d codes", sw, b.touches, a.Codes())
	}
	if _, sw := calculate(a, "touch"); sw != apdu.OK || b.touches != 1 || a.Codes() != 4 {
		t.Errorf("touch: %v, %d touches, %d codes", sw, b.touches, a.Codes())
	}
	stores := b.stores
	for _, err := range []error{firmware.ErrNoTouch, firmware.ErrRemoved} {
		b.touchErr = err
		for _, name := range []string{"touch", "hotp"} {
			if data, sw := calculate(a, name); sw != apdu.SecurityStatus || data != nil {
				t.Errorf("%s, %v: %x, %v", name, err, data, sw)
			}
		}
	}
	if a.Codes() != 4 || b.stores != stores {
		t.Errorf("without a touch %d codes, %d stores", a.Codes()-4, b.stores-stores)
	}
}

// A long answer reaches the client whole, by SEND REMAINING.
func TestLongListOnACard(t *testing.T) {
	a := newApplet(t, &board{}, v543)
	for i := range 32 {
		if err := a.Put(Account{Name: fmt.Sprintf("%s%02d", strings.Repeat("n", 60), i), Secret: []byte("s")}); err != nil {
			t.Fatal(err)
		}
	}
	card := firmware.NewCard(a)
	send := func(c apdu.Command) apdu.Response {
		raw, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		r, err := apdu.ParseResponse(card.Transmit(raw))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	send(apdu.Command{INS: 0xA4, P1: 4, Data: a.AID()[:7]})
	r := send(apdu.Command{INS: insList})
	whole := bytes.Clone(r.Data)
	rounds := 0
	for {
		if _, more := r.SW.More(); !more {
			break
		}
		r = send(apdu.Command{INS: insSendRemaining})
		whole = append(whole, r.Data...)
		rounds++
	}
	want, _ := a.list(apdu.Command{})
	if r.SW != apdu.OK || !bytes.Equal(whole, want) || rounds != 8 {
		t.Errorf("%d bytes in %d rounds, %v; want %d", len(whole), rounds, r.SW, len(want))
	}
}

// A credential that only increases answers no challenge twice nor a lower one,
// over a restart, a new name and a touch; HOTP doesn't heed challenges.
func TestOnlyIncreasing(t *testing.T) {
	b := &board{}
	a := newApplet(t, b, v543)
	put := func(name, kind string, properties byte) {
		t.Helper()
		data := append(encoded(tagName, name), encoded(tagKey, kind+"\x06secret")...)
		if _, sw := a.Process(apdu.Command{INS: insPut, Data: append(data, byte(tagProperty), properties)}); sw != apdu.OK {
			t.Fatalf("put %s: %v", name, sw)
		}
	}
	check := func(want apdu.SW, ins byte, data ...[]byte) {
		t.Helper()
		if out, sw := a.Process(apdu.Command{INS: ins, P2: p2Truncated, Data: bytes.Join(data, nil)}); sw != want || (len(out) > 0) != (sw == apdu.OK) {
			t.Errorf("%02X %x: %x, %v; want %v", ins, data, out, sw, want)
		}
	}
	challenge := func(c string) []byte { return encoded(tagChallenge, c) }
	one, touched, counted := encoded(tagName, "rising"), encoded(tagName, "touched"), encoded(tagName, "counted")
	put("plain", "\x21", 0)
	put("rising", "\x21", propIncreasing)
	put("touched", "\x21", propIncreasing|propTouch)
	put("counted", "\x11", propIncreasing)

	check(apdu.OK, insCalculate, one, challenge("\x00\x00"))
	check(apdu.WrongData, insCalculate, one, challenge("\x00\x00"))
	check(apdu.OK, insCalculate, one, challenge("\x00\x07"))
	check(apdu.WrongData, insCalculate, one, challenge("\x00\x06"))
	check(apdu.WrongData, insCalculate, one, challenge("\x00\x07\x00"))
	check(apdu.OK, insCalculate, one, challenge("\x00\x07\x01"))
	a = newApplet(t, b, v543)
	check(apdu.WrongData, insCalculate, one, challenge("\x00\x07"))

	check(apdu.WrongData, insCalculateAll, challenge("\x00\x07"))
	check(apdu.OK, insCalculateAll, challenge("\x00\x08"))
	check(apdu.WrongData, insCalculateAll, challenge("\x00\x08"))
	check(apdu.WrongData, insCalculate, one, challenge("\x00\x08"))

	check(apdu.OK, insCalculate, touched, challenge("\x01"))
	check(apdu.WrongData, insCalculate, touched, challenge("\x01"))
	if b.touches != 1 {
		t.Errorf("%d touches, want 1: a refused challenge asks for none", b.touches)
	}
	check(apdu.OK, insCalculate, counted, challenge("\x01"))
	check(apdu.OK, insCalculate, counted, challenge(""))

	if _, sw := a.Process(apdu.Command{INS: insRename, Data: append(bytes.Clone(one), encoded(tagName, "risen")...)}); sw != apdu.OK {
		t.Fatal(sw)
	}
	check(apdu.WrongData, insCalculate, encoded(tagName, "risen"), challenge("\x00\x08"))
	b.storeErr = errors.New("worn out")
	check(apdu.MemoryFailure, insCalculate, encoded(tagName, "risen"), challenge("\x00\x09"))
	check(apdu.MemoryFailure, insCalculateAll, challenge("\x00\x09"))
	b.storeErr = nil
	check(apdu.OK, insCalculateAll, challenge("\x00\x09"))
}
