package firmware

import (
	"bytes"

	"github.com/fob-auth/fob/firmware/apdu"
)

// Instructions that the card itself answers (ISO/IEC 7816-4:2020, 11.2.2 and
// 11.8.1).
const (
	insSelect      = 0xA4
	insGetResponse = 0xC0
)

// Parameters of SELECT (ISO/IEC 7816-4:2020, 11.2.2, tables 62 and 63).
const (
	selectByName = 0x04 // P1
	selectFirst  = 0x00 // P2: first or only occurrence, with an answer
	selectNoData = 0x0C // P2: the same, without an answer
)

// minAID is the shortest AID, and so the shortest prefix that names an applet
// (ISO/IEC 7816-4:2020, 12.3.4): the five bytes of the registered provider.
const minAID = 5

// Bits of CLA in the interindustry class (ISO/IEC 7816-4:2020, 5.4.1).
const (
	claProprietary = 0x80
	claFurther     = 0x40 // channels 4 and up
	claReserved    = 0x20
	claChain       = 0x10
	claSecure      = 0x0C
	claChannel     = 0x03
)

// ResponseINS is what an applet implements whose clients fetch the rest of a
// long answer by an instruction of its own instead of GET RESPONSE.
type ResponseINS interface {
	// ResponseINS is that instruction's INS byte.
	ResponseINS() byte
}

// Gate is what an applet implements that can switch the card's applets off.
type Gate interface {
	// Allows says whether the applet with that AID may be selected.
	Allows(aid []byte) bool
}

// A Card runs applets, one at a time, behind one stream of command APDUs. Its
// methods must not be called at the same time.
type Card struct {
	applets  []Applet
	gate     Gate // nil allows all
	selected Applet
	chain    []byte       // data of the chained commands so far
	chained  apdu.Command // header of the open chain
	chaining bool
	rest     []byte  // of the last answer, for GET RESPONSE
	restSW   apdu.SW // that ends it
}

// NewCard makes a card with these applets and none selected. Where a SELECT
// names several of them by a prefix, the first one is meant. If one of them is
// a Gate, those that it doesn't allow aren't there for SELECT.
func NewCard(applets ...Applet) *Card {
	c := &Card{applets: applets}
	for _, a := range applets {
		if g, ok := a.(Gate); ok {
			c.gate = g
		}
	}
	return c
}

// Reset does what a loss of power or a reset of the contacts does: no applet
// is selected, an open chain and a half-fetched answer are forgotten.
func (c *Card) Reset() {
	c.deselect()
	c.dropChain()
	c.dropRest()
}

func (c *Card) deselect() {
	if c.selected != nil {
		c.selected.Deselect()
		c.selected = nil
	}
}

func (c *Card) dropChain() { c.chain, c.chaining = nil, false }

func (c *Card) dropRest() { c.rest, c.restSW = nil, 0 }

// Transmit answers one command APDU with one response APDU. Whatever comes in,
// at least a status word goes out. It blocks as long as the applet does: while
// a touch is awaited.
func (c *Card) Transmit(raw []byte) []byte {
	return c.process(raw).Bytes()
}

func (c *Card) process(raw []byte) apdu.Response {
	cmd, err := apdu.ParseCommand(raw)
	if err != nil {
		c.dropChain()
		c.dropRest()
		return apdu.Response{SW: apdu.WrongLength}
	}
	if sw := checkClass(cmd.CLA); sw != apdu.OK {
		return apdu.Response{SW: sw}
	}
	if cmd.INS == c.responseINS() && cmd.CLA == 0 {
		return c.respond(cmd)
	}
	c.dropRest()
	if cmd.CLA&claChain != 0 || c.chaining {
		sw, whole := c.link(&cmd)
		if !whole {
			return apdu.Response{SW: sw}
		}
		defer c.dropChain()
	}
	data, sw := c.dispatch(cmd)
	if len(data) == 0 {
		return apdu.Response{SW: sw}
	}
	c.rest, c.restSW = data, sw
	return c.respond(cmd)
}

