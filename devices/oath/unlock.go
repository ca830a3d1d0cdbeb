package oath

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"fmt"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

const insValidate = 0xA3 // YKOATH, VALIDATE

// How a password becomes the applet's key: PBKDF2 with HMAC-SHA-1 and the
// applet's random name as the salt (YKOATH, SET CODE, which leaves it to the
// client; these are the figures of the maker's own tools).
const (
	keyRounds = 1000
	keySize   = 16
)

// challengeSize is that of the challenges of VALIDATE, in bytes, both ways.
const challengeSize = 8

// maxPassword bounds a password, in bytes.
const maxPassword = 1024

var _ devices.Unlocker = (*Key)(nil)

// Unlock opens the applet with its password. The key that comes of it is the
// caller's to clear.
func (k *Key) Unlock(ctx context.Context, password devices.Secret) (devices.Secret, error) {
	if len(password) == 0 || len(password) > maxPassword {
		return nil, &devices.Error{Op: unlocking, Token: k.info.Serial, Err: fmt.Errorf("%w: %d bytes are no password", devices.ErrPassword, len(password))}
	}
	key, err := pbkdf2.Key(sha1.New, string(password.Reveal()), []byte(k.name), keyRounds, keySize)
	if err != nil {
		return nil, &devices.Error{Op: unlocking, Token: k.info.Serial, Err: err}
	}
	return key, k.UnlockWith(ctx, key)
}

// UnlockWith opens the applet with the key of its password.
func (k *Key) UnlockWith(ctx context.Context, key devices.Secret) error {
	err := k.transact(ctx, func(c card) error {
		sel, err := k.selectOwn(ctx, c)
		if err != nil {
			return err
		}
		if !sel.locked {
			return fmt.Errorf("%w: it has no password", devices.ErrUnsupported)
		}
		return c.validate(ctx, sel, key)
	})
	if err != nil {
		return &devices.Error{Op: unlocking, Token: k.info.Serial, Err: err}
	}
	clear(k.access)
	k.access = append(devices.Secret(nil), key...)
	return nil
}

// unlocking is what was tried, in errors.
const unlocking = "unlock the accounts"

// validate shows the applet that the key is known, and has it show the same
// (YKOATH, VALIDATE).
func (c card) validate(ctx context.Context, sel selection, key devices.Secret) error {
	if sel.algorithm != 0 && sel.algorithm != byte(otp.SHA1) {
		return fmt.Errorf("%w: its password is checked by algorithm %d", devices.ErrUnsupported, sel.algorithm)
	}
	challenge := make([]byte, challengeSize)
	rand.Read(challenge) // it never fails
	var w tlv.Writer
	w.Add(tagFull, answerTo(key, sel.challenge))
	w.Add(tagChallenge, challenge)
	data, err := w.Bytes()
	if err != nil {
		return err
	}
	answer, err := c.send(ctx, apdu.Command{INS: insValidate, Data: data})
	switch {
	case errors.Is(err, apdu.WrongData), errors.Is(err, apdu.DataInvalid), errors.Is(err, apdu.SecurityStatus):
		return fmt.Errorf("%w: it takes another one than was given", devices.ErrPassword)
	case err != nil:
		return err
	}
	theirs, ok, err := tlv.Find(answer, tagFull)
	if err != nil {
		return malformed("VALIDATE", err)
	}
	if !ok || !hmac.Equal(theirs, answerTo(key, challenge)) {
		return fmt.Errorf("%w: it let the password pass without knowing it", devices.ErrAnswer)
	}
	return nil
}

// answerTo is what who knows the key answers to a challenge.
func answerTo(key devices.Secret, challenge []byte) []byte {
	mac := hmac.New(sha1.New, key.Reveal())
	mac.Write(challenge)
	return mac.Sum(nil)
}
