package oath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/fob-auth/fob/firmware/otp"
)

// A Type is a kind of moving factor ("Types"). The numbers are the high half of
// the byte that names type and algorithm.
type Type byte

// The types.
const (
	HOTP Type = 0x10 // a counter that the token keeps
	TOTP Type = 0x20 // the time step that the client sends
)

// Bounds, in bytes.
const (
	// MaxName is the longest name, period prefix included ("PUT").
	MaxName = 64
	// MaxSecret is the longest secret of SHA-1 and SHA-256, one block;
	// SHA-512 takes two of these. Clients hash a longer one down first
	// (RFC 2104, 2). No document of Yubico's names a bound: ykman fills a secret
	// up to 14 bytes and sends up to one block, 128 bytes for SHA-512, and who
	// measured 5.7.4 saw it refuse less than 14 and more than 64 of any kind.
	MaxSecret = 64
)

// DefaultPeriod is the period of a TOTP credential whose name states none, in
// seconds.
const DefaultPeriod = 30

// Errors of Put; callers tell them apart with errors.Is.
var (
	// ErrAccount says that an account can't be a credential of this token.
	ErrAccount = errors.New("oath: account out of range for this token")
	// ErrFull says that the token has no room for another credential.
	ErrFull = errors.New("oath: no room for another credential")
)

// An Account is a credential as a bench file describes it. The zero value of
// each field but Name and Secret has a meaning.
type Account struct {
	// Name is what clients show, as "ISSUER:ACCOUNT".
	Name string
	// Type is TOTP if zero.
	Type Type
	// Algorithm is otp.SHA1 if zero.
	Algorithm otp.Algorithm
	// Digits is 6..8, and 6 if zero.
	Digits int
	// Period is in seconds, and DefaultPeriod if zero. The token doesn't know
	// periods: another one than the default is written before the name, as
	// "60/NAME", where clients look for it.
	Period int
	// Secret is the shared secret, 1..64 bytes (1..128 for SHA-512).
	Secret []byte
	// Touch says that each code needs a touch.
	Touch bool
	// Counter is where HOTP begins.
	Counter uint32
}

// Put puts an account on the token, as its factory or owner did before. If the
// token has a credential of that name already, from its stored state, it is
// left as it is: a bench may put its accounts at every start without undoing
// what happened to them since. The error is ErrAccount, ErrFull or the
// board's own.
func (a *Applet) Put(acc Account) error {
	c, err := acc.credential()
	if err != nil {
		return err
	}
	if !a.supports(c) {
		return ErrAccount
	}
	if a.state.find(c.name) >= 0 {
		return nil
	}
	if len(a.state.credentials) >= a.limit() {
		return ErrFull
	}
	return a.commit(a.state.with(c))
}

func (acc Account) credential() (credential, error) {
	c := credential{
		name:      acc.Name,
		kind:      acc.Type,
		algorithm: acc.Algorithm,
		digits:    acc.Digits,
		secret:    append([]byte(nil), acc.Secret...),
		touch:     acc.Touch,
		counter:   uint64(acc.Counter),
	}
	if c.kind == 0 {
		c.kind = TOTP
	}
	if c.algorithm == 0 {
		c.algorithm = otp.SHA1
	}
	if c.digits == 0 {
		c.digits = otp.MinDigits
	}
	if acc.Period < 0 || acc.Period != 0 && c.kind == HOTP {
		return credential{}, ErrAccount
	}
	if acc.Period != 0 && acc.Period != DefaultPeriod {
		c.name = strconv.Itoa(acc.Period) + "/" + acc.Name
	}
	if !c.valid() {
		return credential{}, ErrAccount
	}
	return c, nil
}

// A credential is an account as the token keeps it.
type credential struct {
	name      string // as on the line, with the period prefix
	kind      Type
	algorithm otp.Algorithm
	digits    int
	secret    []byte
	touch     bool
	counter   uint64 // HOTP: of the next code
	// increasing says that TOTP takes no challenge but one higher than highest,
	// that of the last code; there is none before the first.
	increasing bool
	highest    []byte
}

// typeByte names type and algorithm in one byte.
func (c credential) typeByte() byte { return byte(c.kind) | byte(c.algorithm) }

// takes says whether the credential answers a challenge. One that only
// increases compares bytes, the shorter challenge filled up by zeros: others
// measured that on 5.7.4, Yubico's documents say "higher" alone.
func (c credential) takes(challenge []byte) bool {
	if c.kind == HOTP {
		return true
	}
	if !c.increasing || len(c.highest) == 0 {
		return len(challenge) > 0
	}
	var now, last [maxChallenge]byte
	copy(now[:], challenge)
	copy(last[:], c.highest)
	return bytes.Compare(now[:], last[:]) > 0
}

// advance is the message that answers a challenge, and whether the credential
// changed by it.
func (c *credential) advance(challenge []byte) (message []byte, changed bool) {
	switch {
	case c.kind == HOTP:
		message = binary.BigEndian.AppendUint64(nil, c.counter)
		c.counter++
		return message, true
	case c.increasing:
		c.highest = bytes.Clone(challenge)
		return challenge, true
	}
	return challenge, false
}

func (c credential) valid() bool {
	longest := MaxSecret
	if c.algorithm == otp.SHA512 {
		longest = 2 * MaxSecret
	}
	return len(c.name) > 0 && len(c.name) <= MaxName &&
		(c.kind == HOTP || c.kind == TOTP) &&
		known(c.algorithm) &&
		c.digits >= otp.MinDigits && c.digits <= otp.MaxDigits &&
		len(c.secret) > 0 && len(c.secret) <= longest &&
		(c.kind == HOTP || c.counter == 0) &&
		len(c.highest) <= maxChallenge
}

// supports tells whether this firmware version has what a credential asks for:
// touch came with 4.2.4, SHA-512 with 4.3.1 ("PUT").
func (a *Applet) supports(c credential) bool {
	return (!c.touch || a.version.Since(4, 2, 4)) &&
		(c.algorithm != otp.SHA512 || a.version.Since(4, 3, 1))
}

// maxCredentials is the most credentials that any version holds.
const maxCredentials = 64

// limit is the number of credentials the token holds: 64 since 5.7, 32 before.
func (a *Applet) limit() int {
	if a.version.Since(5, 7, 0) {
		return maxCredentials
	}
	return 32
}
