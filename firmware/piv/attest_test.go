package piv

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// attested reads the attestation of a slot and checks that its chain ends at
// the authority.
func attested(t *testing.T, a *Applet, slot byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(do(t, a, insAttest, slot, 0))
	if err != nil {
		t.Fatal(err)
	}
	content := find(t, do(t, a, insGetData, 0x3F, 0xFF, object(tagList, []byte{0x5F, 0xFF, 0x01})), tagContent)
	issuer, err := x509.ParseCertificate(find(t, content, tagCertificate))
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(a.options.Authority.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	o.Roots.AddCert(root)
	o.Intermediates.AddCert(issuer)
	if _, err := c.Verify(o); err != nil {
		t.Errorf("%02X: %v", slot, err)
	}
	return c
}

func TestAttest(t *testing.T) {
	a := token(t, &board{}, v571)
	generated(t, a, slotAuthentication, algP256, pinAlways, touchCached)
	generated(t, a, slotLastRetired, algP384, 0, 0)
	for slot, want := range map[byte]struct {
		name   string
		policy []byte
	}{
		slotAuthentication: {"YubiKey PIV Attestation 9a", []byte{3, 3}},
		slotLastRetired:    {"YubiKey PIV Attestation 95", []byte{2, 1}},
	} {
		c := attested(t, a, slot)
		if c.Subject.CommonName != want.name || c.IsCA {
			t.Errorf("%02X: subject %v, CA %v", slot, c.Subject, c.IsCA)
		}
		for _, e := range []struct {
			n    int
			want []byte
		}{
			{3, []byte{5, 7, 1}}, {7, []byte{2, 4, 0, 0xBC, 0x61, 0x4E}}, {8, want.policy}, {9, []byte{3}},
		} {
			if got := extensionOf(c, e.n); !bytes.Equal(got, e.want) {
				t.Errorf("%02X: extension %d: %x, want %x", slot, e.n, got, e.want)
			}
		}
	}
	refuse(t, a, apdu.WrongData, insAttest, slotAttestation, 0)
}

func extensionOf(c *x509.Certificate, n int) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n}) {
			return e.Value
		}
	}
	return nil
}

// A reset takes every key and object but the attestation's; deleting its key
// ends attestation, and so does a certificate that isn't its.
func TestAttestationKeyStays(t *testing.T) {
	a := token(t, &board{}, v571)
	generated(t, a, slotAuthentication, algP256, 0, 0)
	a.state.pin.left, a.state.puk.left = 0, 0
	do(t, a, insReset, 0, 0)
	if len(a.state.keys) != 1 || len(a.state.objects) != 1 || a.session.management {
		t.Errorf("%d keys, %d objects, an administrator: %v", len(a.state.keys), len(a.state.objects), a.session.management)
	}
	a.session.management = true
	generated(t, a, slotAuthentication, algP256, 0, 0)
	attested(t, a, slotAuthentication)

	other := token(t, &board{next: 100}, v571)
	content := other.state.objects[objectAttestation]
	do(t, a, insPutData, 0x3F, 0xFF, object(tagList, []byte{0x5F, 0xFF, 0x01}), object(tagContent, content))
	refuse(t, a, apdu.ConditionsNotSatisfied, insAttest, slotAuthentication, 0)
	do(t, a, insPutData, 0x3F, 0xFF, object(tagList, []byte{0x5F, 0xFF, 0x01}), object(tagContent, []byte{0x70, 1}))
	refuse(t, a, apdu.ConditionsNotSatisfied, insAttest, slotAuthentication, 0)
	do(t, a, insPutData, 0x3F, 0xFF, object(tagList, []byte{0x5F, 0xFF, 0x01}), object(tagContent))
	refuse(t, a, apdu.ConditionsNotSatisfied, insAttest, slotAuthentication, 0)
	do(t, a, insMoveKey, slotNone, slotAttestation)
	refuse(t, a, apdu.ConditionsNotSatisfied, insAttest, slotAuthentication, 0)
}

// Whoever imports an attestation key of their own gets attestations by it: by
// RSA and ECDSA keys.
func TestOwnAttestationKey(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := ecKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []struct {
		alg     algorithm
		parts   []byte
		private crypto.Signer
	}{
		{algRSA2048, bytes.Join([][]byte{
			object(tagPrime1, rsaKey.Primes[0].Bytes()), object(tagPrime2, rsaKey.Primes[1].Bytes()),
			object(tagExp1, rsaKey.Precomputed.Dp.Bytes()), object(tagExp2, rsaKey.Precomputed.Dq.Bytes()),
			object(tagCoeff, rsaKey.Precomputed.Qinv.Bytes()),
		}, nil), rsaKey},
		{algP384, object(tagScalar, scalar), ecKey},
	} {
		a := token(t, &board{}, v571)
		template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, own.private.Public(), own.private)
		if err != nil {
			t.Fatal(err)
		}
		issuer, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		do(t, a, insImport, byte(own.alg), slotAttestation, own.parts)
		do(t, a, insPutData, 0x3F, 0xFF, object(tagList, []byte{0x5F, 0xFF, 0x01}), object(tagContent, object(tagCertificate, der)))
		generated(t, a, slotAuthentication, algP256, 0, 0)
		c, err := x509.ParseCertificate(do(t, a, insAttest, slotAuthentication, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CheckSignatureFrom(issuer); err != nil || !c.NotAfter.Equal(issuer.NotAfter) {
			t.Errorf("%02X: %v", byte(own.alg), err)
		}
	}
}

func TestAuthorityIsKept(t *testing.T) {
	b := &board{}
	au, err := NewAuthority(b)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := au.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseAuthority(kept)
	if err != nil || !bytes.Equal(again.Certificate(), au.Certificate()) {
		t.Fatalf("read back: %v", err)
	}
	a, err := New(b, Options{Serial: testSerial, Version: v571, Authority: again})
	if err != nil {
		t.Fatal(err)
	}
	a.options.Authority = au
	a.session.management = true
	generated(t, a, slotAuthentication, algP256, 0, 0)
	attested(t, a, slotAuthentication)
	key := object(keptKey, find(t, kept, keptKey))
	other, err := NewAuthority(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, kept[:len(kept)-1], key, kept[len(key):], object(tlv.Tag(5)),
		object(keptKey, []byte{1}), append(key, object(keptCertificate, []byte{1})...),
		append(key, object(keptCertificate, other.Certificate())...)} {
		if _, err := ParseAuthority(bad); !errors.Is(err, ErrAuthority) {
			t.Errorf("%d bytes: %v, want ErrAuthority", len(bad), err)
		}
	}
}

// FuzzAuthority: what is read as an authority certifies, and is written back as
// it was.
func FuzzAuthority(f *testing.F) {
	au, err := NewAuthority(&board{})
	if err != nil {
		f.Fatal(err)
	}
	kept, err := au.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kept)
	f.Add(kept[:len(kept)-1])
	f.Add(object(keptKey, []byte{1}))
	f.Add(object(keptCertificate, au.Certificate()))
	f.Fuzz(func(t *testing.T, b []byte) {
		au, err := ParseAuthority(b)
		if err != nil {
			if !errors.Is(err, ErrAuthority) {
				t.Fatal(err)
			}
			return
		}
		if _, err := New(&board{}, Options{Version: v571, Authority: au}); err != nil {
			t.Fatalf("%x certifies nothing: %v", b, err)
		}
		again, err := au.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := ParseAuthority(again); err != nil || !bytes.Equal(twice.Certificate(), au.Certificate()) {
			t.Fatalf("%x became %x: %v", b, again, err)
		}
	})
}
