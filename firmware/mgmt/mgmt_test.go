package mgmt

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/boardtest"
	"github.com/fob-auth/fob/firmware/record"
)

func open(t testing.TB, b *boardtest.Board, o Options) *Applet {
	t.Helper()
	a, err := Open(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func send(t *testing.T, a *Applet, ins byte, data string) string {
	t.Helper()
	raw, err := hex.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	out, sw := a.Process(apdu.Command{INS: ins, Data: raw})
	return hex.EncodeToString(out) + sw.String()
}

// Every form, with NFC and without; the version has numbers of up to three
// digits.
func TestReadConfig(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Serial: 0xFFFFFFFE, Version: firmware.Version{5, 10, 255}, USB: OATH},
			"23" + "01020020" + "0204fffffffe" + "040101" + "0503050aff" + "03020020" + "06020000" + "07010f" + "080100" + "0a0100" + "9000"},
		{Options{Serial: 1, Version: firmware.Version{5, 4, 3}, FormFactor: 3, USB: OTP | PIV | OATH | FIDO2, NFC: OATH | U2F | OpenPGP | HSMAuth},
			"2b" + "01020231" + "020400000001" + "040103" + "0503050403" + "03020231" + "06020000" + "07010f" + "080100" + "0a0100" +
				"0d02012a" + "0e02012a" + "9000"},
		{Options{Serial: 1, Version: firmware.Version{4, 3, 7}, USB: PIV, NFC: PIV},
			"1b" + "01020010" + "020400000001" + "03020010" + "06020000" + "07010f" + "080100" + "0a0100" + "9000"},
	} {
		a := open(t, &boardtest.Board{}, c.o)
		if got := send(t, a, insReadConfig, ""); got != c.want {
			t.Errorf("%v:\n%s, want\n%s", c.o.Version, got, c.want)
		}
		text, sw := a.Select()
		if want := "Virtual mgr - FW version " + c.o.Version.String(); sw != apdu.OK || string(text) != want {
			t.Errorf("SELECT: %q, %v", text, sw)
		}
	}
}

func TestRefusals(t *testing.T) {
	a := open(t, &boardtest.Board{}, Options{Version: firmware.Version{5, 4, 3}, USB: OATH})
	for _, c := range []struct {
		cmd  apdu.Command
		want apdu.SW
	}{
		{apdu.Command{CLA: 0x80, INS: insReadConfig}, apdu.CLANotSupported},
		{apdu.Command{INS: 0x1F}, apdu.INSNotSupported},
		{apdu.Command{INS: insReadConfig, P1: 1}, apdu.WrongP1P2},
		{apdu.Command{INS: insWriteConfig, P2: 1, Data: []byte{0}}, apdu.WrongP1P2},
		{apdu.Command{INS: insWriteConfig, Data: []byte{1, 3}}, apdu.WrongData},
	} {
		if got, sw := a.Process(c.cmd); sw != c.want || got != nil {
			t.Errorf("%+v: %x, %v; want %v", c.cmd, got, sw, c.want)
		}
	}
}

// USB and NFC are switched apart, past a loss of power.
func TestSwitches(t *testing.T) {
	b := &boardtest.Board{}
	o := Options{Version: firmware.Version{5, 4, 3}, USB: OTP | PIV | OATH | U2F | FIDO2, NFC: OTP | PIV | OATH}
	a := open(t, b, o)
	aids := map[string]string{
		"otp": "\xA0\x00\x00\x05\x27\x20\x01\x01", "piv": "\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00",
		"oath": "\xA0\x00\x00\x05\x27\x21\x01\x01", "fido": "\xA0\x00\x00\x06\x47\x2F\x00\x01",
		"mgmt": string(a.AID()), "openpgp": "\xD2\x76\x00\x01\x24\x01", "hsm": "\xA0\x00\x00\x05\x27\x21\x07\x01",
	}
	check := func(i Interface, on ...string) {
		t.Helper()
		a.Over(i)
		want := map[string]bool{"mgmt": true}
		for _, n := range on {
			want[n] = true
		}
		for n, aid := range aids {
			if a.Allows([]byte(aid)) != want[n] {
				t.Errorf("interface %d: %s: want %v", i, n, want[n])
			}
		}
	}
	check(USB, "otp", "piv", "oath", "fido")
	check(NFC, "otp", "piv", "oath")
	if got := send(t, a, insWriteConfig, "08"+"03020202"+"0e020020"); got != "9000" {
		t.Fatal(got)
	}
	check(USB, "fido")
	check(NFC, "oath")
	before := send(t, a, insReadConfig, "")
	a = open(t, b, o)
	if got := send(t, a, insReadConfig, ""); got != before {
		t.Errorf("after a restart:\n%s, before\n%s", got, before)
	}
	check(USB, "fido")
}

