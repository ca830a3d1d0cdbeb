// Package sts is AWS STS in the local AWS (API version 2011-06-15): the calls
// that turn long-term keys, and an MFA code with them, into sessions. A
// session is nothing but its sealed token: what a call stores is the code it
// spent, so that no code buys two sessions and no spent code goes unanswered.
package sts

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/token"
)

// A Service answers STS calls.
type Service struct {
	Sealer  *token.Sealer
	Devices device.Rules
	// InheritMFA lets a role session that an MFA session assumed carry its
	// MFA context on. The IAM User Guide says that credentials of AssumeRole
	// include no MFA information; two field reports saw otherwise.
	InheritMFA bool
	// Rand makes keys.
	Rand io.Reader
}

// Operations are the calls that are served. Of those that aren't, [Unserved]
// knows some.
func (s *Service) Operations() map[string]access.Operation {
	return map[string]access.Operation{
		"AssumeRole":                 s.assumeRole,
		"DecodeAuthorizationMessage": s.decodeAuthorizationMessage,
		"GetAccessKeyInfo":           s.getAccessKeyInfo,
		"GetCallerIdentity":          s.getCallerIdentity,
		"GetFederationToken":         s.getFederationToken,
		"GetSessionToken":            s.getSessionToken,
	}
}

// Unserved is the refusal of a call of STS that isn't served, as it takes no
// MFA code; false for others. Some of them come unsigned: whoever asks is
// told.
func Unserved(action string) (*query.Error, bool) {
	because, ok := map[string]string{
		"AssumeRoleWithSAML":        "an outside provider signs the user in, and AWS can't tell whether it asked for MFA",
		"AssumeRoleWithWebIdentity": "an outside provider signs the user in, and AWS can't tell whether it asked for MFA",
		"AssumeRoot":                "it takes no MFA code",
		"GetDelegatedAccessToken":   "it takes no MFA code",
		"GetWebIdentityToken":       "its token carries no MFA information",
	}[action]
	return query.Errorf(http.StatusNotImplemented, "NotImplemented", "%s is not served by this local AWS: %s", action, because), ok
}

// Durations in seconds (STS API reference, DurationSeconds).
const (
	minDuration            = 900
	maxSessionDuration     = 129600
	defaultSessionDuration = 43200
	maxRootDuration        = 3600 // a root user's longer ones become this
	maxRoleDuration        = 43200
	defaultRoleDuration    = 3600
	maxChainedDuration     = 3600 // roles assumed with temporary credentials
)

// credentials is the element of that name in answers.
type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      query.Time
}

// issue makes the credentials that stand for claims, good for duration
// seconds.
func (s *Service) issue(c token.Claims, duration int, now time.Time) (credentials, error) {
	keyID, err := ids.NewTemporaryKey(s.Rand, c.Account)
	if err != nil {
		return credentials{}, err
	}
	if c.Secret, err = ids.NewSecret(s.Rand); err != nil {
		return credentials{}, err
	}
	expires := now.Add(time.Duration(duration) * time.Second).Truncate(time.Second)
	c.Issued, c.Expires = now.Unix(), expires.Unix()
	sealed, err := s.Sealer.Seal(keyID, c)
	if err != nil {
		return credentials{}, fmt.Errorf("issue session: %w", err)
	}
	return credentials{
		AccessKeyID: keyID, SecretAccessKey: c.Secret, SessionToken: sealed, Expiration: query.Time(expires),
	}, nil
}

type getCallerIdentityResult struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// getCallerIdentity needs no permission, and none can take it.
func (s *Service) getCallerIdentity(r *access.Request) (any, error) {
	return getCallerIdentityResult{
		Arn: r.Caller.ARN(), UserID: r.Caller.UserID(), Account: r.Caller.Account.ID,
	}, nil
}

type getSessionTokenResult struct{ Credentials credentials }

// getSessionToken needs no permission, and none can take it. Only long-term
// keys may call it.
func (s *Service) getSessionToken(r *access.Request) (any, error) {
	duration := r.In.Int("DurationSeconds", defaultSessionDuration, minDuration, maxSessionDuration)
	code := readMFA(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if r.Caller.IsRoot() {
		duration = min(duration, maxRootDuration)
	}
	claims := token.Claims{
		Kind: token.SessionToken, Account: r.Caller.Account.ID, Subject: r.Caller.Subject(),
	}
	present, err := s.verify(r, code)
	if err != nil {
		return nil, err
	}
	if present {
		claims.Authenticated = r.Now.Unix()
	}
	c, err := s.issue(claims, duration, r.Now)
	return getSessionTokenResult{c}, err
}
