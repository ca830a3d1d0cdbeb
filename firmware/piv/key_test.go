package piv

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// find is the value of an object that must be there.
func find(t testing.TB, b []byte, tag tlv.Tag) []byte {
	t.Helper()
	v, ok, err := tlv.Find(b, tag)
	if err != nil || !ok {
		t.Fatalf("no %X in %x: %v", uint32(tag), b, err)
	}
	return v
}

// Every algorithm: the key that GENERATE tells of is the one that signs,
// deciphers and agrees, that metadata and attestation name, after a restart
// too.
func TestAlgorithms(t *testing.T) {
	for _, alg := range []algorithm{algRSA1024, algRSA2048, algRSA3072, algP256, algP384, algEd25519, algX25519} {
		b := &board{}
		a := token(t, b, v571)
		public := find(t, generated(t, a, slotSignature, alg, pinNever, touchNever), tagPublic)
		a, err := New(b, a.options)
		if err != nil {
			t.Fatal(err)
		}
		meta := do(t, a, insGetMetadata, 0, slotSignature)
		if got := find(t, meta, metaPublic); !bytes.Equal(got, public) {
			t.Errorf("%02X: metadata names %x, GENERATE %x", byte(alg), got, public)
		}
		c, err := x509.ParseCertificate(do(t, a, insAttest, slotSignature, 0))
		if err != nil {
			t.Fatal(err)
		}
		certified, err := x509.ParsePKIXPublicKey(c.RawSubjectPublicKeyInfo)
		if err != nil {
			t.Fatal(err)
		}
		switch pub := certified.(type) {
		case *rsa.PublicKey:
			checkRSA(t, a, alg, pub, public)
		case *ecdsa.PublicKey:
			checkEC(t, a, alg, pub, public)
		case ed25519.PublicKey:
			message := bytes.Repeat([]byte("long"), 500)
			if !bytes.Equal(pub, find(t, public, tagPoint)) ||
				!ed25519.Verify(pub, message, used(t, a, slotSignature, alg, tagChallenge, message)) {
				t.Error("Ed25519: wrong signature or key")
			}
		case *ecdh.PublicKey:
			if !bytes.Equal(pub.Bytes(), find(t, public, tagPoint)) {
				t.Error("X25519: another key")
			}
			checkAgreement(t, a, alg, pub)
		default:
			t.Errorf("%02X: %T", byte(alg), pub)
		}
	}
}

func checkRSA(t *testing.T, a *Applet, alg algorithm, pub *rsa.PublicKey, public []byte) {
	t.Helper()
	if pub.N.BitLen() != alg.bits() || !bytes.Equal(find(t, public, tagModulus), pub.N.Bytes()) ||
		!bytes.Equal(find(t, public, tagExponent), big.NewInt(int64(pub.E)).Bytes()) {
		t.Errorf("%02X: another key", byte(alg))
	}
	digest := sha256.Sum256([]byte("m"))
	// EMSA-PKCS1-v1_5 (RFC 8017, 9.2).
	prefix := []byte("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20")
	pad := bytes.Repeat([]byte{0xFF}, pub.Size()-3-len(prefix)-len(digest))
	padded := bytes.Join([][]byte{{0, 1}, pad, {0}, prefix, digest[:]}, nil)
	if err := rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], used(t, a, slotSignature, alg, tagChallenge, padded)); err != nil {
		t.Errorf("%02X: %v", byte(alg), err)
	}
}

func checkEC(t *testing.T, a *Applet, alg algorithm, pub *ecdsa.PublicKey, public []byte) {
	t.Helper()
	point, err := pub.Bytes()
	if err != nil || !bytes.Equal(point, find(t, public, tagPoint)) {
		t.Errorf("%02X: another key, %v", byte(alg), err)
	}
	size := len(point) / 2
	for _, n := range []int{1, 17, 20, 32, size} {
		digest := bytes.Repeat([]byte{0xA5}, n)
		padded := append(make([]byte, size-n), digest...)
		if !ecdsa.VerifyASN1(pub, padded, used(t, a, slotSignature, alg, tagChallenge, digest)) {
			t.Errorf("%02X: a digest of %d bytes: wrong signature", byte(alg), n)
		}
	}
	peer, err := pub.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	checkAgreement(t, a, alg, peer)
}

