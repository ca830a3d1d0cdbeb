package endpoint

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// containerPath is where the credentials are.
const containerPath = "/credentials"

// A container is the endpoint that AWS_CONTAINER_CREDENTIALS_FULL_URI names.
// Its client proves itself by AWS_CONTAINER_AUTHORIZATION_TOKEN, which is this
// endpoint's alone.
type container struct {
	ask asker
	// authorization is the hash of what the Authorization header has to be.
	authorization [sha256.Size]byte
}

func newContainer(ask asker, token string) *container {
	return &container{ask, sha256.Sum256([]byte(token))}
}

// containerCredentials is the answer of the container credentials provider.
type containerCredentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
	RoleArn         string `json:",omitempty"`
}

// containerError is how the provider tells an error.
type containerError struct {
	Code    api.ErrorCode `json:"code"`
	Message string        `json:"message"`
}

func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Hashed, so that neither content nor length shows in the time it takes.
	given := sha256.Sum256([]byte(r.Header.Get("Authorization")))
	if subtle.ConstantTimeCompare(given[:], c.authorization[:]) != 1 {
		sendError(w, &api.Error{Code: api.Forbidden, Message: "the Authorization header isn't this endpoint's",
			Hint: "its value is in AWS_CONTAINER_AUTHORIZATION_TOKEN of the command that 'fob exec' runs"})
		return
	}
	if r.URL.Path != containerPath || r.URL.RawQuery != "" {
		sendError(w, &api.Error{Code: api.NotFound, Message: "the credentials are at " + containerPath})
		return
	}
	if r.Method != http.MethodGet {
		sendError(w, &api.Error{Code: api.MethodNotAllowed, Message: containerPath + " takes GET"})
		return
	}
	s, err := c.ask.session(r.Context(), clientWait(r.UserAgent()))
	if err != nil {
		sendError(w, err)
		return
	}
	sendJSON(w, http.StatusOK, containerCredentials{s.AccessKeyID, s.SecretAccessKey, s.SessionToken, stamp(s.Expiration), s.AssumedRole})
}

func sendError(w http.ResponseWriter, e *api.Error) {
	comeBack(w, e)
	sendJSON(w, e.Code.Info().HTTP, containerError{e.Code, words(e)})
}

// comeBack says when to ask again, where that helps.
func comeBack(w http.ResponseWriter, e *api.Error) {
	if e.RetryAfterMS > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt((e.RetryAfterMS+999)/1000, 10))
	}
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		// Strings always encode.
		refuse(w, http.StatusInternalServerError, "the answer can't be encoded")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	send(w, status, append(b, '\n'))
}

// stamp writes a time as the credentials' documents have it, to the second.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
