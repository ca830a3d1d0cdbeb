//go:build pcsc && (cgo || windows)

package piv

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
)

// A maker makes attestations as a YubiKey's maker does: a root that signs an
// issuer, which signs what it says of a key.
type maker struct {
	root, issuer *x509.Certificate
	key          *ecdsa.PrivateKey
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	authority := func(name string, signedBy *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: true,
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
		if signedBy == nil {
			signedBy, by = c, key
		}
		return certify(t, c, signedBy, &key.PublicKey, by), key
	}
	root, rootKey := authority("Root", nil, nil)
	issuer, key := authority("Issuer", root, rootKey)
	return &maker{root: root, issuer: issuer, key: key}
}

func certify(t testing.TB, c, by *x509.Certificate, public any, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, public, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// trust is a Verifier that knows the maker as a bench.
func (m *maker) trust() Verifier {
	return Verifier{EmulatedRoot: func() ([]byte, error) {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.root.Raw}), nil
	}}
}

// A statement is what an attestation says; what is empty is left out.
type statement struct {
	name     string
	firmware []byte
	serial   int64
	policy   []byte
}

var good = statement{name: "YubiKey PIV Attestation 9a", firmware: []byte{5, 4, 3}, serial: 12345678, policy: []byte{1, 1}}

// attest makes the attestation of a key that has signed for a challenge.
func (m *maker) attest(t testing.TB, says statement, key crypto.Signer, challenge string) devices.Attestation {
	t.Helper()
	extension := func(n int, value []byte) pkix.Extension {
		return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n}, Value: value}
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: says.name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	if says.firmware != nil {
		c.ExtraExtensions = append(c.ExtraExtensions, extension(3, says.firmware))
	}
	if says.serial != 0 {
		der, err := asn1.Marshal(says.serial)
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = append(c.ExtraExtensions, extension(7, der))
	}
	if says.policy != nil {
		c.ExtraExtensions = append(c.ExtraExtensions, extension(8, says.policy))
	}
	made := certify(t, c, m.issuer, key.Public(), m.key)
	input, hash := message("9a", []byte(challenge)), crypto.Hash(0)
	if _, ok := key.(ed25519.PrivateKey); !ok {
		sum := sha256.Sum256(input)
		input, hash = sum[:], crypto.SHA256
	}
	signature, err := key.Sign(rand.Reader, input, hash)
	if err != nil {
		t.Fatal(err)
	}
	return devices.Attestation{Slot: "9a", Certificate: made.Raw, Issuer: m.issuer.Raw, Signature: signature}
}

func TestVerify(t *testing.T) {
	m := newMaker(t)
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, edwards, err2 := ed25519.GenerateKey(rand.Reader)
	rsaKey, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*statement)) statement {
		s := good
		change(&s)
		return s
	}
	for _, test := range []struct {
		name string
		says statement
		key  crypto.Signer
		want string // what the error says; "" where it is a proof
	}{
		{"P-384", good, curve, ""},
		{"Ed25519", good, edwards, ""},
		{"RSA", good, rsaKey, ""},
		{"RSA of the first good firmware", with(func(s *statement) { s.firmware = []byte{4, 3, 5} }), rsaKey, ""},
		{"RSA of the last weak firmware", with(func(s *statement) { s.firmware = []byte{4, 3, 4} }), rsaKey, "weak"},
		{"P-384 of that firmware", with(func(s *statement) { s.firmware = []byte{4, 3, 4} }), curve, ""},
		{"no serial", with(func(s *statement) { s.serial = 0 }), curve, "names no serial"},
		{"no policies", with(func(s *statement) { s.policy = nil }), curve, "PIN policy never"},
		{"PIN once", with(func(s *statement) { s.policy = []byte{2, 1} }), curve, "its PIN"},
		{"PIN always", with(func(s *statement) { s.policy = []byte{3, 1} }), curve, "its PIN"},
		{"touch always", with(func(s *statement) { s.policy = []byte{1, 2} }), curve, "a touch"},
		{"touch cached", with(func(s *statement) { s.policy = []byte{1, 3} }), curve, "a touch"},
		{"policies of another form", with(func(s *statement) { s.policy = []byte{1} }), curve, "key policy"},
		{"another slot", with(func(s *statement) { s.name = "YubiKey PIV Attestation 9c" }), curve, "slot 9c"},
		{"no slot", with(func(s *statement) { s.name = "carol" }), curve, "not of slot 9a"},
		{"a negative serial", with(func(s *statement) { s.serial = -1 }), curve, "negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			proof, err := m.trust().Verify(m.attest(t, test.says, test.key, "nonce"), []byte("nonce"))
			switch {
			case test.want != "" && (!errors.Is(err, devices.ErrUnattested) || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%+v, %v; want ErrUnattested that says %q", proof, err, test.want)
			case test.want == "" && (err != nil || proof.Serial != "12345678" || proof.Slot != "9a" || !proof.Emulated):
				t.Errorf("%+v, %v", proof, err)
			}
		})
	}
}

// TestAttestedKeyVouchesForNothing: a key in a slot can sign anything, a
// certificate of another serial too.
func TestAttestedKeyVouchesForNothing(t *testing.T) {
	m := newMaker(t)
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := m.attest(t, good, thief, "nonce")
	issuer, err := x509.ParseCertificate(own.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	forger := &maker{root: m.root, issuer: issuer, key: thief}
	forged := forger.attest(t, statement{name: good.name, firmware: good.firmware, serial: 1, policy: good.policy}, thief, "nonce")
	if proof, err := m.trust().Verify(forged, []byte("nonce")); !errors.Is(err, devices.ErrUnattested) {
		t.Errorf("%+v, %v", proof, err)
	}
}

// FuzzVerify: whatever a token shows, nothing panics, failures have their type,
// and nothing is proved that wasn't signed for this challenge.
func FuzzVerify(f *testing.F) {
	m := newMaker(f)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	a := m.attest(f, good, key, "an old nonce")
	f.Add(a.Slot, a.Certificate, a.Issuer, a.Signature)
	f.Add(a.Slot, a.Issuer, a.Certificate, a.Signature)
	f.Add("9c", a.Certificate, a.Certificate, []byte{})
	f.Add("", []byte{0x30, 0}, []byte{}, []byte{0x30, 0x80})
	v := m.trust()
	f.Fuzz(func(t *testing.T, slot string, certificate, issuer, signature []byte) {
		proof, err := v.Verify(devices.Attestation{Slot: slot, Certificate: certificate, Issuer: issuer, Signature: signature}, []byte("nonce"))
		if !errors.Is(err, devices.ErrUnattested) || proof != (devices.Proof{}) {
			t.Errorf("%+v, %v", proof, err)
		}
	})
}
