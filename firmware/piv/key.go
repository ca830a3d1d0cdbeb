package piv

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"

	"github.com/fob-auth/fob/firmware/tlv"
)

// An algorithm is a cryptographic algorithm's identifier (SP 800-78-4, table
// 6-2; Yubico extensions for what came with 5.7).
type algorithm byte

const (
	algTDES    algorithm = 0x03
	algRSA3072 algorithm = 0x05 // since 5.7.0
	algRSA1024 algorithm = 0x06
	algRSA2048 algorithm = 0x07
	algAES128  algorithm = 0x08
	algAES192  algorithm = 0x0A
	algAES256  algorithm = 0x0C
	algP256    algorithm = 0x11
	algP384    algorithm = 0x14
	algRSA4096 algorithm = 0x16 // since 5.7.0
	algEd25519 algorithm = 0xE0 // since 5.7.0
	algX25519  algorithm = 0xE1 // since 5.7.0
)

// has says whether this firmware has an asymmetric algorithm.
func (a *Applet) has(alg algorithm) bool {
	switch alg {
	case algRSA1024, algRSA2048, algP256, algP384:
		return true
	case algRSA3072, algRSA4096, algEd25519, algX25519:
		return a.options.Version.Since(5, 7, 0)
	}
	return false
}

// bits is the length of an RSA algorithm's modulus, 0 for another algorithm.
func (alg algorithm) bits() int {
	switch alg {
	case algRSA1024:
		return 1024
	case algRSA2048:
		return 2048
	case algRSA3072:
		return 3072
	case algRSA4096:
		return 4096
	}
	return 0
}

// curve is that of an ECDSA algorithm, nil for another algorithm.
func (alg algorithm) curve() elliptic.Curve {
	switch alg {
	case algP256:
		return elliptic.P256()
	case algP384:
		return elliptic.P384()
	}
	return nil
}

// Where a key comes from (Yubico extensions, "GET METADATA").
const (
	originGenerated = 1
	originImported  = 2
)

// A key is a private key in a slot.
type key struct {
	algorithm algorithm
	policy
	origin byte
	// private is *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey or
	// *ecdh.PrivateKey, as the algorithm says.
	private any
	der     []byte // of private, as PKCS #8
}

var errKey = errors.New("piv: key doesn't fit its algorithm")

// makeKey makes a key of an algorithm's private key.
func makeKey(alg algorithm, private any) (key, error) {
	var fits bool
	switch p := private.(type) {
	case *rsa.PrivateKey:
		fits = alg.bits() != 0 && p.N.BitLen() == alg.bits()
	case *ecdsa.PrivateKey:
		fits = alg.curve() != nil && p.Curve == alg.curve()
	case ed25519.PrivateKey:
		fits = alg == algEd25519
	case *ecdh.PrivateKey:
		fits = alg == algX25519 && p.Curve() == ecdh.X25519()
	}
	if !fits {
		return key{}, errKey
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	return key{algorithm: alg, private: private, der: der}, err
}

// parseKey reads a stored key.
func parseKey(alg algorithm, der []byte) (key, bool) {
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return key{}, false
	}
	k, err := makeKey(alg, private)
	return k, err == nil
}

// generateKey makes a new key. RSA takes from milliseconds to many seconds.
func generateKey(alg algorithm, rand io.Reader) (key, error) {
	var private any
	var err error
	switch {
	case alg.bits() != 0:
		private, err = rsa.GenerateKey(rand, alg.bits())
	case alg.curve() != nil:
		private, err = ecdsa.GenerateKey(alg.curve(), rand)
	case alg == algEd25519:
		_, private, err = ed25519.GenerateKey(rand)
	case alg == algX25519:
		private, err = ecdh.X25519().GenerateKey(rand)
	default:
		return key{}, errKey
	}
	if err != nil {
		return key{}, err
	}
	return makeKey(alg, private)
}

// Tags of a private key's parts in IMPORT (Yubico extensions, "IMPORT
// ASYMMETRIC KEY").
const (
	tagPrime1   tlv.Tag = 0x01 // p
	tagPrime2   tlv.Tag = 0x02 // q
	tagExp1     tlv.Tag = 0x03 // d mod p-1
	tagExp2     tlv.Tag = 0x04 // d mod q-1
	tagCoeff    tlv.Tag = 0x05 // q^-1 mod p
	tagScalar   tlv.Tag = 0x06 // of a NIST curve
	tagSeed     tlv.Tag = 0x07 // of Ed25519
	tagX25519   tlv.Tag = 0x08 // scalar of X25519
	scalar25519         = 32
)

