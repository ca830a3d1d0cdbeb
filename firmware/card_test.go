package firmware_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
)

// echo is an applet that answers what it is told to, and remembers what it was
// sent.
type echo struct {
	aid      []byte
	answer   []byte
	sw       apdu.SW
	selectSW apdu.SW
	got      []apdu.Command
	selected bool
}

func newEcho(aid string) *echo {
	b, err := hex.DecodeString(aid)
	if err != nil {
		panic(err)
	}
	return &echo{aid: b, sw: apdu.OK, selectSW: apdu.OK}
}

func (e *echo) AID() []byte { return e.aid }
func (e *echo) Select() ([]byte, apdu.SW) {
	e.selected = e.selectSW == apdu.OK
	return e.aid, e.selectSW
}
func (e *echo) Deselect() { e.selected = false }
func (e *echo) Process(c apdu.Command) ([]byte, apdu.SW) {
	c.Data = bytes.Clone(c.Data)
	e.got = append(e.got, c)
	return e.answer, e.sw
}

// own is an applet that hands out the rest of its answers by A5.
type own struct{ *echo }

func (own) ResponseINS() byte { return 0xA5 }

// send transmits commands given as hex and returns the last answer as hex.
func send(t *testing.T, c *firmware.Card, commands ...string) string {
	t.Helper()
	var out []byte
	for _, s := range commands {
		raw, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		out = c.Transmit(raw)
	}
	return hex.EncodeToString(out)
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestSelect(t *testing.T) {
	a, b := newEcho("a000000527210101"), newEcho("a000000527471117")
	c := firmware.NewCard(a, b)
	want(t, "nothing selected", send(t, c, "00a1000000"), "6d00")
	want(t, "whole name", send(t, c, "00a4040008a000000527471117"), "a0000005274711179000")
	want(t, "prefix", send(t, c, "00a4040007a0000005272101"), "a0000005272101019000")
	if !a.selected || b.selected {
		t.Error("the one before was not deselected")
	}
	want(t, "shortest prefix, first applet", send(t, c, "00a4040005a000000527"), "a0000005272101019000")
	want(t, "no answer wanted", send(t, c, "00a4040c08a000000527471117"), "9000")
	want(t, "unknown name", send(t, c, "00a4040007a0000003080000"), "6a82")
	if !b.selected {
		t.Error("an unknown name deselected the applet")
	}
	want(t, "longer than a name", send(t, c, "00a4040009a00000052721010100"), "6a82")
	want(t, "too short a name", send(t, c, "00a4040004a0000005"), "6a82")
	want(t, "no name", send(t, c, "00a40400"), "6a82")
	want(t, "next occurrence", send(t, c, "00a4040208a000000527471117"), "6a86")
	send(t, c, "00a4000002aabb")
	if len(b.got) != 1 || b.got[0].INS != 0xA4 {
		t.Error("A4 with another P1 is the applet's")
	}
	a.selectSW = apdu.Unknown
	want(t, "applet that can't start", send(t, c, "00a4040007a0000005272101"), "6f00")
	want(t, "after it", send(t, c, "00a1000000"), "6d00")
}

// gate is an applet that switches another one off.
type gate struct {
	*echo
	off []byte
}

func (g gate) Allows(aid []byte) bool { return !bytes.Equal(aid, g.off) }

func TestGate(t *testing.T) {
	a, b := newEcho("a000000527210101"), newEcho("a000000527210701")
	g := gate{echo: newEcho("a000000527471117"), off: a.aid}
	c := firmware.NewCard(a, b, g)
	want(t, "switched off", send(t, c, "00a4040008a000000527210101"), "6a82")
	want(t, "a prefix of it and of another", send(t, c, "00a4040006a00000052721"), "a0000005272107019000")
	want(t, "switched on", send(t, c, "00a4040008a000000527471117"), "a0000005274711179000")
}

func TestReset(t *testing.T) {
	a := newEcho("a000000527210101")
	c := firmware.NewCard(a)
	a.answer = make([]byte, 300)
	send(t, c, "00a4040007a0000005272101", "00a1000000", "1001000001aa")
	c.Reset()
	if a.selected {
		t.Error("still selected")
	}
	want(t, "rest of an answer", send(t, c, "00c0000000"), "6985")
	want(t, "a command", send(t, c, "0001000001bb"), "6d00")
}

func TestClasses(t *testing.T) {
	a := newEcho("a000000527210101")
	c := firmware.NewCard(a)
	send(t, c, "00a4040007a0000005272101")
	for cla, sw := range map[string]string{
		"01": "6881", "03": "6881", "40": "6881", "0c": "6882", "04": "6882", "20": "6e00", "ff": "6e00", "80": "9000",
	} {
		want(t, "class "+cla, send(t, c, cla+"010000"), sw)
	}
}

func TestGarbage(t *testing.T) {
	c := firmware.NewCard(newEcho("a000000527210101"))
	for _, raw := range [][]byte{nil, {}, {0}, {0, 0xA4, 4}, {0, 0xA4, 4, 0, 9, 1}, bytes.Repeat([]byte{0xFF}, 70_000)} {
		if got := c.Transmit(raw); len(got) != 2 {
			t.Errorf("%d bytes: %x", len(raw), got)
		}
	}
}

func TestChaining(t *testing.T) {
	a := newEcho("a000000527210101")
	c := firmware.NewCard(a)
	send(t, c, "00a4040007a0000005272101")
	want(t, "links", send(t, c, "10db3fff02aabb", "10db3fff01cc"), "9000")
	if len(a.got) != 0 {
		t.Fatal("a part of a chain reached the applet")
	}
	want(t, "end", send(t, c, "00db3fff01dd00"), "9000")
	if len(a.got) != 1 || !bytes.Equal(a.got[0].Data, []byte{0xAA, 0xBB, 0xCC, 0xDD}) || a.got[0].CLA != 0 {
		t.Fatalf("the applet got %+v", a.got)
	}
	want(t, "stranger in a chain", send(t, c, "10db3fff01aa", "0001000001bb"), "6883")
	want(t, "after it", send(t, c, "0001000001bb"), "9000")
	want(t, "select in a chain", send(t, c, "10db3fff01aa", "00a4040007a0000005272101"), "a0000005272101019000")
	want(t, "another chain in a chain", send(t, c, "10db3fff01aa", "1001000001bb", "0001000001cc"), "9000")
	if got := a.got[len(a.got)-1]; !bytes.Equal(got.Data, []byte{0xBB, 0xCC}) {
		t.Errorf("the applet got %+v", got)
	}
	before := len(a.got)
	link := "10db3fff00ffff" + hex.EncodeToString(make([]byte, 65535))
	want(t, "longest", send(t, c, link, "00db3fff"), "9000")
	want(t, "too long", send(t, c, link, "00db3fff01aa"), "6700")
	if len(a.got) != before+1 {
		t.Errorf("%d commands reached the applet", len(a.got)-before)
	}
	want(t, "select by a chain", send(t, c, "10a4040005a000000527", "00a40400022101"), "a0000005272101019000")
}

func TestAnswersInPieces(t *testing.T) {
	a := newEcho("a000000527210101")
	c := firmware.NewCard(a)
	send(t, c, "00a4040007a0000005272101")
	a.answer = make([]byte, 600)
	for i := range a.answer {
		a.answer[i] = byte(i)
	}
	whole := hex.EncodeToString(a.answer)
	want(t, "first", send(t, c, "00cb3fff00"), whole[:512]+"6100")
	want(t, "second", send(t, c, "00c0000000"), whole[512:1024]+"6158")
	want(t, "a little", send(t, c, "00c0000008"), whole[1024:1040]+"6150")
	want(t, "last", send(t, c, "00c0000000"), whole[1040:]+"9000")
	want(t, "nothing left", send(t, c, "00c0000000"), "6985")
	want(t, "without le", send(t, c, "00cb3fff"), whole[:512]+"6100")
	want(t, "le", send(t, c, "00cb3fff08"), whole[:16]+"6100")
	want(t, "another command", send(t, c, "0020008000", "00c0000000"), whole[512:1024]+"6158")
	want(t, "extended", send(t, c, "00cb3fff000000"), whole+"9000")
	want(t, "extended without le", send(t, c, "00cb3fff000001aa"), whole+"9000")
	want(t, "extended, little", send(t, c, "00cb3fff000010"), whole[:32]+"6100")
	for n, sw := range map[int]string{511: "61ff", 512: "6100"} {
		a.answer = make([]byte, n)
		if got := send(t, c, "00cb3fff00"); got[512:] != sw {
			t.Errorf("%d bytes: %s, want %s", n, got[512:], sw)
		}
	}
	a.answer, _ = hex.DecodeString(whole)
	a.sw = 0x63C1
	want(t, "its status word comes last", send(t, c, "00cb3fff00", "00c0000000", "00c0000000"), whole[1024:]+"63c1")
}

func TestOwnResponseInstruction(t *testing.T) {
	a := own{newEcho("a000000527210101")}
	c := firmware.NewCard(a)
	send(t, c, "00a4040007a0000005272101")
	a.answer = bytes.Repeat([]byte{7}, 257)
	want(t, "rest", send(t, c, "00a1000000", "00a5000000"), "079000")
	a.answer = nil
	want(t, "get response is the applet's", send(t, c, "00c0000000"), "9000")
	if got := a.got[len(a.got)-1]; got.INS != 0xC0 {
		t.Errorf("the applet got %+v", got)
	}
}

func TestNextCommandDropsTheRest(t *testing.T) {
	a := newEcho("a000000527210101")
	c := firmware.NewCard(a)
	send(t, c, "00a4040007a0000005272101")
	a.answer = make([]byte, 300)
	send(t, c, "00a1000000")
	a.answer = nil
	want(t, "rest after another command", send(t, c, "0020008000", "00c0000000"), "6985")
}
