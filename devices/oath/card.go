package oath

import (
	"context"
	"errors"
	"fmt"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/apdu"
)

// Instructions (YKOATH, "Instructions"; ISO/IEC 7816-4, 11.2.2 and 11.8.1).
const (
	insPut           = 0x01
	insDelete        = 0x02
	insList          = 0xA1
	insCalculate     = 0xA2
	insCalculateAll  = 0xA4
	insSendRemaining = 0xA5
	insSelect        = 0xA4
	insGetResponse   = 0xC0
)

// selectByName is P1 of SELECT by AID (ISO/IEC 7816-4, 11.2.2).
const selectByName = 0x04

// truncated is P2 of CALCULATE and CALCULATE ALL that asks for four bytes of
// the HMAC in place of all of it (YKOATH, CALCULATE).
const truncated = 0x01

const (
	// maxRounds bounds how often the rest of one answer is asked for.
	maxRounds = 256
	// maxAnswer bounds one answer, in bytes: 64 credentials of the longest
	// name are under 5 KiB.
	maxAnswer = 16 << 10
)

var aidOATH = []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01}

// A card speaks to the key within one transaction.
type card struct {
	transport devices.Transport
}

// selectApplet selects an applet by its AID and returns what it says of
// itself. rest is the instruction by which it gives the rest of an answer.
func (c card) selectApplet(ctx context.Context, aid []byte, rest byte) ([]byte, error) {
	return c.exchange(ctx, apdu.Command{INS: insSelect, P1: selectByName, Data: aid}, rest)
}

func (c card) selectOATH(ctx context.Context) (selection, error) {
	answer, err := c.selectApplet(ctx, aidOATH, insSendRemaining)
	if err != nil {
		return selection{}, err
	}
	return parseSelection(answer)
}

// list returns the applet's credentials with their IDs.
func (c card) list(ctx context.Context) ([]entry, error) {
	answer, err := c.send(ctx, apdu.Command{INS: insList})
	if err != nil {
		return nil, err
	}
	entries, err := parseList(answer)
	if err != nil {
		return nil, err
	}
	identify(entries)
	return entries, nil
}

// find returns the credential of an ID.
func (c card) find(ctx context.Context, id string) (entry, error) {
	entries, err := c.list(ctx)
	if err != nil {
		return entry{}, err
	}
	found := -1
	for i, e := range entries {
		switch {
		case e.id != id:
		case found >= 0:
			return entry{}, fmt.Errorf("%w: two credentials of that name", devices.ErrAnswer)
		default:
			found = i
		}
	}
	if found < 0 {
		return entry{}, devices.ErrNoCredential
	}
	return entries[found], nil
}

// shapes asks for the codes of step 0 of everything on the card, for what
// comes beside them.
func (c card) shapes(ctx context.Context) (map[string]shape, error) {
	data := []byte{byte(tagChallenge), 8, 0, 0, 0, 0, 0, 0, 0, 0}
	answer, err := c.send(ctx, apdu.Command{INS: insCalculateAll, P2: truncated, Data: data})
	if errors.Is(err, apdu.WrongData) {
		// A credential of the property "only increasing" that has given a code
		// spoils the command for all.
		return nil, fmt.Errorf("a credential on it takes rising challenges alone, and a listing asks for step 0: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return parseShapes(answer)
}

// send exchanges a command with the OATH applet, which has an instruction of
// its own for the rest of a long answer (YKOATH, SEND REMAINING).
func (c card) send(ctx context.Context, cmd apdu.Command) ([]byte, error) {
	return c.exchange(ctx, cmd, insSendRemaining)
}

// exchange sends one command and gathers its answer. A status word other than
// success comes back as an error that wraps both the word and its meaning.
func (c card) exchange(ctx context.Context, cmd apdu.Command, rest byte) ([]byte, error) {
	if len(cmd.Data) > 0 {
		cmd.Le = apdu.LeNone // as the maker's own tools do
	}
	var answer []byte
	for range maxRounds {
		r, err := c.transmit(ctx, cmd)
		if err != nil {
			return nil, err
		}
		if answer = append(answer, r.Data...); len(answer) > maxAnswer {
			return nil, fmt.Errorf("%w: over %d bytes", devices.ErrAnswer, maxAnswer)
		}
		if _, more := r.SW.More(); !more {
			return answer, meaning(r.SW)
		}
		cmd = apdu.Command{INS: rest}
	}
	return nil, fmt.Errorf("%w: it never ends", devices.ErrAnswer)
}

func (c card) transmit(ctx context.Context, cmd apdu.Command) (apdu.Response, error) {
	raw, err := cmd.Bytes()
	if err != nil {
		return apdu.Response{}, fmt.Errorf("%w: %w", devices.ErrUnsupported, err)
	}
	defer clear(raw) // it may hold a secret
	answer, err := c.transport.Transmit(ctx, raw)
	if err != nil {
		return apdu.Response{}, err
	}
	r, err := apdu.ParseResponse(answer)
	if err != nil {
		return apdu.Response{}, fmt.Errorf("%w: %d bytes without a status word", devices.ErrAnswer, len(answer))
	}
	return r, nil
}

// meaning is what a status word says to a caller (YKOATH, "Response codes").
func meaning(sw apdu.SW) error {
	kind := devices.ErrAnswer
	switch sw {
	case apdu.OK:
		return nil
	case apdu.SecurityStatus:
		kind = devices.ErrPassword
	case apdu.ConditionsNotSatisfied:
		kind = devices.ErrNoTouch
	case apdu.DataInvalid:
		kind = devices.ErrNoCredential
	case apdu.NoSpace:
		kind = devices.ErrFull
	case apdu.NotFound, apdu.WrongData, apdu.FunctionNotSupported, apdu.INSNotSupported, apdu.CLANotSupported:
		kind = devices.ErrUnsupported
	}
	return fmt.Errorf("%w: card says %w", kind, sw)
}

// refused says that the card answered properly, and no.
func refused(err error) bool {
	var sw apdu.SW
	return errors.As(err, &sw)
}