// hasPart says whether a tag is that of a part of the algorithm's private keys.
func (alg algorithm) hasPart(tag tlv.Tag) bool {
	switch {
	case alg.bits() != 0:
		return tag >= tagPrime1 && tag <= tagCoeff
	case alg == algEd25519:
		return tag == tagSeed
	case alg == algX25519:
		return tag == tagX25519
	}
	return tag == tagScalar
}

// assembleKey makes a key of an imported key's parts. It is false where they
// are no key of the algorithm.
func assembleKey(alg algorithm, parts map[tlv.Tag][]byte) (key, bool) {
	var private any
	var err error
	switch {
	case alg.bits() != 0:
		private, err = assembleRSA(alg.bits(), parts)
	case alg.curve() != nil:
		scalar, ok := padLeft(parts[tagScalar], (alg.curve().Params().BitSize+7)/8)
		if !ok {
			return key{}, false
		}
		private, err = ecdsa.ParseRawPrivateKey(alg.curve(), scalar)
	case alg == algEd25519 && len(parts[tagSeed]) == ed25519.SeedSize:
		private = ed25519.NewKeyFromSeed(parts[tagSeed])
	case alg == algX25519 && len(parts[tagX25519]) == scalar25519:
		private, err = ecdh.X25519().NewPrivateKey(parts[tagX25519])
	default:
		return key{}, false
	}
	if err != nil {
		return key{}, false
	}
	k, err := makeKey(alg, private)
	return k, err == nil
}

// assembleRSA finds modulus and exponents from the parts that a card takes.
func assembleRSA(bits int, parts map[tlv.Tag][]byte) (*rsa.PrivateKey, error) {
	var n [6]*big.Int
	for tag := tagPrime1; tag <= tagCoeff; tag++ {
		v := parts[tag]
		if len(v) == 0 || len(v) > bits/16 {
			return nil, errKey
		}
		n[tag] = new(big.Int).SetBytes(v)
	}
	one := big.NewInt(1)
	p, q, dp := n[tagPrime1], n[tagPrime2], n[tagExp1]
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	if p1.Sign() <= 0 || q1.Sign() <= 0 {
		return nil, errKey
	}
	e := new(big.Int).ModInverse(dp, p1)
	if e == nil || !e.IsInt64() || e.Int64() > 1<<31-1 {
		return nil, errKey
	}
	d := new(big.Int).ModInverse(e, new(big.Int).Mul(p1, q1))
	if d == nil || new(big.Int).Mod(d, q1).Cmp(n[tagExp2]) != 0 {
		return nil, errKey
	}
	k := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(e.Int64())},
		D:         d,
		Primes:    []*big.Int{p, q},
	}
	k.Precompute()
	return k, k.Validate()
}

// padLeft is a number in exactly size bytes; false if it has none or more.
func padLeft(b []byte, size int) ([]byte, bool) {
	if len(b) == 0 || len(b) > size {
		return nil, false
	}
	return append(make([]byte, size-len(b)), b...), true
}

// Tags of a public key (SP 800-73-4 part 2, 3.3.2, table 18).
const (
	tagModulus  tlv.Tag = 0x81
	tagExponent tlv.Tag = 0x82
	tagPoint    tlv.Tag = 0x86
)

// public is the public key as data objects.
func (k key) public() ([]byte, error) {
	var w tlv.Writer
	switch p := k.private.(type) {
	case *rsa.PrivateKey:
		w.Add(tagModulus, p.N.Bytes())
		w.Add(tagExponent, big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PrivateKey:
		point, err := p.PublicKey.Bytes()
		if err != nil {
			return nil, err
		}
		w.Add(tagPoint, point)
	case ed25519.PrivateKey:
		w.Add(tagPoint, p[ed25519.SeedSize:])
	case *ecdh.PrivateKey:
		w.Add(tagPoint, p.PublicKey().Bytes())
	}
	return w.Bytes()
}