// checkClass refuses what the card can't do: secure messaging, logical
// channels, reserved classes. The proprietary class is the applet's business.
func checkClass(cla byte) apdu.SW {
	switch {
	case cla == 0xFF:
		return apdu.CLANotSupported
	case cla&claProprietary != 0:
		return apdu.OK
	case cla&claFurther != 0:
		return apdu.ChannelNotSupported
	case cla&claReserved != 0:
		return apdu.CLANotSupported
	case cla&claSecure != 0:
		return apdu.SecureMessagingNotSupported
	case cla&claChannel != 0:
		return apdu.ChannelNotSupported
	}
	return apdu.OK
}

func (c *Card) responseINS() byte {
	if r, ok := c.selected.(ResponseINS); ok {
		return r.ResponseINS()
	}
	return insGetResponse
}

// link adds a command to the open chain (ISO/IEC 7816-4:2020, 5.3.3). It is
// true with the last one, which then carries the data of all. A SELECT that
// belongs to no chain ends one that was left open; any other stranger is
// refused, and ends it too.
func (c *Card) link(cmd *apdu.Command) (apdu.SW, bool) {
	last := cmd.CLA&claChain == 0
	cla := cmd.CLA &^ claChain
	same := cla == c.chained.CLA && cmd.INS == c.chained.INS &&
		cmd.P1 == c.chained.P1 && cmd.P2 == c.chained.P2
	if c.chaining && !same {
		c.dropChain()
		if last {
			return apdu.ChainEndExpected, isSelect(*cmd)
		}
	}
	if len(c.chain)+len(cmd.Data) > apdu.MaxData {
		c.dropChain()
		return apdu.WrongLength, false
	}
	c.chain = append(c.chain, cmd.Data...)
	c.chained = apdu.Command{CLA: cla, INS: cmd.INS, P1: cmd.P1, P2: cmd.P2}
	c.chaining = !last
	if last {
		cmd.Data = c.chain
	}
	return apdu.OK, last
}

func isSelect(cmd apdu.Command) bool {
	return cmd.CLA == 0 && cmd.INS == insSelect && cmd.P1 == selectByName
}

// dispatch gives a whole command to the applet it is for. YKOATH uses SELECT's
// instruction byte for CALCULATE ALL, with another P1.
func (c *Card) dispatch(cmd apdu.Command) ([]byte, apdu.SW) {
	if isSelect(cmd) {
		return c.choose(cmd)
	}
	if c.selected == nil {
		return nil, apdu.INSNotSupported
	}
	return c.selected.Process(cmd)
}

// choose answers SELECT by AID. If no applet has the name, the one that was
// selected stays so.
func (c *Card) choose(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P2 != selectFirst && cmd.P2 != selectNoData {
		return nil, apdu.WrongP1P2
	}
	a := c.find(cmd.Data)
	if a == nil {
		return nil, apdu.NotFound
	}
	c.deselect()
	answer, sw := a.Select()
	if sw != apdu.OK {
		return nil, sw
	}
	c.selected = a
	if cmd.P2 == selectNoData {
		return nil, sw
	}
	return answer, sw
}

// find looks an applet up by its AID, or by the first five bytes and more.
func (c *Card) find(name []byte) Applet {
	if len(name) < minAID {
		return nil
	}
	var prefix Applet
	for _, a := range c.applets {
		aid := a.AID()
		if c.gate != nil && !c.gate.Allows(aid) {
			continue
		}
		if bytes.Equal(aid, name) {
			return a
		}
		if prefix == nil && bytes.HasPrefix(aid, name) {
			prefix = a
		}
	}
	return prefix
}

// respond answers with the next piece of the answer: as much as the command
// asks for. A command without Le is taken to ask for all its form allows, as
// many clients leave it out and expect data all the same.
func (c *Card) respond(cmd apdu.Command) apdu.Response {
	if c.restSW == 0 {
		return apdu.Response{SW: apdu.ConditionsNotSatisfied}
	}
	ne := cmd.Ne()
	if ne == 0 {
		cmd.Le = 0
		ne = cmd.Ne()
	}
	if len(c.rest) <= ne {
		r := apdu.Response{Data: c.rest, SW: c.restSW}
		c.dropRest()
		return r
	}
	r := apdu.Response{Data: c.rest[:ne], SW: apdu.MoreData}
	c.rest = c.rest[ne:]
	if len(c.rest) < 256 {
		r.SW |= apdu.SW(len(c.rest))
	}
	return r
}