func TestATR(t *testing.T) {
	for i, want := range map[Interface]string{
		USB: "3bfd1300008131fe158073c021c057597562694b657940",
		NFC: "3b8d80018073c021c057597562694b6579f9",
	} {
		if got := hex.EncodeToString(i.ATR()); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
		// The last byte makes the sum of all but the first one even out (ISO/IEC
		// 7816-3, 8.2.5).
		var sum byte
		for _, c := range i.ATR()[1:] {
			sum ^= c
		}
		if sum != 0 {
			t.Errorf("%d: checksum off by %02x", i, sum)
		}
	}
}

func TestBrokenStorage(t *testing.T) {
	b := &boardtest.Board{}
	a := open(t, b, Options{Version: firmware.Version{5, 4, 3}, USB: OATH | PIV})
	before := send(t, a, insReadConfig, "")
	b.Broken = true
	if got := send(t, a, insWriteConfig, "0403020020"); got != "6581" {
		t.Error(got)
	}
	if got := send(t, a, insReadConfig, ""); got != before {
		t.Errorf("changed: %s", got)
	}
	if _, err := Open(b, Options{}); !errors.Is(err, boardtest.ErrBroken) {
		t.Error(err)
	}
}

func TestDamagedState(t *testing.T) {
	b := &boardtest.Board{}
	a := open(t, b, Options{Version: firmware.Version{5, 4, 3}, USB: OATH | PIV})
	send(t, a, insWriteConfig, "120a1000112233445566778899aabbccddeeff")
	good := b.Stored
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		for _, stored := range [][]byte{bad, good[:i]} {
			if len(stored) == 0 {
				continue
			}
			if _, err := Open(&boardtest.Board{Stored: stored}, Options{}); !errors.Is(err, ErrState) {
				t.Fatalf("%x: %v, want ErrState", stored, err)
			}
		}
	}
}

// The time for a challenge's touch: as configured, and 0 puts the usual one back.
func TestChallengeTimeout(t *testing.T) {
	b := &boardtest.Board{}
	o := Options{Version: firmware.Version{5, 4, 3}, USB: OTP}
	a := open(t, b, o)
	for _, c := range []struct {
		write, told string
		want        time.Duration
	}{
		{"", "07010f", 0},
		{"03070103", "070103", 3 * time.Second},
		{"03070100", "07010f", 0},
		{"030701ff", "0701ff", 255 * time.Second},
	} {
		if c.write != "" {
			send(t, a, insWriteConfig, c.write)
			a = open(t, b, o)
		}
		if told := send(t, a, insReadConfig, ""); !strings.Contains(told, c.told) || a.ChallengeTimeout() != c.want {
			t.Errorf("after %q: %v, told %s; want %v", c.write, a.ChallengeTimeout(), told, c.want)
		}
	}
}

// FuzzState: what is read of a record is written back as the same state, whoever
// wrote it.
func FuzzState(f *testing.F) {
	f.Add([]byte("\x03\x02\x00\x31\x0E\x02\x00\x00\x06\x02\x00\x14\x07\x01\x0F\x08\x01\x80"))
	f.Add([]byte("\x0A\x10abcdefghijklmnop"))
	f.Add([]byte("\x0A\x10" + strings.Repeat("\x00", 16)))
	f.Add([]byte("\x03\x01\x00"))
	f.Fuzz(func(t *testing.T, objects []byte) {
		s, err := decodeState(record.Seal(stateMagic, objects))
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		out, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeState(out); err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%x became %+v, then %+v: %v", objects, s, again, err)
		}
	})
}

// FuzzProcess: whatever is written can be read again after a restart, and
// never switches on what the key doesn't have.
func FuzzProcess(f *testing.F) {
	f.Add(byte(insWriteConfig), byte(0), []byte("\x06\x03\x02\x00\x21\x0C\x00"))
	f.Add(byte(insWriteConfig), byte(0), []byte("\x12\x0A\x10abcdefghijklmnop"))
	f.Add(byte(insSetMode), byte(p1DeviceConfig), []byte{6, 15, 0, 0})
	f.Fuzz(func(t *testing.T, ins, p1 byte, data []byte) {
		b := &boardtest.Board{}
		o := Options{Version: firmware.Version{5, 4, 3}, USB: OATH | PIV}
		a := open(t, b, o)
		a.Process(apdu.Command{INS: ins, P1: p1, Data: data})
		if (a.state.usb|a.state.nfc)&^o.USB != 0 {
			t.Fatalf("on: %x", a.state.usb|a.state.nfc)
		}
		before := send(t, a, insReadConfig, "")
		if after := send(t, open(t, b, o), insReadConfig, ""); after != before {
			t.Fatalf("%s became %s", before, after)
		}
	})
}
