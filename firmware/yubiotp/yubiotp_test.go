package yubiotp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/boardtest"
	"github.com/fob-auth/fob/firmware/record"
)

func start(t testing.TB, b *boardtest.Board) *Applet {
	t.Helper()
	a, err := New(b, Options{Serial: 12345678, Version: firmware.Version{5, 4, 3}, NFC: true})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hmacSlot is a configuration for HMAC-SHA1, with its checksum.
func hmacSlot() config {
	var c config
	c[atKey], c[atTicket], c[atFlags] = 7, ticketChalResp, flagHMAC|flagShort
	crc := ^checksum(c[:configSize-2])
	c[configSize-2], c[configSize-1] = byte(crc), byte(crc>>8)
	return c
}

func TestChecksum(t *testing.T) {
	// The check value of CRC-16/ISO-HDLC in the catalogue of parametrised CRC
	// algorithms.
	if got := ^checksum([]byte("123456789")); got != 0x906E {
		t.Errorf("%04x, want 906e", got)
	}
}

func TestStateIsKept(t *testing.T) {
	b := &boardtest.Board{}
	a := start(t, b)
	c := hmacSlot()
	if _, sw := a.Process(apdu.Command{INS: insRequest, P1: reqConfigure2, Data: c[:]}); sw != apdu.OK {
		t.Fatal(sw)
	}
	again := start(t, b)
	if again.state != a.state || again.state.slots[1] != c || again.state.sequence != 1 {
		t.Errorf("read back: %+v", again.state)
	}
	b.Broken = true
	if _, sw := a.Process(apdu.Command{INS: insRequest, P1: reqConfigure2, Data: make([]byte, configSize)}); sw != apdu.MemoryFailure {
		t.Errorf("broken storage: %v", sw)
	}
	if a.state != again.state {
		t.Error("the state changed")
	}
	if _, err := New(b, Options{}); !errors.Is(err, boardtest.ErrBroken) {
		t.Error(err)
	}
	for i := range b.Stored {
		bad := append([]byte(nil), b.Stored...)
		bad[i] ^= 1
		if _, err := New(&boardtest.Board{Stored: bad}, Options{}); !errors.Is(err, ErrState) {
			t.Fatalf("byte %d: %v, want ErrState", i, err)
		}
	}
}

// A touch is waited for as long as is configured just then.
func TestPatience(t *testing.T) {
	b := &boardtest.Board{}
	for _, want := range []time.Duration{0, 3 * time.Second} {
		a, err := New(b, Options{Patience: func() time.Duration { return want }})
		if err != nil {
			t.Fatal(err)
		}
		c := hmacSlot()
		c[atFlags] |= flagButton
		a.state.slots[0] = c
		if _, sw := a.Process(apdu.Command{INS: insRequest, P1: reqHMAC1, Data: []byte("m")}); sw != apdu.OK || b.Limit != want {
			t.Errorf("%v, waited %v, want %v", sw, b.Limit, want)
		}
	}
}

// An NDEF is kept beside the slots, wants the slot's access code, and is nothing
// for a token without an antenna.
func TestNDEF(t *testing.T) {
	b := &boardtest.Board{}
	a := start(t, b)
	c := hmacSlot()
	c[atCode] = 9
	crc := ^checksum(c[:configSize-2])
	c[configSize-2], c[configSize-1] = byte(crc), byte(crc>>8)
	write := func(p1 byte, data []byte) apdu.SW {
		t.Helper()
		before := a.state.sequence
		out, sw := a.Process(apdu.Command{INS: insRequest, P1: p1, Data: data})
		if sw == apdu.OK && out[3] == before {
			t.Errorf("%02X: not counted", p1)
		}
		return sw
	}
	uri := append([]byte{4, 'U', 4, 'a', '.', 'b'}, make([]byte, ndefData-4)...)
	code := []byte{9, 0, 0, 0, 0, 0}
	for _, step := range []struct {
		p1   byte
		data []byte
		want apdu.SW
	}{
		{reqConfigure2, c[:], apdu.OK},
		{reqNDEF2, append(bytes.Clone(uri), code...), apdu.OK},
		{reqNDEF2, uri[1:], apdu.WrongLength},
		{reqNDEF1, append([]byte{ndefData + 1}, uri[1:]...), apdu.WrongData},
		{reqNDEF1, uri, apdu.OK},
	} {
		if sw := write(step.p1, step.data); sw != step.want {
			t.Errorf("%02X: %v, want %v", step.p1, sw, step.want)
		}
	}
	before := a.state
	if out, sw := a.Process(apdu.Command{INS: insRequest, P1: reqNDEF2, Data: uri}); sw != apdu.OK || out[3] != before.sequence || a.state != before {
		t.Errorf("without the access code: %x, %v", out, sw)
	}
	again := start(t, b)
	if again.state != before || again.state.slots[1] != c || !bytes.Equal(again.state.ndefs[0][:], uri) {
		t.Errorf("read back: %+v", again.state)
	}
	again.options.NFC = false
	if _, sw := again.Process(apdu.Command{INS: insRequest, P1: reqNDEF1, Data: uri}); sw != apdu.WrongP1P2 {
		t.Errorf("without an antenna: %v", sw)
	}
}

// FuzzState: a record is read as what was written, or refused, whoever wrote it.
func FuzzState(f *testing.F) {
	c := hmacSlot()
	f.Add(append([]byte{1}, append(c[:], c[:]...)...))
	f.Add(append([]byte{2}, make([]byte, 2*configSize+2*len(ndef{}))...))
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := decodeState(record.Seal(stateMagic, body))
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decodeState(s.encode()); err != nil || again != s {
			t.Fatalf("%x became %+v, then %+v: %v", body, s, again, err)
		}
	})
}

// FuzzProcess: whatever is sent is answered, and kept as it was.
func FuzzProcess(f *testing.F) {
	c := hmacSlot()
	f.Add(byte(reqConfigure1), c[:])
	f.Add(byte(reqUpdate1), append(c[:], 1, 2, 3, 4, 5, 6))
	f.Add(byte(reqHMAC2), []byte("challenge"))
	f.Add(byte(reqSwap), []byte(nil))
	f.Add(byte(reqNDEF1), make([]byte, len(ndef{})))
	f.Fuzz(func(t *testing.T, p1 byte, data []byte) {
		b := &boardtest.Board{}
		a := start(t, b)
		a.Process(apdu.Command{INS: insRequest, P1: reqConfigure2, Data: c[:]})
		out, sw := a.Process(apdu.Command{INS: insRequest, P1: p1, Data: data})
		if sw != apdu.OK && out != nil || len(out) > 20 {
			t.Fatalf("%x, %v", out, sw)
		}
		if start(t, b).state != a.state {
			t.Fatal("the state wasn't kept")
		}
	})
}