func checkAgreement(t *testing.T, a *Applet, alg algorithm, pub *ecdh.PublicKey) {
	t.Helper()
	own, err := pub.Curve().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want, err := own.ECDH(pub)
	if err != nil {
		t.Fatal(err)
	}
	if got := used(t, a, slotSignature, alg, tagPeer, own.PublicKey().Bytes()); !bytes.Equal(got, want) {
		t.Errorf("%02X: agreed on %x, want %x", byte(alg), got, want)
	}
}

// What goes in by IMPORT is what GET METADATA tells, for exponents other than
// 65537 too.
func TestImportRSA(t *testing.T) {
	a := token(t, &board{}, v571)
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p, q := private.Primes[0], private.Primes[1]
	one := big.NewInt(1)
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	var e int64
	var d *big.Int
	for e = 257; d == nil; e += 2 {
		d = new(big.Int).ModInverse(big.NewInt(e), new(big.Int).Mul(p1, q1))
	}
	e -= 2
	do(t, a, insImport, byte(algRSA1024), slotSignature,
		object(tagPrime1, p.Bytes()), object(tagPrime2, q.Bytes()),
		object(tagExp1, new(big.Int).Mod(d, p1).Bytes()), object(tagExp2, new(big.Int).Mod(d, q1).Bytes()),
		object(tagCoeff, new(big.Int).ModInverse(q, p).Bytes()), object(tagPINPolicy, []byte{pinNever}))
	public := find(t, do(t, a, insGetMetadata, 0, slotSignature), metaPublic)
	if got := new(big.Int).SetBytes(find(t, public, tagExponent)); got.Int64() != e {
		t.Errorf("exponent %v, want %d", got, e)
	}
	input := bytes.Repeat([]byte{0x12}, 128)
	want := new(big.Int).Exp(new(big.Int).SetBytes(input), d, private.N).FillBytes(make([]byte, 128))
	if got := used(t, a, slotSignature, algRSA1024, tagChallenge, input); !bytes.Equal(got, want) {
		t.Errorf("power %x, want %x", got, want)
	}
}

// The longest RSA key and the shortest time: only what can't be generated in
// every run is left out of TestAlgorithms.
func BenchmarkGenerateRSA4096(b *testing.B) {
	a := token(b, &board{}, v571)
	for b.Loop() {
		generated(b, a, slotSignature, algRSA4096, pinNever, touchNever)
	}
}

func TestGates(t *testing.T) {
	for _, v := range []firmware.Version{{4, 2, 8}, {4, 3, 7}} {
		a := token(t, &board{}, v)
		want := apdu.OK
		if !v.Since(4, 3, 0) {
			want = apdu.WrongData
		}
		if _, sw := send(a, insImport, byte(algP256), slotSignature, object(tagScalar, []byte{1}), object(tagTouchPolicy, []byte{touchCached})); sw != want {
			t.Errorf("%v: cached touch: %v, want %v", v, sw, want)
		}
		want = apdu.WrongData // imported
		if !v.Since(4, 3, 0) {
			want = apdu.INSNotSupported
		}
		refuse(t, a, want, insAttest, slotSignature, 0)
	}
}

// Clients find out of what kind a key is by trying, and expect this word.
func TestKeyOfAnotherAlgorithm(t *testing.T) {
	a := token(t, &board{}, v571)
	generated(t, a, slotSignature, algP384, pinNever, touchNever)
	refuse(t, a, apdu.WrongData, insAuthenticate, byte(algP256), slotSignature, signature(tagChallenge, make([]byte, 32)))
}
