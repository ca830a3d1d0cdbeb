package access

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/sigv4"
	"github.com/fob-auth/fob/sts/local/store"
	"github.com/fob-auth/fob/sts/local/token"
)

// ErrUnknownKey is a key that nobody has.
var ErrUnknownKey = errors.New("unknown access key or session")

// ErrToken is a session token that can't be opened with its key.
var ErrToken = errors.New("invalid session token")

// ErrExpired is a session that is over.
var ErrExpired = errors.New("session expired")

// A Guard authenticates requests.
type Guard struct {
	Sealer *token.Sealer
	// Skew is how far a signature's time may lie from the server's.
	Skew time.Duration
}

// Authenticate finds out who signed r, for service and over body, and holds
// session and signature against now. Without a service any will do. The caller
// is as complete as could be found out, so that a refusal can be logged with
// it. Its errors are [ErrUnknownKey], [ErrToken], [ErrExpired] and *sigv4.Error,
// which
// [Refusal] puts in AWS's words.
func (g Guard) Authenticate(t store.Tables, r *http.Request, service string, body sigv4.Body, now time.Time) (Caller, Origin, error) {
	caller, origin, _, err := g.AuthenticateSigned(t, r, service, body, now)
	return caller, origin, err
}

// AuthenticateSigned is [Guard.Authenticate] that also returns the signature,
// for a body whose chunks are signed each.
func (g Guard) AuthenticateSigned(t store.Tables, r *http.Request, service string, body sigv4.Body, now time.Time) (Caller, Origin, *sigv4.Signature, error) {
	origin := originOf(r)
	sig, err := sigv4.Parse(r)
	if err != nil {
		return Caller{}, origin, nil, err
	}
	origin.Region, origin.Service = sig.Region, sig.Service
	caller, secret, err := g.identify(t, sig)
	if err != nil {
		return Caller{KeyID: sig.KeyID}, origin, sig, err
	}
	if service == "" {
		service = sig.Service
	}
	err = sig.CheckScope(service)
	if err == nil {
		err = sig.Verify(r, body, secret, now, g.Skew)
	}
	if err != nil {
		return caller, origin, sig, err
	}
	if caller.Session != nil && caller.Session.Expired(now) {
		return caller, origin, sig, ErrExpired
	}
	return caller, origin, sig, nil
}

// identify finds whose key signed: a long-term one is in the store, that of a
// session is in its token.
func (g Guard) identify(t store.Tables, sig *sigv4.Signature) (c Caller, secret string, err error) {
	c.KeyID = sig.KeyID
	account, subject := "", ""
	if sig.Token == "" {
		key, found := t.AccessKeys.Get(sig.KeyID)
		if !found || key.Inactive {
			return c, "", ErrUnknownKey
		}
		account, subject, secret = key.Account, key.User, key.Secret
		if subject == "" {
			subject = account
		}
	} else {
		claims, err := g.Sealer.Open(sig.KeyID, sig.Token)
		if err != nil {
			return c, "", ErrToken
		}
		c.Session = &claims
		account, subject, secret = claims.Account, claims.Subject, claims.Secret
	}
	if !c.fill(t, account, subject) {
		return c, "", ErrUnknownKey
	}
	return c, secret, nil
}

// fill looks up whom the ids mean now. A deleted identity's keys are nobody's.
func (c *Caller) fill(t store.Tables, account, subject string) bool {
	var ok bool
	if c.Account, ok = t.Accounts.Get(account); !ok {
		return false
	}
	if subject == account {
		return true
	}
	if user, ok := t.Users.Get(subject); ok {
		c.User = &user
		return true
	}
	if role, ok := t.Roles.Get(subject); ok && c.Session != nil {
		c.Role = &role
		return true
	}
	return false
}

// Refusal words an error of [Guard.Authenticate] as IAM and STS do. Other
// errors stay as they are.
func Refusal(err error, service string) error {
	switch {
	case errors.Is(err, ErrUnknownKey), errors.Is(err, ErrToken):
		return InvalidToken(service)
	case errors.Is(err, ErrExpired):
		return query.Errorf(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Fault {
	case sigv4.Missing:
		return query.Errorf(http.StatusForbidden, "MissingAuthenticationToken", "%s", e.Detail)
	case sigv4.Malformed, sigv4.Outdated:
		return query.Errorf(http.StatusBadRequest, "IncompleteSignature", "%s", e.Detail)
	}
	return query.Errorf(http.StatusForbidden, "SignatureDoesNotMatch", "%s", e.Detail)
}

// InvalidToken is the refusal of a key or session that the service doesn't
// know. IAM and STS differ by a full stop (field reports).
func InvalidToken(service string) *query.Error {
	message := "The security token included in the request is invalid"
	if service == query.STS.Name {
		message += "."
	}
	return query.Errorf(http.StatusForbidden, "InvalidClientTokenId", "%s", message)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func boolean(b bool) string { return strconv.FormatBool(b) }
