package piv

import (
	"errors"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

var errBoard = errors.New("broken")

// board is hardware whose random bytes count up, and which counts touches.
type board struct {
	next    byte
	stored  []byte
	touches int
	noTouch bool
	broken  bool // Store fails
	dry     bool // Random fails
}

func (b *board) Random(p []byte) error {
	if b.dry {
		return errBoard
	}
	for i := range p {
		b.next++
		p[i] = b.next
	}
	return nil
}

func (b *board) AwaitTouch(time.Duration) error {
	if b.noTouch {
		return firmware.ErrNoTouch
	}
	b.touches++
	return nil
}

func (b *board) Load(string) ([]byte, error) { return b.stored, nil }

func (b *board) Store(_ string, data []byte) error {
	if b.broken {
		return errBoard
	}
	b.stored = append([]byte(nil), data...)
	return nil
}

// timed is a board with a clock.
type timed struct {
	board
	now time.Duration
}

func (b *timed) Uptime() time.Duration { return b.now }

const testSerial = 12345678

var v571 = firmware.Version{5, 7, 1}

// token is a new token of a firmware version, whose session is an
// administrator's.
func token(t testing.TB, hw firmware.Hardware, v firmware.Version) *Applet {
	t.Helper()
	au, err := NewAuthority(hw)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(hw, Options{Serial: testSerial, Version: v, FormFactor: 3, Authority: au})
	if err != nil {
		t.Fatal(err)
	}
	a.session.management = true
	return a
}

// object is one data object as bytes.
func object(tag tlv.Tag, parts ...[]byte) []byte {
	var w tlv.Writer
	w.Add(tag, parts...)
	b, err := w.Bytes()
	if err != nil {
		panic(err)
	}
	return b
}

// do sends a command and wants it to be answered with OK.
func do(t testing.TB, a *Applet, ins, p1, p2 byte, data ...[]byte) []byte {
	t.Helper()
	out, sw := send(a, ins, p1, p2, data...)
	if sw != apdu.OK {
		t.Fatalf("%02X %02X %02X: %v", ins, p1, p2, sw)
	}
	return out
}

func send(a *Applet, ins, p1, p2 byte, data ...[]byte) ([]byte, apdu.SW) {
	c := apdu.Command{INS: ins, P1: p1, P2: p2}
	for _, d := range data {
		c.Data = append(c.Data, d...)
	}
	return a.Process(c)
}

// refuse sends a command and wants that refusal, without data.
func refuse(t testing.TB, a *Applet, want apdu.SW, ins, p1, p2 byte, data ...[]byte) {
	t.Helper()
	if out, sw := send(a, ins, p1, p2, data...); sw != want || out != nil {
		t.Errorf("%02X %02X %02X: %x, %v; want %v", ins, p1, p2, out, sw, want)
	}
}

// generated makes a key and returns its public half's object. A policy of 0 isn't
// named.
func generated(t testing.TB, a *Applet, slot byte, alg algorithm, pin, touch byte) []byte {
	t.Helper()
	parts := [][]byte{object(tagAlgorithm, []byte{byte(alg)})}
	if pin != 0 {
		parts = append(parts, object(tagPINPolicy, []byte{pin}))
	}
	if touch != 0 {
		parts = append(parts, object(tagTouchPolicy, []byte{touch}))
	}
	return do(t, a, insGenerate, 0, slot, object(tagGenerate, parts...))
}

// signature is a GENERAL AUTHENTICATE's data that asks for a response.
func signature(tag tlv.Tag, input []byte) []byte {
	return object(tagDynamic, object(tagResponse), object(tag, input))
}

// used is what a key answers to an input.
func used(t testing.TB, a *Applet, slot byte, alg algorithm, tag tlv.Tag, input []byte) []byte {
	t.Helper()
	out := do(t, a, insAuthenticate, byte(alg), slot, signature(tag, input))
	inner, ok, err := tlv.Find(out, tagDynamic)
	if err != nil || !ok {
		t.Fatalf("answer %x: %v", out, err)
	}
	response, ok, err := tlv.Find(inner, tagResponse)
	if err != nil || !ok {
		t.Fatalf("answer %x: %v", out, err)
	}
	return response
}

func TestTouchIsCached(t *testing.T) {
	b := &timed{now: time.Hour}
	a := token(t, b, v571)
	generated(t, a, slotAuthentication, algEd25519, pinNever, touchCached)
	generated(t, a, slotSignature, algEd25519, pinNever, touchAlways)
	sign := func(slot byte, touches int) {
		t.Helper()
		used(t, a, slot, algEd25519, tagChallenge, []byte("m"))
		if b.touches != touches {
			t.Fatalf("%v: %d touches, want %d", b.now, b.touches, touches)
		}
	}
	sign(slotAuthentication, 1)
	b.now += touchCache - 1
	sign(slotAuthentication, 1)
	sign(slotSignature, 2)
	a.Select()
	b.now += touchCache - 1
	sign(slotAuthentication, 2)
	b.now++
	sign(slotAuthentication, 3)

	plain := &board{}
	a = token(t, plain, v571)
	generated(t, a, slotAuthentication, algEd25519, pinNever, touchCached)
	for range 2 {
		used(t, a, slotAuthentication, algEd25519, tagChallenge, []byte("m"))
	}
	if plain.touches != 2 {
		t.Errorf("without a clock: %d touches, want 2", plain.touches)
	}
}

// A failed proof of the management key takes back an earlier one, a request for
// random bytes doesn't.
func TestFailedProofTakesBack(t *testing.T) {
	for _, proof := range [][]byte{
		object(tagResponse, make([]byte, 16)),
		append(object(tagWitness, make([]byte, 16)), object(tagChallenge, make([]byte, 16))...),
		object(tagWitness, make([]byte, 3)),
		nil,
	} {
		a := token(t, &board{}, v571)
		for _, wanted := range []tlv.Tag{tagWitness, tagChallenge} {
			do(t, a, insAuthenticate, byte(algAES192), slotManagement, object(tagDynamic, object(wanted)))
			if !a.session.management {
				t.Fatalf("a request for %X ended the administrator's session", uint32(wanted))
			}
		}
		if _, sw := send(a, insAuthenticate, byte(algAES192), slotManagement, object(tagDynamic, proof)); sw == apdu.OK {
			t.Fatalf("%x was taken for a proof", proof)
		}
		refuse(t, a, apdu.SecurityStatus, insGenerate, 0, slotSignature, object(tagGenerate, object(tagAlgorithm, []byte{byte(algP256)})))
	}
}

// A wrong PIN whose count can't be stored is no wrong PIN less, and a key that
// can't be stored isn't there.
func TestBrokenStorage(t *testing.T) {
	b := &board{}
	a := token(t, b, v571)
	a.session.pin = true
	before := string(b.stored)
	b.broken = true
	wrong, right := []byte("000000\xFF\xFF"), []byte(factoryPIN)
	for _, c := range []struct {
		ins, p1, p2 byte
		data        []byte
	}{
		{insVerify, 0, refPIN, wrong},
		{insChangePIN, 0, refPIN, append(right, wrong...)},
		{insResetRetry, 0, refPIN, append([]byte(factoryPUK), wrong...)},
		{insSetRetries, 5, 5, nil},
		{insGenerate, 0, slotSignature, object(tagGenerate, object(tagAlgorithm, []byte{byte(algP256)}))},
		{insImport, byte(algEd25519), slotSignature, object(tagSeed, make([]byte, 32))},
		{insPutData, 0x3F, 0xFF, append(object(tagList, []byte{0x5F, 0xC1, 0x02}), object(tagContent, []byte{1})...)},
		{insSetManagement, 0xFF, noTouchP2, append([]byte{byte(algAES128), slotManagement, 16}, make([]byte, 16)...)},
		{insMoveKey, slotNone, slotAttestation, nil},
	} {
		a.session.pin = true
		refuse(t, a, apdu.MemoryFailure, c.ins, c.p1, c.p2, c.data)
	}
	data, err := a.state.encode()
	if err != nil || string(data) != before || string(b.stored) != before {
		t.Errorf("the state changed: %v", err)
	}
	if _, err := New(&board{broken: true}, Options{}); !errors.Is(err, errBoard) {
		t.Errorf("new on a broken board: %v", err)
	}
}

func TestDryRandom(t *testing.T) {
	b := &board{}
	a := token(t, b, v571)
	generated(t, a, slotAuthentication, algP256, pinNever, touchNever)
	b.dry = true
	refuse(t, a, apdu.Unknown, insAuthenticate, byte(algAES192), slotManagement, object(tagDynamic, object(tagWitness)))
	refuse(t, a, apdu.Unknown, insAuthenticate, byte(algAES192), slotManagement, object(tagDynamic, object(tagChallenge)))
	refuse(t, a, apdu.ConditionsNotSatisfied, insAttest, slotAuthentication, 0)
	if _, err := NewAuthority(b); !errors.Is(err, errBoard) {
		t.Errorf("authority: %v", err)
	}
	if _, err := New(&board{dry: true}, a.options); !errors.Is(err, errBoard) {
		t.Errorf("new: %v", err)
	}
}

func TestNoRoom(t *testing.T) {
	a := token(t, &board{}, v571)
	attestation := len(a.state.objects[objectAttestation])
	put := func(n byte, size int) apdu.SW {
		_, sw := send(a, insPutData, 0x3F, 0xFF, object(tagList, []byte{0x5F, 0, n}), object(tagContent, make([]byte, size)))
		return sw
	}
	n, room := byte(0), maxObjects-attestation
	for ; room > maxObject; room -= maxObject {
		if sw := put(n, maxObject); sw != apdu.OK {
			t.Fatalf("object %d: %v", n, sw)
		}
		n++
	}
	if sw := put(n, room+1); sw != apdu.NoSpace {
		t.Errorf("one byte too many: %v", sw)
	}
	if sw := put(n, room); sw != apdu.OK {
		t.Errorf("the last room: %v", sw)
	}
}
