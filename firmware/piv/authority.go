package piv

import (
	"crypto"
	"crypto/ecdh"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Names in the authority's certificates. They are ours, so that nobody takes
// them for Yubico's.
const (
	rootName   = "fob emulated PIV Root CA"
	issuerName = "fob emulated PIV Attestation"
)

// Tags of a certificate object's content (SP 800-73-4 part 1, appendix A,
// table 10).
const (
	tagCertificate     tlv.Tag = 0x70
	tagCertificateInfo tlv.Tag = 0x71
	tagErrorDetection  tlv.Tag = 0xFE
)

// certificateSerialSize is the length of a certificate's serial number.
const certificateSerialSize = 16

// validity is that of Yubico's attestation certificates. A card has no clock.
func validity() (from, to time.Time) {
	return time.Date(2016, 3, 14, 0, 0, 0, 0, time.UTC), time.Date(2052, 4, 17, 0, 0, 0, 0, time.UTC)
}

// An Authority certifies the attestation keys of emulated tokens, in place of
// their vendor. A program that trusts its certificate takes emulated tokens
// for real ones.
type Authority struct {
	key         key
	certificate *x509.Certificate
}

// NewAuthority makes an authority with a new key. The error is the board's.
func NewAuthority(hw firmware.Hardware) (*Authority, error) {
	k, err := generateKey(algP256, random{hw})
	if err != nil {
		return nil, err
	}
	t, err := authorityTemplate(hw, rootName, 1)
	if err != nil {
		return nil, err
	}
	c, err := sign(random{hw}, t, t, k, k)
	if err != nil {
		return nil, err
	}
	return &Authority{key: k, certificate: c}, nil
}

// Tags of a kept authority.
const (
	keptKey         tlv.Tag = 0x01 // PKCS #8
	keptCertificate tlv.Tag = 0x02
)

// ErrAuthority says that the bytes are no authority.
var ErrAuthority = errors.New("piv: not an attestation authority")

// ParseAuthority reads what Bytes wrote. The error is ErrAuthority.
func ParseAuthority(b []byte) (*Authority, error) {
	var au Authority
	r := tlv.NewReader(b)
	for r.Next() {
		switch r.Tag() {
		case keptKey:
			k, ok := parseKey(algP256, r.Value())
			if !ok {
				return nil, ErrAuthority
			}
			au.key = k
		case keptCertificate:
			c, err := x509.ParseCertificate(r.Value())
			if err != nil {
				return nil, ErrAuthority
			}
			au.certificate = c
		}
	}
	if r.Err() != nil || au.key.private == nil || au.certificate == nil || !au.key.matches(au.certificate) {
		return nil, ErrAuthority
	}
	return &au, nil
}

// Bytes is the authority with its private key, to be kept.
func (au *Authority) Bytes() ([]byte, error) {
	var w tlv.Writer
	w.Add(keptKey, au.key.der)
	w.Add(keptCertificate, au.certificate.Raw)
	return w.Bytes()
}

// Certificate is the authority's self-signed certificate (DER), to be trusted
// where emulated tokens are.
func (au *Authority) Certificate() []byte { return append([]byte(nil), au.certificate.Raw...) }

func authorityTemplate(hw firmware.Hardware, name string, below int) (*x509.Certificate, error) {
	serial, err := certificateSerial(hw)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            below,
		MaxPathLenZero:        below == 0,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	t.NotBefore, t.NotAfter = validity()
	return t, nil
}

func certificateSerial(hw firmware.Hardware) (*big.Int, error) {
	b := make([]byte, certificateSerialSize)
	if err := hw.Random(b); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x7F | 0x40 // positive, and never shorter
	return new(big.Int).SetBytes(b), nil
}

// sign makes a certificate for a key, by the issuer's certificate and key.
func sign(r io.Reader, t, issuer *x509.Certificate, k, by key) (*x509.Certificate, error) {
	signer, ok := by.private.(crypto.Signer)
	if !ok {
		return nil, errKey
	}
	der, err := x509.CreateCertificate(r, t, issuer, k.publicKey(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// matches says whether a certificate is for the key.
func (k key) matches(c *x509.Certificate) bool {
	own, ok := k.publicKey().(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(c.PublicKey)
}

// publicKey is the public key in Go's own terms.
func (k key) publicKey() crypto.PublicKey {
	switch p := k.private.(type) {
	case crypto.Signer:
		return p.Public()
	case *ecdh.PrivateKey:
		return p.PublicKey()
	}
	return nil
}

// certify is the state with a new attestation key and its certificate, as the
// token's factory makes them.
func (a *Applet) certify(s state) (state, error) {
	k, err := generateKey(algP256, random{a.hw})
	if err != nil {
		return state{}, err
	}
	k.policy, k.origin = policy{pinOnce, touchNever}, originImported
	t, err := authorityTemplate(a.hw, issuerName, 0)
	if err != nil {
		return state{}, err
	}
	au := a.options.Authority
	c, err := sign(random{a.hw}, t, au.certificate, k, au.key)
	if err != nil {
		return state{}, err
	}
	var w tlv.Writer
	w.Add(tagCertificate, c.Raw)
	w.Add(tagCertificateInfo, []byte{0})
	w.Add(tagErrorDetection)
	content, err := w.Bytes()
	if err != nil {
		return state{}, err
	}
	return s.withKey(slotAttestation, k).withObject(objectAttestation, content), nil
}
