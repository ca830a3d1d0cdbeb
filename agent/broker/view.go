package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fob-auth/fob/devices"
)

// claim makes the token known by its serial. The first one keeps it: the same
// serial in a second slot is one token seen twice, or a copy.
func (k *keeper) claim(info devices.Info) error {
	if info.Serial == "" || len(info.Serial) > maxSerial {
		return fmt.Errorf("token tells no serial: %w", devices.ErrAnswer)
	}
	b := k.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.gone {
		return context.Cause(k.ctx)
	}
	if k.announced && k.info.Serial != info.Serial {
		// It was wiped, or got its serial: the one before isn't there any more.
		b.note(Unplugged, k)
		k.announced = false
	}
	if other, ok := b.serials[info.Serial]; ok && other != k {
		b.yield(k)
		k.info, k.credentials = info, nil
		return &DuplicateError{Serial: info.Serial, First: other.slot}
	}
	b.yield(k)
	k.info = info
	b.serials[info.Serial] = k
	return nil
}

// A view is what a token tells of itself.
type view struct {
	credentials []devices.Credential
	notes       []string
	troubles    []error
}

// look has the token tell of itself.
func (k *keeper) look(token devices.Token) (seen view, err error) {
	err = k.call(k.ctx, "list the credentials", openBound, func(ctx context.Context) (err error) {
		seen, err = viewOf(ctx, token)
		return err
	})
	return seen, err
}

// viewOf lists the credentials, and what the token has learnt of itself by then.
func viewOf(ctx context.Context, token devices.Token) (view, error) {
	list, err := credentials(ctx, token)
	info := token.Info()
	return view{list, info.Notes, info.Troubles}, err
}

// take shows what a token tells of itself. broker.mu is held.
func (k *keeper) take(seen view) {
	k.credentials, k.info.Notes, k.info.Troubles = seen.credentials, seen.notes, seen.troubles
}

// Seek is Find for a credential that somebody named. Where it isn't found, the
// tokens that have nothing to do list theirs anew: another program may have put
// it there since.
func (b *Broker) Seek(ctx context.Context, name, serial string) ([]Found, error) {
	found, err := b.Find(name, serial)
	var unknown *NotFoundError
	if name == "" || !errors.As(err, &unknown) && !errors.Is(err, devices.ErrPassword) {
		return found, err
	}
	var locked error
	for _, t := range b.Tokens() {
		if t.State != StateReady || serial != "" && t.Info.Serial != serial {
			continue
		}
		err := b.Refresh(ctx, t.Info.Serial)
		if errors.Is(err, devices.ErrRemoved) {
			// A key that was reset is another one, and is being opened.
			err = b.Refresh(ctx, t.Info.Serial)
		}
		if errors.Is(err, devices.ErrPassword) {
			locked = err
		}
	}
	if found, err = b.Find(name, serial); err != nil && locked != nil {
		return nil, locked
	}
	return found, err
}

// credentials lists what a token has; one that computes no codes has none.
func credentials(ctx context.Context, token devices.Token) ([]devices.Credential, error) {
	coder, ok := token.(devices.Coder)
	if !ok {
		return nil, nil
	}
	list, err := coder.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) > maxCredentials {
		return nil, fmt.Errorf("token tells of %d credentials: %w", len(list), devices.ErrAnswer)
	}
	return slices.Clone(list), nil
}
