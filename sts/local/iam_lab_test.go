package local_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Two accounts with nothing but their root users' keys.
const emptyAccounts = `
accounts:
- id: "111122223333"
  root: {access_keys: [{id: AKIAROOTA00000000000, secret: secret-of-roota}]}
- id: "444455556666"
  root: {access_keys: [{id: AKIAROOTB00000000000, secret: secret-of-rootb}]}
`

func newEmptyLab(t *testing.T) (*lab, *iam.Client) {
	t.Helper()
	l := newLab(t, emptyAccounts)
	return l, l.iam(longTerm("roota"))
}

// do makes a call and holds its answer against want.
func do[I, O any](l *lab, want verdict, call func(context.Context, *I, ...func(*iam.Options)) (*O, error), in I) *O {
	l.t.Helper()
	out, err := call(l.t.Context(), &in)
	if got := verdictOf(err); got != want {
		l.t.Errorf("got  %d %s %q\nwant %d %s %q", got.status, got.code, got.message, want.status, want.code, want.message)
	}
	if out == nil {
		out = new(O)
	}
	return out
}

func noEntity(message string) verdict   { return verdict{404, "NoSuchEntity", message} }
func taken(message string) verdict      { return verdict{409, "EntityAlreadyExists", message} }
func conflict(message string) verdict   { return verdict{409, "DeleteConflict", message} }
func beyond(message string) verdict     { return verdict{409, "LimitExceeded", message} }
func malformed(message string) verdict  { return verdict{400, "MalformedPolicyDocument", message} }
func invalid(message string) verdict    { return verdict{400, "InvalidInput", message} }
func validation(message string) verdict { return verdict{400, "ValidationError", message} }
func deniedNoIdentity(who, action, resource string) verdict {
	return verdict{403, "AccessDenied", "User: " + who + " is not authorized to perform: " + action + " on resource: " + resource +
		" because no identity-based policy allows the " + action + " action"}
}

// allow is a policy that allows one action on everything.
func allow(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*"}]}`
}

// padded is a policy of n characters that count.
func padded(n int) string {
	const begin, end = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::`, `"}]}`
	return begin + strings.Repeat("x", n-len(begin)-len(end)) + end
}

// trusting is a trust policy for a principal element.
func trusting(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`
}

// decoded undoes the encoding of documents in answers.
func decoded(t *testing.T, document *string) string {
	t.Helper()
	if document == nil {
		t.Error("no document")
		return ""
	}
	text, err := url.PathUnescape(*document)
	if err != nil {
		t.Error(err)
	}
	return text
}
