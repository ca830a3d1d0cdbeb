//go:build pcsc && (cgo || windows)

package piv

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/fob-auth/fob/devices"
)

// Verify says what an attestation for a challenge proves. Anything short of a
// proof is devices.ErrUnattested, with what is wrong. Whose serial it should be
// is the caller's to compare.
func (v Verifier) Verify(a devices.Attestation, challenge []byte) (devices.Proof, error) {
	statement, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return devices.Proof{}, unproven("the attestation of slot %s is no certificate: %w", a.Slot, err)
	}
	issuer, err := x509.ParseCertificate(a.Issuer)
	if err != nil {
		return devices.Proof{}, unproven("the attestation certificate is no certificate: %w", err)
	}
	said, emulated, err := v.chain(issuer, statement)
	if err != nil {
		return devices.Proof{}, err
	}
	proof := devices.Proof{Serial: strconv.FormatUint(uint64(said.Serial), 10), Slot: a.Slot, Emulated: emulated}
	if err := check(said, statement, a.Slot); err != nil {
		return devices.Proof{}, err
	}
	if !signed(statement.PublicKey, message(a.Slot, challenge), a.Signature) {
		return devices.Proof{}, unproven("it shows the certificates of token %s and hasn't got the key to them: its signature isn't by the key in slot %s", proof.Serial, a.Slot)
	}
	sum := sha256.Sum256(statement.RawSubjectPublicKeyInfo)
	proof.Key = hex.EncodeToString(sum[:])
	return proof, nil
}

func unproven(format string, args ...any) error {
	return fmt.Errorf("%w: %w", devices.ErrUnattested, fmt.Errorf(format, args...))
}

// chain follows the certificates to a root, Yubico's or else the bench's.
func (v Verifier) chain(issuer, statement *x509.Certificate) (said *piv.Attestation, emulated bool, err error) {
	var yubico piv.Verifier
	said, err = yubico.Verify(issuer, statement)
	if err == nil {
		return said, false, nil
	}
	if v.EmulatedRoot == nil {
		return nil, false, unproven("its certificates don't lead to Yubico's root: %w", err)
	}
	text, err := v.EmulatedRoot()
	if err != nil {
		return nil, false, unproven("its certificates don't lead to Yubico's root, and the bench's can't be read: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, false, unproven("its certificates don't lead to Yubico's root, and there is no certificate in the bench's file")
	}
	bench := piv.Verifier{Roots: roots}
	if said, err = bench.Verify(issuer, statement); err != nil {
		return nil, false, unproven("its certificates lead neither to Yubico's root nor to the bench's: %w", err)
	}
	return said, true, nil
}

// check holds what the certificate says to what a proof takes.
func check(said *piv.Attestation, statement *x509.Certificate, slot string) error {
	switch {
	case said.Serial == 0:
		return unproven("the attestation of slot %s names no serial", slot)
	case said.Slot.String() != slot:
		return unproven("the attestation is of slot %s, not of slot %s", said.Slot, slot)
	case said.PINPolicy != piv.PINPolicyNever:
		return wants(slot, "its PIN")
	case said.TouchPolicy != piv.TouchPolicyNever:
		return wants(slot, "a touch")
	}
	if _, isRSA := statement.PublicKey.(*rsa.PublicKey); isRSA && before(said.Version, 4, 3, 5) {
		// Yubico security advisory YSA-2017-01: they can be computed from the
		// public key.
		return unproven("RSA keys made on firmware %d.%d.%d are weak; use an elliptic curve", said.Version.Major, said.Version.Minor, said.Version.Patch)
	}
	return nil
}

func before(v piv.Version, major, minor, patch int) bool {
	return v.Major < major || v.Major == major && (v.Minor < minor || v.Minor == minor && v.Patch < patch)
}

// signed says whether a signature is by the key, over the text.
func signed(public crypto.PublicKey, text, signature []byte) bool {
	digest := sha256.Sum256(text)
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, text, signature)
	}
	return false
}
