package piv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"slices"

	"github.com/fob-auth/fob/firmware/apdu"
)

// size is the length of a symmetric algorithm's key, in bytes; 0 for another
// algorithm.
func (alg algorithm) size() int {
	switch alg {
	case algTDES, algAES192:
		return 24
	case algAES128:
		return 16
	case algAES256:
		return 32
	}
	return 0
}

func (m managementKey) valid() bool {
	return m.algorithm.size() != 0 && len(m.key) == m.algorithm.size() &&
		m.touch >= touchNever && m.touch <= touchCached
}

// block is the key's cipher.
func (m managementKey) block() (cipher.Block, error) {
	if m.algorithm == algTDES {
		return des.NewTripleDESCipher(m.key)
	}
	return aes.NewCipher(m.key)
}

// factoryManagement is the key of a new token: the same bytes for AES-192,
// since 5.7.0, and triple DES before (Yubico extensions, "SET MANAGEMENT
// KEY").
func (a *Applet) factoryManagement() managementKey {
	m := managementKey{algorithm: algTDES, touch: touchNever}
	if a.options.Version.Since(5, 7, 0) {
		m.algorithm = algAES192
	}
	for range 3 {
		m.key = append(m.key, 1, 2, 3, 4, 5, 6, 7, 8)
	}
	return m
}

// SET MANAGEMENT KEY's P1, and its P2 for each touch policy.
const (
	setManagementP1 = 0xFF
	noTouchP2       = 0xFF
	touchP2         = 0xFE
	cachedTouchP2   = 0xFD
)

// setManagement sets another management key: algorithm, 9B, length, key
// (Yubico extensions, "SET MANAGEMENT KEY").
func (a *Applet) setManagement(cmd apdu.Command) apdu.SW {
	m := managementKey{touch: touchNever}
	switch {
	case cmd.P1 != setManagementP1:
		return apdu.WrongP1P2
	case cmd.P2 == noTouchP2:
	case cmd.P2 == touchP2:
		m.touch = touchAlways
	case cmd.P2 == cachedTouchP2 && a.options.Version.Since(4, 3, 0):
		m.touch = touchCached
	default:
		return apdu.WrongP1P2
	}
	if !a.session.management {
		return apdu.SecurityStatus
	}
	d := cmd.Data
	if len(d) < 3 || d[1] != slotManagement || int(d[2]) != len(d)-3 {
		return apdu.WrongData
	}
	m.algorithm, m.key = algorithm(d[0]), slices.Clone(d[3:])
	if !m.valid() || m.algorithm != algTDES && !a.options.Version.Since(5, 4, 0) {
		return apdu.WrongData
	}
	next := a.state
	next.management = m
	return a.store(next)
}

// administer proves the management key (SP 800-73-4 part 2, 3.2.4 and
// appendix A.1, A.3). Mutual: the card sends a witness, enciphered; the client
// shows it deciphered and adds a challenge, which the card enciphers. Single:
// the card sends a challenge, which the client enciphers.
func (a *Applet) administer(cmd apdu.Command, t template) ([]byte, apdu.SW) {
	m := a.state.management
	block, err := m.block()
	if err != nil {
		return nil, apdu.Unknown
	}
	witness, challenge := a.session.witness, a.session.challenge
	a.session.witness, a.session.challenge = nil, nil
	alg := algorithm(cmd.P1)
	if alg == 0 {
		alg = algTDES // the default of SP 800-78-4, table 6-2
	}
	size := des.BlockSize
	switch {
	case alg == m.algorithm:
		size = block.BlockSize()
	case cmd.P1 != 0 || !t.asks(tagChallenge):
		return nil, apdu.WrongP1P2
	}
	switch {
	case t.asks(tagWitness):
		return a.sendWitness(block)
	case t.asks(tagChallenge):
		a.session.challenge = make([]byte, size)
		if a.hw.Random(a.session.challenge) != nil {
			return nil, apdu.Unknown
		}
		return dynamic(tagChallenge, slices.Clone(a.session.challenge))
	}
	// A proof that fails takes back one that was given before, as others measured
	// on 5.7.4; no document says so. A mere request doesn't: clients use it for
	// its random bytes.
	a.session.management = false
	switch {
	case len(t[tagWitness]) > 0 && len(t[tagChallenge]) == size:
		return a.checkWitness(block, witness, t)
	case len(t[tagResponse]) > 0:
		return nil, a.checkResponse(block, challenge, t[tagResponse])
	}
	return nil, apdu.WrongData
}

func (a *Applet) sendWitness(block cipher.Block) ([]byte, apdu.SW) {
	plain := make([]byte, block.BlockSize())
	if a.hw.Random(plain) != nil {
		return nil, apdu.Unknown
	}
	out := make([]byte, len(plain))
	block.Encrypt(out, plain)
	a.session.witness = plain
	return dynamic(tagWitness, out)
}

// checkWitness answers the client's challenge, once the client has deciphered
// the witness.
func (a *Applet) checkWitness(block cipher.Block, witness []byte, t template) ([]byte, apdu.SW) {
	if subtle.ConstantTimeCompare(witness, t[tagWitness]) != 1 {
		return nil, apdu.SecurityStatus
	}
	if sw := a.awaitTouch(a.state.management.touch); sw != apdu.OK {
		return nil, sw
	}
	out := make([]byte, block.BlockSize())
	block.Encrypt(out, t[tagChallenge])
	a.session.management = true
	return dynamic(tagResponse, out)
}

func (a *Applet) checkResponse(block cipher.Block, challenge, response []byte) apdu.SW {
	if len(challenge) != block.BlockSize() {
		return apdu.SecurityStatus
	}
	want := make([]byte, len(challenge))
	block.Encrypt(want, challenge)
	if subtle.ConstantTimeCompare(want, response) != 1 {
		return apdu.SecurityStatus
	}
	if sw := a.awaitTouch(a.state.management.touch); sw != apdu.OK {
		return sw
	}
	a.session.management = true
	return apdu.OK
}
