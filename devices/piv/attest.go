//go:build pcsc && (cgo || windows)

package piv

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/fob-auth/fob/devices"
)

// purpose begins what the key in a slot signs, so that the signature is of no
// use elsewhere, and no signature made elsewhere of use here.
const purpose = "fob: proof that the key in this slot is at hand\x00"

// message is what the key in a slot signs for a challenge.
func message(slot string, challenge []byte) []byte {
	return append([]byte(purpose+slot+"\x00"), challenge...)
}

// Words of a PIV applet that refuses (NIST SP 800-73-4, part 2, 3; Yubico,
// "PIV extensions").
const (
	swSecurityStatus = 0x6982
	swUnknownCommand = 0x6D00
)

// Attest opens the key in a PC/SC reader, has the key in a slot sign for a
// challenge, and closes it again. Slots are "9a", "9c", "9d", "9e" and "82" to
// "95". A slot whose key can't be used is devices.ErrUnattested, and is asked
// for no signature: one that wants a touch would hold the card until it times
// out. The card must have a PIV applet. Nothing bounds its time but the
// system's PC/SC service.
func Attest(reader, slot string, challenge []byte) (a devices.Attestation, err error) {
	place, err := parseSlot(slot)
	if err != nil {
		return a, err
	}
	a.Slot = slot
	err = with(reader, func(key *piv.YubiKey) error {
		statement, err := key.Attest(place)
		switch sw, _ := status(err); {
		case errors.Is(err, piv.ErrNotFound):
			return fmt.Errorf("%w: no key was made on it in PIV slot %s", devices.ErrUnattested, slot)
		case sw == swUnknownCommand:
			return fmt.Errorf("%w: its firmware attests no keys (4.3 is the first that does)", devices.ErrUnattested)
		case err != nil:
			return fmt.Errorf("%w: attest PIV slot %s: %w", devices.ErrAnswer, slot, err)
		}
		issuer, err := key.AttestationCertificate()
		if errors.Is(err, piv.ErrNotFound) {
			return fmt.Errorf("%w: its attestation certificate was deleted", devices.ErrUnattested)
		}
		if err != nil {
			return fmt.Errorf("%w: read the attestation certificate: %w", devices.ErrAnswer, err)
		}
		if err := usable(statement, slot); err != nil {
			return err
		}
		a.Certificate, a.Issuer = statement.Raw, issuer.Raw
		a.Signature, err = sign(key, place, statement.PublicKey, message(slot, challenge))
		return err
	})
	if err != nil {
		return devices.Attestation{}, err
	}
	return a, nil
}

// parseSlot takes a slot that can hold a key of the user's.
func parseSlot(name string) (piv.Slot, error) {
	for _, s := range []piv.Slot{piv.SlotAuthentication, piv.SlotSignature, piv.SlotKeyManagement, piv.SlotCardAuthentication} {
		if s.String() == name {
			return s, nil
		}
	}
	number, err := strconv.ParseUint(name, 16, 8)
	if s, ok := piv.RetiredKeyManagementSlot(uint32(number)); err == nil && ok && s.String() == name {
		return s, nil
	}
	return piv.Slot{}, fmt.Errorf("%w: PIV has no slot %.8q for keys: it is one of 9a, 9c, 9d, 9e, 82 to 95", devices.ErrUnsupported, name)
}

// keyPolicy is the extension of an attestation that tells the PIN and the
// touch policy, a byte each (Yubico, "PIV attestation").
var keyPolicy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 8}

// never is the policy of a key that wants nothing (Yubico, "PIV extensions",
// GENERATE ASYMMETRIC: PIN policy and touch policy).
const never = 1

// usable says why a key that a token tells of can't be asked each time the
// token is connected. It believes the token: what it says is verified later.
func usable(statement *x509.Certificate, slot string) error {
	for _, e := range statement.Extensions {
		if !e.Id.Equal(keyPolicy) || len(e.Value) != 2 {
			continue
		}
		switch {
		case e.Value[0] != never:
			return wants(slot, "its PIN")
		case e.Value[1] != never:
			return wants(slot, "a touch")
		}
		return nil
	}
	return fmt.Errorf("%w: the attestation of PIV slot %s tells no policies", devices.ErrUnattested, slot)
}

func wants(slot, what string) error {
	return fmt.Errorf("%w: the key in PIV slot %s wants %s for each signature, and has to be made with PIN policy never and touch policy never", devices.ErrUnattested, slot, what)
}

// sign has the key in a slot sign a message.
func sign(key *piv.YubiKey, slot piv.Slot, public crypto.PublicKey, text []byte) ([]byte, error) {
	digest := sha256.Sum256(text)
	input, hash := digest[:], crypto.SHA256
	switch public.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey:
	case ed25519.PublicKey:
		input, hash = text, 0
	default:
		return nil, fmt.Errorf("%w: the key in PIV slot %s can't sign", devices.ErrUnattested, slot)
	}
	private, err := key.PrivateKey(slot, public, piv.KeyAuth{PINPolicy: piv.PINPolicyNever})
	if err != nil {
		return nil, fmt.Errorf("%w: key in PIV slot %s: %w", devices.ErrUnattested, slot, err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: the key in PIV slot %s can't sign", devices.ErrUnattested, slot)
	}
	signature, err := signer.Sign(nil, input, hash)
	if sw, _ := status(err); sw == swSecurityStatus {
		return nil, wants(slot.String(), "its PIN or a touch")
	}
	if sw, refused := status(err); refused {
		return nil, fmt.Errorf("%w: the key in PIV slot %s doesn't sign: card says %04X", devices.ErrUnattested, slot, sw)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: sign in PIV slot %s: %w", devices.ErrAnswer, slot, err)
	}
	return signature, nil
}
