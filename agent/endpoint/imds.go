package endpoint

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// Paths of the instance metadata service (Amazon EC2 User Guide, "Instance
// metadata categories").
const (
	imdsToken       = "/latest/api/token"
	imdsCredentials = "/latest/meta-data/iam/security-credentials/"
)

// Headers and bounds of its session tokens (Amazon EC2 User Guide, "How
// Instance Metadata Service Version 2 works": 1 second to 6 hours).
const (
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	maxTTL      = 21600
)

// An imds is the endpoint that AWS_EC2_METADATA_SERVICE_ENDPOINT names: the
// instance metadata service in its second version, with the credentials and
// nothing else. Its clients hold no secret of ours, so each has to be a process
// of the agent's own user.
type imds struct {
	ask  asker
	uid  int
	role string
	// key signs tokens: which were given out isn't kept.
	key [32]byte
}

func newIMDS(ask asker, uid int) *imds {
	d := &imds{ask: ask, uid: uid, role: roleName(ask.profile)}
	// crypto/rand.Read never fails: it ends the program first.
	rand.Read(d.key[:])
	return d
}

// roleName is the profile's name, if it may be that of a role (IAM API
// reference, CreateRole, RoleName): clients put it into a path as it is.
func roleName(profile string) string {
	for _, r := range profile {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-", r) {
			return "fob"
		}
	}
	if profile == "" || strings.Trim(profile, ".") == "" || len(profile) > 64 {
		return "fob"
	}
	return profile
}

// imdsDocument is a role's credentials, or why there are none (Amazon EC2 User
// Guide, "Retrieve security credentials from instance metadata"). What is empty
// is left out: a failure has no keys.
type imdsDocument struct {
	Code            string
	LastUpdated     string
	Type            string `json:",omitempty"`
	AccessKeyID     string `json:"AccessKeyId,omitempty"`
	SecretAccessKey string `json:",omitempty"`
	Token           string `json:",omitempty"`
	Expiration      string `json:",omitempty"`
	Message         string `json:",omitempty"`
}

func (d *imds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if uid, err := peerUID(r.Context()); err != nil || uid != d.uid {
		refuse(w, http.StatusForbidden, "this endpoint is for processes of the user who opened it")
		return
	}
	if r.URL.Path == imdsToken {
		d.giveToken(w, r)
		return
	}
	switch given := r.Header.Get(tokenHeader); {
	case given == "":
		refuse(w, http.StatusUnauthorized, "version 1 isn't served: PUT "+imdsToken+" gives a token")
		return
	case !d.valid(given):
		refuse(w, http.StatusUnauthorized, "the token is over, or was given by another endpoint")
		return
	case r.Method != http.MethodGet:
		refuse(w, http.StatusMethodNotAllowed, "metadata takes GET")
		return
	}
	switch r.URL.Path {
	case imdsCredentials, strings.TrimSuffix(imdsCredentials, "/"):
		w.Header().Set("Content-Type", "text/plain")
		send(w, http.StatusOK, []byte(d.role))
	case imdsCredentials + d.role:
		d.credentials(w, r)
	default:
		refuse(w, http.StatusNotFound, "this endpoint serves "+imdsCredentials+" alone")
	}
}

// giveToken answers PUT /latest/api/token.
func (d *imds) giveToken(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		refuse(w, http.StatusMethodNotAllowed, imdsToken+" takes PUT")
		return
	}
	ttl, err := strconv.ParseUint(r.Header.Get(ttlHeader), 10, 16)
	if err != nil || ttl < 1 || ttl > maxTTL {
		refuse(w, http.StatusBadRequest, "the header "+ttlHeader+" has to be 1 to 21600")
		return
	}
	h := w.Header()
	h.Set(ttlHeader, strconv.FormatUint(ttl, 10))
	h.Set("Content-Type", "text/plain")
	send(w, http.StatusOK, []byte(d.token(d.ask.now().Add(time.Duration(ttl)*time.Second))))
}

// token returns a token that is over at a moment: that moment in milliseconds
// since 1970, and its signature.
func (d *imds) token(over time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(over.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(d.sign(b))
}

// sign appends the signature.
func (d *imds) sign(b []byte) []byte {
	mac := hmac.New(sha256.New, d.key[:])
	mac.Write(b)
	return mac.Sum(b)
}

// valid reports whether a token is one of this endpoint's, and not over yet.
func (d *imds) valid(token string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != 8+sha256.Size || !hmac.Equal(d.sign(b[:8:8]), b) {
		return false
	}
	return d.ask.now().UnixMilli() < int64(binary.BigEndian.Uint64(b[:8]))
}

// credentials answers with the session. A failure is told as the service does,
// with status 200 and a Code that isn't Success, which is what clients read the
// words of; one that goes by when asked again has status 503, at which they do.
func (d *imds) credentials(w http.ResponseWriter, r *http.Request) {
	now := stamp(d.ask.now())
	s, err := d.ask.session(r.Context(), imdsWait)
	if err != nil {
		comeBack(w, err)
		status := http.StatusOK
		if err.RetryAfterMS > 0 || err.Code == api.Internal {
			status = http.StatusServiceUnavailable
		}
		sendJSON(w, status, imdsDocument{Code: string(err.Code), LastUpdated: now, Message: words(err)})
		return
	}
	sendJSON(w, http.StatusOK, imdsDocument{Code: "Success", LastUpdated: now, Type: "AWS-HMAC",
		AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, Token: s.SessionToken, Expiration: stamp(s.Expiration)})
}
