// Package otpauth reads the seed of a virtual MFA device as AWS and others hand
// it out, as base32, as an otpauth URI or as the QR code of one, and writes that
// QR code for a terminal.
//
// AWS's devices are TOTP of RFC 6238 with SHA-1, six digits and thirty seconds;
// a URI that says otherwise is refused.
package otpauth

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Bounds: of a text, in bytes, and of the seed in it. AWS's seeds have 40 bytes;
// the shortest that RFC 4226 section 4, R6 allows have 16, and some are handed
// out with 10.
const (
	MaxText = 2048
	minSeed = 10
	maxSeed = 64
)

// An Error says what is wrong with a seed, without telling it.
type Error struct{ Reason string }

func (e *Error) Error() string { return "seed: " + e.Reason }

func wrong(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// ErrNoCode says that an image shows no QR code that can be read.
var ErrNoCode = errors.New("the image shows no QR code that can be read")

// Parse returns the seed, in base32 without padding, of a text that is a seed
// itself, in groups and lower case if need be, or an otpauth URI
// (github.com/google/google-authenticator/wiki/Key-Uri-Format). Errors are
// *Error.
func Parse(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > MaxText {
		return "", wrong("longer than %d bytes", MaxText)
	}
	if len(text) >= len("otpauth:") && strings.EqualFold(text[:len("otpauth:")], "otpauth:") {
		return parseURI(text)
	}
	return canonical(text)
}

func parseURI(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", wrong("the otpauth URI can't be parsed") // what was wrong may hold the secret
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", wrong("the otpauth URI's parameters can't be parsed")
	}
	if !strings.EqualFold(u.Host, "totp") {
		return "", wrong("the otpauth URI is of type %q, and AWS takes totp", u.Host)
	}
	for _, p := range []struct{ name, want string }{{"algorithm", "SHA1"}, {"digits", "6"}, {"period", "30"}} {
		if got := q.Get(p.name); got != "" && !strings.EqualFold(got, p.want) {
			return "", wrong("the otpauth URI has %s %q, and AWS takes %s", p.name, got, p.want)
		}
	}
	if len(q["secret"]) != 1 {
		return "", wrong("the otpauth URI has %d secrets, not one", len(q["secret"]))
	}
	return canonical(q.Get("secret"))
}

// canonical checks a seed and writes it as AWS does.
func canonical(seed string) (string, error) {
	seed = strings.ToUpper(strings.TrimRight(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, seed), "="))
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(seed)
	switch {
	case err != nil || seed == "":
		return "", wrong("it is no base32")
	case len(key) < minSeed || len(key) > maxSeed:
		return "", wrong("it has %d bytes; %d to %d are taken", len(key), minSeed, maxSeed)
	}
	return seed, nil
}

// URI is the otpauth URI that AWS's own QR code has: for a device's name and a
// user (IAM API reference, VirtualMFADevice, QRCodePNG).
func URI(device, user, seed string) string {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + device + "@" + user, RawQuery: url.Values{"secret": {seed}}.Encode()}
	return u.String()
}
