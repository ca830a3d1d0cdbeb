package piv

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"time"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// attestedName is the name in an attestation, with the slot behind it, by which
// clients find it.
const attestedName = "YubiKey PIV Attestation "

// Extensions of an attestation (developers.yubico.com, PIV, "PIV
// attestation").
var (
	extVersion    = extension(3)
	extSerial     = extension(7)
	extPolicy     = extension(8)
	extFormFactor = extension(9)
)

func extension(n int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n}
}

// attest answers a certificate which says that the key in a slot was generated
// there (Yubico extensions, "ATTEST"). An imported key has none.
func (a *Applet) attest(cmd apdu.Command) ([]byte, apdu.SW) {
	if !isSlot(cmd.P1) || cmd.P2 != 0 {
		return nil, apdu.WrongP1P2
	}
	k, ok := a.state.keys[cmd.P1]
	if !ok || k.origin != originGenerated {
		return nil, apdu.WrongData
	}
	by, ok := a.state.keys[slotAttestation]
	if !ok {
		return nil, apdu.ConditionsNotSatisfied
	}
	raw, _, err := tlv.Find(a.state.objects[objectAttestation], tagCertificate)
	if err != nil {
		return nil, apdu.ConditionsNotSatisfied
	}
	issuer, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, apdu.ConditionsNotSatisfied
	}
	out, err := a.attestation(cmd.P1, k, issuer, by)
	if err != nil {
		return nil, apdu.ConditionsNotSatisfied
	}
	return out, apdu.OK
}

// A certificate is the ASN.1 of RFC 5280, 4.1. Go's x509 makes no certificate
// for an X25519 key.
type certificate struct {
	Signed    asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// signed is a certificate's TBSCertificate.
type signed struct {
	Version    int `asn1:"explicit,tag:0"`
	Serial     *big.Int
	Algorithm  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   struct{ NotBefore, NotAfter time.Time }
	Subject    pkix.RDNSequence
	PublicKey  asn1.RawValue
	Extensions []pkix.Extension `asn1:"explicit,tag:3"`
}

// attestation is the certificate for a key in a slot, by the attestation key.
func (a *Applet) attestation(slot byte, k key, issuer *x509.Certificate, by key) ([]byte, error) {
	if !by.matches(issuer) {
		return nil, errKey
	}
	t := signed{Version: 2, Issuer: asn1.RawValue{FullBytes: issuer.RawSubject}}
	t.Validity.NotBefore, t.Validity.NotAfter = issuer.NotBefore, issuer.NotAfter
	t.Subject = pkix.Name{CommonName: attestedName + hex.EncodeToString([]byte{slot})}.ToRDNSequence()
	var err error
	if t.Serial, err = certificateSerial(a.hw); err != nil {
		return nil, err
	}
	if t.PublicKey.FullBytes, err = x509.MarshalPKIXPublicKey(k.publicKey()); err != nil {
		return nil, err
	}
	serial, err := asn1.Marshal(int64(a.options.Serial))
	if err != nil {
		return nil, err
	}
	t.Extensions = []pkix.Extension{
		{Id: extVersion, Value: a.options.Version[:]},
		{Id: extSerial, Value: serial},
		{Id: extPolicy, Value: []byte{k.pin, k.touch}},
		{Id: extFormFactor, Value: []byte{a.options.FormFactor}},
	}
	return by.certify(random{a.hw}, t)
}

// Signature algorithms (RFC 4055, 5; RFC 5758, 3.2).
var (
	rsaWithSHA256   = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue}
	ecdsaWithSHA256 = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
)

// certify signs a certificate, with an RSA or ECDSA key.
func (k key) certify(r random, t signed) ([]byte, error) {
	t.Algorithm = ecdsaWithSHA256
	if k.algorithm.bits() != 0 {
		t.Algorithm = rsaWithSHA256
	}
	signer, ok := k.private.(crypto.Signer)
	if !ok || k.algorithm == algEd25519 {
		return nil, errKey
	}
	body, err := asn1.Marshal(t)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(body)
	signature, err := signer.Sign(r, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(certificate{
		Signed:    asn1.RawValue{FullBytes: body},
		Algorithm: t.Algorithm,
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
}
