package devices

import "context"

// An Attester is a token that holds keys which were made on it and can't leave
// it, and says so in certificates of its maker's.
type Attester interface {
	// Attest has the key in a slot sign for a challenge, and hands over the
	// certificates with the signature. Nothing is checked: what came may be
	// another token's. A slot whose key can't be used for that, because there is
	// none or it wants a PIN or a touch, is [ErrUnattested].
	Attest(ctx context.Context, slot string, challenge []byte) (Attestation, error)
}

// An Attestation is what a token shows for its serial. Certificates are public
// and can be copied; the signature can't be made without the key.
type Attestation struct {
	// Slot is the key's place as the token's maker writes it: "9a".
	Slot string
	// Certificate is the statement about the key, and Issuer the certificate of
	// who makes it, which the maker signed (both DER, RFC 5280).
	Certificate, Issuer []byte
	// Signature is the key's, for the challenge.
	Signature []byte
}

// A Proof is what an attestation proves, once it has been verified.
type Proof struct {
	// Serial is the token's, as it is printed on it.
	Serial string
	// Slot is where the key is, and Key the SHA-256 of the public key
	// (SubjectPublicKeyInfo, RFC 5280, 4.1.2.7) in hexadecimal.
	Slot, Key string
	// Emulated says that a bench made the token, and no maker of hardware.
	Emulated bool
}
