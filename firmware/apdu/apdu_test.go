package apdu

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every form of ISO/IEC 7816-4, 5.2, both ways.
func TestCommandForms(t *testing.T) {
	long := bytes.Repeat([]byte{0xAB}, 300)
	forms := []struct {
		name string
		raw  string
		cmd  Command
		ne   int
	}{
		{"header alone", "00200080", Command{INS: 0x20, P2: 0x80, Le: LeNone}, 0},
		{"le", "00fd000003", Command{INS: 0xFD, Le: 3}, 3},
		{"le 256", "001d000000", Command{INS: 0x1D}, 256},
		{"data", "00a4040002a000", Command{INS: 0xA4, P1: 4, Data: []byte{0xA0, 0}, Le: LeNone}, 0},
		{"data, le", "00a4040002a00008", Command{INS: 0xA4, P1: 4, Data: []byte{0xA0, 0}, Le: 8}, 8},
		{"data, le 256", "00a4040002a00000", Command{INS: 0xA4, P1: 4, Data: []byte{0xA0, 0}}, 256},
		{"extended le 65536", "00f70080000000", Command{INS: 0xF7, P2: 0x80, Extended: true}, 65536},
		{"extended le", "00f70080000100", Command{INS: 0xF7, P2: 0x80, Le: 256, Extended: true}, 256},
		{"extended data", "00cb3fff0000055c035fff00",
			Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x5C, 3, 0x5F, 0xFF, 0}, Le: LeNone, Extended: true}, 0},
		{"extended data, le", "00cb3fff000001550000",
			Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x55}, Extended: true}, 65536},
		{"extended long data, le", "00db3fff00012c" + hex.EncodeToString(long) + "0010",
			Command{INS: 0xDB, P1: 0x3F, P2: 0xFF, Data: long, Le: 16, Extended: true}, 16},
	}
	for _, f := range forms {
		raw := unhex(t, f.raw)
		cmd, err := ParseCommand(raw)
		if err != nil || !reflect.DeepEqual(cmd, f.cmd) {
			t.Errorf("%s: parsed %+v, %v; want %+v", f.name, cmd, err, f.cmd)
		}
		if cmd.Ne() != f.ne {
			t.Errorf("%s: Ne %d, want %d", f.name, cmd.Ne(), f.ne)
		}
		if back, err := f.cmd.Bytes(); err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%s: encoded %x, %v; want %x", f.name, back, err, raw)
		}
	}
}

func TestParseCommandRefuses(t *testing.T) {
	for _, s := range []string{
		"", "00", "00a404",
		"00a4040002a0",         // data short of Lc
		"00a4040002a0000000",   // more than an Le behind it
		"00a404000000",         // half an extended length
		"00a40400000000aa",     // extended Lc of zero with something behind
		"00a4040000000000",     // the same with a zero
		"00a40400000002a0",     // extended data short of Lc
		"00a40400000002a00000", // one byte of an extended Le
		"00a40400000001a0000000",
	} {
		if cmd, err := ParseCommand(unhex(t, s)); !errors.Is(err, ErrLength) {
			t.Errorf("%s: %+v, %v; want ErrLength", s, cmd, err)
		}
	}
}

func TestCommandBounds(t *testing.T) {
	longest := Command{Data: make([]byte, MaxData), Le: MaxAnswer, Extended: true}
	raw, err := longest.Bytes()
	if err != nil || len(raw) != MaxCommand {
		t.Errorf("longest command: %d bytes, %v; want %d", len(raw), err, MaxCommand)
	}
	if raw, err := (Command{Le: 256}).Bytes(); err != nil || raw[4] != 0 {
		t.Errorf("le 256: %x, %v", raw, err)
	}
	for _, c := range []Command{
		{Data: make([]byte, 256)},
		{Data: make([]byte, MaxData+1), Extended: true},
		{Le: 257},
		{Le: MaxAnswer + 1, Extended: true},
		{Le: -2},
	} {
		dst := []byte("kept")
		if out, err := c.Append(dst); !errors.Is(err, ErrRange) || string(out) != "kept" {
			t.Errorf("%d bytes of data, le %d: %v, want ErrRange", len(c.Data), c.Le, err)
		}
	}
}

func TestResponse(t *testing.T) {
	r, err := ParseResponse([]byte{1, 2, 0x61, 0x05})
	if err != nil || !bytes.Equal(r.Data, []byte{1, 2}) || r.SW != 0x6105 {
		t.Errorf("%+v, %v", r, err)
	}
	if !bytes.Equal(r.Bytes(), []byte{1, 2, 0x61, 0x05}) {
		t.Errorf("back: %x", r.Bytes())
	}
	for _, raw := range [][]byte{nil, {0x90}, make([]byte, MaxAnswer+3)} {
		if _, err := ParseResponse(raw); !errors.Is(err, ErrLength) {
			t.Errorf("%d bytes: %v, want ErrLength", len(raw), err)
		}
	}
}

func TestSW(t *testing.T) {
	for sw, want := range map[SW]string{
		OK: "9000 (success)", NotFound: "6A82 (not found)", 0x6110: "6110 (16 bytes more)",
		0x6100: "6100 (256 bytes more)", 0x63C2: "63C2 (verification failed, 2 tries left)",
		0x1234: "1234 (no precise diagnosis)",
	} {
		if got := sw.Error(); got != want {
			t.Errorf("%04X: %q, want %q", uint16(sw), got, want)
		}
	}
	if _, ok := OK.More(); ok {
		t.Error("9000 promises more")
	}
	if _, ok := SW(0x6300).Retries(); ok {
		t.Error("6300 counts tries")
	}
}

// FuzzCommand: whatever parses means the same after it was encoded again, and
// the encoded form is stable.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"00200080", "00fd000003", "001d000000", "00a4040008a000000527471117",
		"00a4040005a00000030800", "00f70080000000", "00cb3fff0000055c035fff00", "00cb3fff000001550000",
		"10db3fff02aabb", "00a404000000", "00a40400000000aa", "8010800001040000"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		cmd, err := ParseCommand(raw)
		if err != nil {
			return
		}
		out, err := cmd.Bytes()
		if err != nil {
			t.Fatalf("%x: %v", raw, err)
		}
		if !bytes.Equal(out, raw) {
			t.Fatalf("%x became %x", raw, out)
		}
		if ne := cmd.Ne(); ne < 0 || ne > MaxAnswer {
			t.Fatalf("%x: Ne %d", raw, ne)
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte{0x90, 0})
	f.Add([]byte{1, 2, 3, 0x61, 0})
	f.Add([]byte{0x6A})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseResponse(raw)
		if err == nil && !bytes.Equal(r.Bytes(), raw) {
			t.Fatalf("%x became %x", raw, r.Bytes())
		}
		_ = r.SW.Error()
	})
}
