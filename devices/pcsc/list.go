//go:build pcsc && (cgo || windows)

package pcsc

import (
	"errors"
	"fmt"

	"github.com/ebfe/scard"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/piv"
	"github.com/fob-auth/fob/firmware/apdu"
)

// aidPIV is the PIV applet's identifier (NIST SP 800-73-4, part 1, 2.2), in the
// short form that piv-go selects too.
var aidPIV = []byte{0xA0, 0x00, 0x00, 0x03, 0x08}

// list lists the readers that hold no token.
func (d *Driver) list() ([]devices.Info, error) {
	service, err := scard.EstablishContext()
	if err != nil {
		return nil, meaning(err)
	}
	defer func() { _ = service.Release() }()
	eye, err := openEye()
	if err != nil {
		return nil, meaning(err)
	}
	defer eye.close()
	readers, err := service.ListReaders()
	if errors.Is(err, scard.ErrNoReadersAvailable) {
		return nil, nil
	}
	if err != nil {
		return nil, meaning(err)
	}
	infos := make([]devices.Info, 0, len(readers))
	for _, name := range readers {
		state, atr, err := eye.look(name)
		if err != nil {
			continue // unplugged just now
		}
		info := devices.Info{Slot: d.slot(name, state)}
		if answers(state) && isYubiKey(name, atr) && !d.disowned(info.Slot) {
			continue // one of Watch's
		}
		describe(service, state, &info)
		infos = append(infos, info)
	}
	return infos, nil
}

// disowned says whether Open found that a card is no token.
func (d *Driver) disowned(s devices.Slot) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.foreign[s]
}

// describe fills in what the card in a reader says of itself.
func describe(service *scard.Context, state scard.StateFlag, info *devices.Info) {
	if note := obstacle(service, info.Slot.Path, state); note != "" {
		info.Notes = append(info.Notes, note)
		return
	}
	id, err := piv.Read(info.Slot.Path)
	if id.Version != "" {
		info.Notes = append(info.Notes, "PIV "+id.Version)
	}
	if err != nil {
		info.Notes = append(info.Notes, "serial number can't be read")
		return
	}
	info.Serial, info.Firmware, info.Model = id.Serial, id.Firmware, "YubiKey"
}

// answers says whether a card is in that answered to its reset.
func answers(state scard.StateFlag) bool {
	return state&scard.StatePresent != 0 && state&scard.StateMute == 0
}

// obstacle says why a card can't be asked, or nothing. A card that another
// program uses is left alone: selecting an applet would end that program's
// session with it.
func obstacle(service *scard.Context, reader string, state scard.StateFlag) (note string) {
	switch {
	case state&scard.StatePresent == 0:
		return "no card in the reader"
	case state&scard.StateMute != 0:
		return "card doesn't answer"
	case state&(scard.StateInuse|scard.StateExclusive) != 0:
		return "in use by another program"
	}
	return probe(service, reader)
}

// probe says why a card must not be given to piv-go, or nothing. It selects
// the PIV applet in shared mode.
func probe(service *scard.Context, reader string) (note string) {
	card, err := service.Connect(reader, scard.ShareShared, scard.ProtocolT1)
	if errors.Is(err, scard.ErrSharingViolation) {
		return "in use by another program"
	}
	if err != nil {
		return "card doesn't answer"
	}
	defer card.Disconnect(scard.LeaveCard)
	there, err := selectPIV(card)
	switch {
	case err != nil:
		return "card doesn't answer"
	case !there:
		return "no PIV applet"
	}
	return ""
}

// selectPIV selects the PIV applet, and reports whether there is one.
func selectPIV(card *scard.Card) (there bool, err error) {
	cmd, err := apdu.Command{INS: 0xA4, P1: 0x04, Data: aidPIV, Le: apdu.LeNone}.Bytes()
	if err != nil {
		return false, err
	}
	raw, err := card.Transmit(cmd)
	if err != nil {
		return false, meaning(err)
	}
	answer, err := apdu.ParseResponse(raw)
	if err != nil {
		return false, fmt.Errorf("%w: %w", devices.ErrAnswer, err)
	}
	_, more := answer.SW.More()
	return answer.SW == apdu.OK || more, nil
}
