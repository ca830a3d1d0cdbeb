// Package audit keeps the agent's audit log: who asked for what, and what came
// of it, as JSON lines of which each carries the digest of the one before.
//
// A [Log] only grows. A line that was changed is found by its own digest, one
// that was changed together with its digest by the next line, and a tail that
// was cut off by the [store.Anchor] that the state file keeps. Whoever may
// write all three files can forge a log: it shows damage and clumsiness, and
// what a program did that can't write here. The log holds no digits, keys or
// passwords; the record has no field for one.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// maxLine bounds a line, in bytes. A record's texts are clipped so that it
// stays below.
const maxLine = 64 << 10

// maxText bounds each text of a record, in bytes.
const maxText = 512

// Events of a record.
const (
	// Asked: somebody asked for an act, which now begins.
	Asked = "asked"
	// Done: the act brought what was asked for.
	Done = "done"
	// Refused: it didn't; Code says why.
	Refused = "refused"
	// Began: an agent took the log up; Message says in what state.
	Began = "began"
	// Locked and Unlocked: by the owner, or by idleness.
	Locked   = "locked"
	Unlocked = "unlocked"
)

// A Record is one line of the log.
type Record struct {
	// N counts lines from 1; Prev is the digest of line N-1, "" in the first.
	// Both are the log's to fill in.
	N    int64     `json:"n"`
	Prev string    `json:"prev"`
	At   time.Time `json:"at"`
	// Event is one of those above.
	Event string `json:"event"`
	// Of is the number of the line that says that the act was asked for; 0 in
	// a line that stands alone.
	Of int64 `json:"of,omitempty"`
	// Act is the method and path of the route: POST /v1/sessions.
	Act  string           `json:"act,omitempty"`
	Peer *api.AuditCaller `json:"peer,omitempty"`
	api.AuditFacts
	Code    api.ErrorCode `json:"code,omitempty"`
	Message string        `json:"message,omitempty"`
}

// sumKey joins a line's digest to the record before it.
const sumKey = `,"sum":"`

// lead returns what stands in a record before its third member: its place in
// the log.
func lead(b []byte, n int64, prev string) []byte {
	b = strconv.AppendInt(append(b, `{"n":`...), n, 10)
	return append(append(append(b, `,"prev":"`...), prev...), `",`...)
}

// maxLead bounds that, in bytes.
const maxLead = len(`{"n":,"prev":"",`) + 20 + 2*sha256.Size

// rest appends what stands behind the lead of a record's line, up to its digest,
// for seal to join to it: the same bytes as encoding/json's, which takes five
// times as long.
func (r Record) rest(b []byte) ([]byte, error) {
	start := len(b)
	b, err := r.At.UTC().AppendText(append(b, `"at":"`...))
	if err != nil {
		return nil, fmt.Errorf("audit record: %w", err)
	}
	b = appendText(append(b, `","event":`...), r.Event)
	b = appendNumber(b, `,"of":`, uint64(r.Of))
	b = appendMember(b, `,"act":`, r.Act)
	if r.Peer != nil {
		b = appendCaller(append(b, `,"peer":`...), r.Peer)
	}
	b = appendMember(b, `,"profile":`, r.Profile)
	b = appendMember(b, `,"token":`, r.Token)
	b = appendMember(b, `,"credential":`, r.Credential)
	b = appendMember(b, `,"mfa_serial":`, r.MFASerial)
	b = appendNumber(b, `,"counter":`, r.Counter)
	b = appendMember(b, `,"target":`, r.Target)
	b = appendMember(b, `,"access_key_id":`, r.AccessKeyID)
	if r.Cached {
		b = append(b, `,"cached":true`...)
	}
	b = appendMember(b, `,"code":`, string(r.Code))
	b = appendMember(b, `,"message":`, r.Message)
	if n := maxLead + len(b) - start + tailLen; n > maxLine {
		return nil, fmt.Errorf("audit record of %d bytes; %d are the most", n, maxLine)
	}
	return b, nil
}

// appendCaller appends who asked.
func appendCaller(b []byte, c *api.AuditCaller) []byte {
	b = strconv.AppendInt(append(b, `{"uid":`...), int64(c.UID), 10)
	if c.PID != 0 {
		b = strconv.AppendInt(append(b, `,"pid":`...), int64(c.PID), 10)
	}
	b = appendMember(b, `,"exe":`, c.Exe)
	for i, up := range c.Chain {
		if i == 0 {
			b = append(b, `,"chain":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendText(b, up)
	}
	if len(c.Chain) > 0 {
		b = append(b, ']')
	}
	return append(appendMember(b, `,"ticket":`, c.Ticket), '}')
}

// appendMember appends a member, unless it is empty.
func appendMember(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, name...), text)
}

// appendNumber appends a member, unless it is 0.
func appendNumber(b []byte, name string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(append(b, name...), n, 10)
}

// appendText appends a string, clipped.
func appendText(b []byte, text string) []byte {
	text = clipped(text)
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendEscaped(b, text)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// appendEscaped appends a string that doesn't stand in JSON as it is.
func appendEscaped(b []byte, text string) []byte {
	var escaped bytes.Buffer
	e := json.NewEncoder(&escaped)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always encodes
	return append(b, bytes.TrimSuffix(escaped.Bytes(), []byte("\n"))...)
}

// seal appends a line without its end to b: the lead of its place, the rest,
// and the digest of the record as it stands before that is added, which it
// returns.
func seal(b []byte, n int64, prev string, rest []byte) (line []byte, sum string) {
	at := len(b)
	b = append(append(lead(b, n, prev), rest...), '}')
	digest := sha256.Sum256(b[at:])
	b = hex.AppendEncode(append(b[:len(b)-1], sumKey...), digest[:])
	sum = string(b[len(b)-2*sha256.Size:])
	return append(b, `"}`...), sum
}

// tailLen is the length of the digest and what stands around it.
const tailLen = len(sumKey) + 2*sha256.Size + len(`"}`)

// decode is the reverse of seal, and takes only what that writes.
func decode(line []byte) (r Record, sum string, err error) {
	if len(line) > maxLine || len(line) <= tailLen {
		return r, "", errors.New("it has a length that none has")
	}
	cut := len(line) - tailLen
	body := append(line[:cut:cut], '}')
	digest := sha256.Sum256(body)
	sum = hex.EncodeToString(digest[:])
	if string(line[cut:]) != sumKey+sum+`"}` {
		return r, "", errors.New("it isn't what was written: its digest is another")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, "", errors.New("it is no record")
	}
	return r, sum, nil
}

// clipped shortens a text, which may come from outside.
func clipped(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}
