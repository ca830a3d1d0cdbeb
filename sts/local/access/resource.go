package access

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/fob-auth/fob/sts/local/policy"
)

// IsAnonymous tells whether nobody signed the request.
func (c Caller) IsAnonymous() bool { return c.Account.ID == "" }

// CanonicalID is how S3 names an account beside its number: 64 hexadecimal
// digits, always the same for an account.
func CanonicalID(account string) string {
	sum := sha256.Sum256([]byte("canonical user\x00" + account))
	return hex.EncodeToString(sum[:])
}

// Ask asks the caller's policies together with that of the resource itself,
// which may be nil. It words no refusal: services differ in theirs. A caller
// who is nobody has no policies, and no keys that tell of a principal.
func (q *Request) Ask(question Question, own *policy.Named) (policy.Decision, error) {
	r, err := q.evaluation(question)
	if err != nil {
		return policy.Decision{}, err
	}
	r.ResourcePolicy = own
	if q.Caller.IsAnonymous() {
		r.Principal = policy.Principal{Kind: policy.Anonymous, ID: "anonymous"}
		for _, key := range []string{"aws:PrincipalAccount", "aws:PrincipalArn"} {
			r.Context.Delete(key)
		}
		r.Context.Set("aws:userid", r.Principal.ID)
		r.Context.Set("aws:PrincipalType", "Anonymous")
	} else {
		r.Principal.CanonicalID = CanonicalID(q.Caller.Account.ID)
	}
	d := policy.Evaluate(r)
	q.Note.decided(d)
	return d, nil
}
