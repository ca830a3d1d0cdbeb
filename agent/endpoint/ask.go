package endpoint

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// An asker gets the session of one profile in time.
type asker struct {
	sessions Source
	profile  string
	now      func() time.Time
}

// session returns a session that a client can use, or why there is none.
func (a asker) session(ctx context.Context, wait time.Duration) (api.Session, *api.Error) {
	s, err := a.sessions(ctx, api.SessionRequest{Profile: a.profile, WaitMS: wait.Milliseconds()})
	var told *api.Error
	switch {
	case errors.As(err, &told):
		return api.Session{}, told
	case err != nil:
		return api.Session{}, &api.Error{Code: api.Internal, Message: "profile " + a.profile + ": the agent failed; its log has more"}
	case s.AccessKeyID == "" || s.SecretAccessKey == "" || s.SessionToken == "" || !s.Expiration.After(a.now()):
		return api.Session{}, &api.Error{Code: api.Internal, Message: "profile " + a.profile + ": its session is over or lacks its keys, and isn't served",
			Hint: "'fob sessions --forget ID' drops it"}
	}
	return s, nil
}

// words are an error's message and hint in one line.
func words(e *api.Error) string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// Times in which clients are answered. A client that isn't answered in time
// says that there are no credentials, and nothing of a touch.
const (
	// imdsWait stays below the second that clients give the instance metadata
	// service (AWS SDKs and Tools Reference Guide, metadata_service_timeout).
	imdsWait = 800 * time.Millisecond
	// shortWait is for clients of the container provider that nothing is known
	// of; the JavaScript SDK gives it a second.
	shortWait = 900 * time.Millisecond
)

// clientWait returns how long a client of the container provider is kept
// waiting, by what it calls itself. The figures stay below those of the
// clients' sources: botocore's ContainerMetadataFetcher gives up after two
// seconds, a Rust client after the five of its identity resolver; the Go SDK
// sets no time, and is told before a YubiKey has stopped blinking twice.
func clientWait(userAgent string) time.Duration {
	for _, row := range []struct {
		begins string
		wait   time.Duration
	}{
		{"aws-sdk-go", 30 * time.Second},
		{"Go-http-client", 30 * time.Second},
		{"aws-sdk-rust", 4 * time.Second},
		{"python-urllib3", 1800 * time.Millisecond},
		{"Boto", 1800 * time.Millisecond},
		{"aws-cli", 1800 * time.Millisecond},
	} {
		if strings.HasPrefix(userAgent, row.begins) {
			return row.wait
		}
	}
	return shortWait
}

// newSecret returns 256 random bits as text.
func newSecret() string {
	var b [32]byte
	// crypto/rand.Read never fails: it ends the program first.
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
