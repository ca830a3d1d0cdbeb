package mfa

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/serialfob"
)

// A blank fob takes one seed, for good, and with it a serial number, under
// which it is opened anew. What fails after that can't be taken back from the
// host: the fob's button alone wipes it.

const (
	// blankPrefix begins the serial that an enrolled fob gets: "virtual MFA",
	// so that nobody takes it for one of AWS's hardware serials.
	blankPrefix = "VMFA"
	// reopenBound is how long a sealed fob may take to come back under its
	// serial.
	reopenBound = 30 * time.Second
)

// errSerialIsNew has the broker open the fob anew.
var errSerialIsNew = fmt.Errorf("%w: the token has another serial now", devices.ErrRemoved)

func isBlank(token devices.Info) bool {
	return token.OwnClock && strings.HasPrefix(token.Serial, serialfob.BlankPrefix)
}

// named reports whether the token is the one of a serial; a blank fob is called
// by its port's name as well.
func named(token devices.Info, serial string) bool {
	return token.Serial == serial || isBlank(token) && token.Serial == serialfob.BlankPrefix+serial
}

// newSerial makes up the serial of a fob: eight digits by chance behind the
// prefix. A serial that a fob had before would lead to its old binding.
func newSerial() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return "", fmt.Errorf("make up a serial: %w", err)
	}
	return fmt.Sprintf("%s%08d", blankPrefix, n), nil
}

// seal gives a blank fob its seed, with the credential's ID as its serial, and
// returns the target with the fob as it is then. The key is cleared once the
// fob has it, which may be after a caller has left.
func (s *Service) seal(ctx context.Context, t target, key devices.Secret) (target, error) {
	err := s.Broker.Do(ctx, t.token.Serial, "write the seed", func(ctx context.Context, token devices.Token) error {
		defer clear(key)
		w, ok := token.(devices.Writer)
		if !ok {
			return devices.ErrUnsupported
		}
		if err := w.Put(ctx, devices.NewCredential{Credential: t.credential, Secret: key}); err != nil {
			return err
		}
		return errSerialIsNew
	})
	if !errors.Is(err, errSerialIsNew) {
		return t, err
	}
	t.token.Serial = t.credential.ID
	found, err := s.awaitToken(ctx, t.credential.ID)
	if err != nil {
		return t, err
	}
	t.token, t.credential = found.Token, found.Credential
	return t, nil
}

// awaitToken waits until a fob is there under its new serial.
func (s *Service) awaitToken(ctx context.Context, serial string) (broker.Found, error) {
	for due := time.Now().Add(reopenBound); ; {
		found, err := s.find(serial, serial)
		if err == nil && len(found) == 1 {
			return found[0], nil
		}
		if time.Now().After(due) {
			return broker.Found{}, errors.Join(&broker.NoTokenError{Serial: serial}, err)
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return broker.Found{}, err
		}
	}
}

// stillSealed tells of a fob that an enrolment which failed has given its seed,
// and what helps.
func stillSealed(t target, why error) error {
	told := &api.Error{Code: api.TokenFault,
		Message: fmt.Sprintf("fob %s has been given its seed, which no command takes out again: %v", t.credential.ID, why),
		Hint:    wipeHint(t.asker)}
	return &toldError{told, why}
}

func wipeHint(a Asker) string {
	return fmt.Sprintf("hold the fob's button for ten seconds, which wipes it, and run 'fob enroll --profile %s' again", a.Profile)
}

// sealed finds the fob that is called by a serial, or by its port's name, where
// an enrolment has sealed it. One that its maker sealed isn't meant: nobody
// should wipe what AWS knows.
func (s *Service) sealed(serial string) (devices.Info, bool) {
	for _, t := range s.Broker.Tokens() {
		if t.Info.OwnClock && strings.HasPrefix(t.Info.Serial, blankPrefix) &&
			(t.Info.Serial == serial || filepath.Base(t.Info.Slot.Path) == serial) {
			return t.Info, true
		}
	}
	return devices.Info{}, false
}

// wiped returns a fob that had a seed as the blank one that it is by now; else
// the error says that it still has its seed, and what helps. Its word of it may
// have been lost on its line.
func (s *Service) wiped(ctx context.Context, a Asker, fob devices.Info) (devices.Info, error) {
	if err := s.Broker.Refresh(ctx, fob.Serial); errors.Is(err, devices.ErrRemoved) {
		bounded, cancel := context.WithTimeout(ctx, reopenBound)
		defer cancel()
		blank := serialfob.BlankPrefix + filepath.Base(fob.Slot.Path)
		if err := s.Broker.Await(bounded, blank); err != nil {
			return devices.Info{}, &broker.NoTokenError{Serial: blank}
		}
		return s.writable(ctx, a, blank)
	}
	refused := &api.Error{Code: api.NoToken, Message: fmt.Sprintf("enrol for profile %s: fob %s has its seed already, and takes no other", a.Profile, fob.Serial), Hint: wipeHint(a)}
	b, err := s.Bindings.OfCredential(ctx, fob.Serial, fob.Serial)
	switch {
	case err != nil && !errors.Is(err, broker.ErrUnbound):
		return devices.Info{}, err
	case err == nil && b.Device.Serial == a.MFASerial:
		refused.Hint = explain.NewSeed(a.Profile)
	case err == nil:
		refused.Message += fmt.Sprintf("; it is bound to MFA device %s", b.Device.Serial)
		refused.Hint = explain.NewSeed("")
	}
	return devices.Info{}, refused
}
