package serialfob

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// BlankPrefix begins the serial that stands for a fob that has none yet; the
// name of its port follows.
const BlankPrefix = "unprovisioned:"

// A blank is a fob that has no seed yet. It takes one, once, and is an ordinary
// fob from then on (PROTOCOL.md, "Provisioning").
type blank struct {
	*fob
	now func() time.Time // the host's clock, which the fob's is set by
}

var (
	_ devices.Coder  = (*blank)(nil)
	_ devices.Writer = (*blank)(nil)
)

// sealed says that the fob has taken its seed.
func (b *blank) sealed() bool { return b.serial != "" }

func newBlank(f *fob, now func() time.Time) *blank {
	f.info.Serial = BlankPrefix + filepath.Base(f.info.Slot.Path)
	f.info.Notes = []string{"not provisioned: it takes one seed"}
	return &blank{fob: f, now: now}
}

// Credentials tells of none until the fob has its seed.
func (b *blank) Credentials(ctx context.Context) ([]devices.Credential, error) {
	list, err := b.fob.Credentials(ctx)
	if err != nil || b.sealed() {
		return list, err
	}
	return nil, nil
}

// Code finds no credential until the fob has its seed.
func (b *blank) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	if err := ctx.Err(); err == nil && !b.sealed() {
		return devices.Code{}, b.failed("compute a code", devices.ErrNoCredential)
	}
	return b.fob.Code(ctx, id, at)
}

// Put gives the fob its seed, for good, with c's ID as its serial number, which
// it has from then on. The error is [devices.ErrFull] for a fob that is sealed,
// and [devices.ErrUnsupported] for a credential that a fob can't have: another
// kind than TOTP with SHA-1, 6 digits and 30 seconds, a seed of less than 16
// bytes, a serial of more than 20 characters.
func (b *blank) Put(ctx context.Context, c devices.NewCredential) error {
	if err := b.put(ctx, c); err != nil {
		return b.failed("store the seed", err)
	}
	b.info.Serial, b.info.Notes, b.serial = c.ID, nil, c.ID
	return nil
}

func (b *blank) put(ctx context.Context, c devices.NewCredential) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case b.sealed():
		return devices.ErrFull
	case c.Type != devices.TOTP || c.Algorithm != devices.SHA1 || c.Digits != fobDigits || c.Period != fobPeriod:
		return fmt.Errorf("%w: a fob's codes are TOTP with SHA-1, %d digits and %v", devices.ErrUnsupported, fobDigits, fobPeriod)
	}
	seed := c.Secret.Reveal()
	for _, step := range []struct {
		verb string
		ask  question
	}{
		{line.VerbTime, func(seq uint16) line.Frame { return line.TimeRequest(seq, b.now()) }},
		{line.VerbSerial, func(seq uint16) line.Frame { return line.SerialRequest(seq, c.ID, "") }},
		{line.VerbSeed, func(seq uint16) line.Frame { return line.SeedRequest(seq, seed) }},
	} {
		err := b.order(ctx, step.verb, step.ask)
		var failure *line.FailureError
		if step.verb == line.VerbTime && errors.As(err, &failure) && failure.Code == line.FailUnknown {
			continue // its clock can't be set, and runs
		}
		if err != nil {
			return err
		}
	}
	return b.seal(ctx, c.ID)
}

// order tells the fob something, and wants no more than that it did it.
func (b *blank) order(ctx context.Context, verb string, q question) error {
	frame, err := b.askTimes(ctx, verb, q, tries)
	if err != nil {
		return err
	}
	if err := line.ParseDone(frame, verb); err != nil {
		return refusal(err)
	}
	return nil
}

// seal seals the fob. Where it doesn't say that it did, its serial number does.
func (b *blank) seal(ctx context.Context, serial string) error {
	sealing := b.order(ctx, line.VerbSeal, line.SealRequest)
	if sealing == nil {
		return nil
	}
	frame, err := b.ask(ctx, line.VerbIdentity)
	if err != nil {
		return errors.Join(sealing, err)
	}
	id, err := line.ParseIdentity(frame)
	if err != nil || id.Serial != serial {
		return sealing
	}
	return nil
}

// Delete is what no fob does over its line: its button wipes it.
func (b *blank) Delete(context.Context, string) error {
	return b.failed("delete a credential", devices.ErrUnsupported)
}
