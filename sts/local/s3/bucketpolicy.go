package s3

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// maxPolicy is the largest bucket policy in bytes (S3 User Guide, "Bucket
// policies": 20 KB).
const maxPolicy = 20 << 10

func malformedPolicy(message string) *Error {
	return errorf(http.StatusBadRequest, "MalformedPolicy", "%s", message)
}

// permitPolicy is permit for the calls that manage the policy. They are for
// the bucket's own account, and no policy can lock its root user out of them.
func (q *request) permitPolicy(tx *store.Tx, action string) (store.Bucket, error) {
	b, err := q.find(tx, q.bucket)
	c := q.call.Caller
	if err != nil || c.IsRoot() && !c.IsAnonymous() && c.Account.ID == b.Account {
		return b, err
	}
	if b, err = q.permit(tx, action, ""); err != nil {
		return b, err
	}
	if c.Account.ID != b.Account {
		return b, errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.").
			with("Method", q.r.Method).with("ResourceType", "BUCKETPOLICY")
	}
	return b, nil
}

// putBucketPolicy stores the policy with unique ids for the users and roles it
// names: one that is deleted and made anew is somebody else.
func (q *request) putBucketPolicy() error {
	body, _, err := q.document(maxPolicy)
	if err != nil {
		return err
	}
	err = q.update(func(tx *store.Tx) error {
		b, err := q.permitPolicy(tx, "s3:PutBucketPolicy")
		if err != nil {
			return err
		}
		if b.Policy, err = readPolicy(tx, b, body); err != nil {
			return err
		}
		tx.Buckets.Put(b)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done(http.StatusNoContent)
}

// readPolicy checks a policy for a bucket, and puts ids in the place of names.
func readPolicy(tx *store.Tx, b store.Bucket, text []byte) (string, error) {
	document, err := policy.Parse(text)
	if err == nil {
		err = document.Validate(policy.Resource)
	}
	if err != nil {
		return "", malformedPolicy(policy.Message(err, policy.Resource))
	}
	document, err = document.MapPrincipals(func(kind, value string) (string, error) {
		if kind != "AWS" {
			return value, nil
		}
		id, ok := principalID(tx, value)
		if !ok {
			return "", malformedPolicy("Invalid principal in policy").with("Detail", fmt.Sprintf("%q : %q", kind, value))
		}
		return id, nil
	})
	if err != nil {
		return "", err
	}
	stored, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("bucket policy: %w", err)
	}
	return string(stored), checkScope(document, b.Name)
}

// A statement is what of a policy's statement the bucket has a say in, or
// tells of.
type statement struct {
	Effect, Principal     any
	Action, NotAction     any
	Resource, NotResource any
	Condition             map[string]map[string]any
}

// statements reads the statements of a document.
func statements(d *policy.Document) ([]statement, error) {
	var printed struct{ Statement json.RawMessage }
	text, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(text, &printed)
	}
	if err != nil {
		return nil, fmt.Errorf("bucket policy: %w", err)
	}
	var several []statement
	if json.Unmarshal(printed.Statement, &several) == nil {
		return several, nil
	}
	var one statement
	if err := json.Unmarshal(printed.Statement, &one); err != nil {
		return nil, fmt.Errorf("bucket policy: %w", err)
	}
	return []statement{one}, nil
}

// checkScope wants each statement to speak of S3's actions, and of the bucket
// or what is in it.
func checkScope(d *policy.Document, bucket string) error {
	all, err := statements(d)
	if err != nil {
		return err
	}
	for _, s := range all {
		resources := texts(s.Resource)
		for _, a := range append(texts(s.Action), texts(s.NotAction)...) {
			if vendor, _, _ := strings.Cut(a, ":"); !strings.EqualFold(vendor, Name) && a != "*" {
				return malformedPolicy("Policy has invalid action").with("Detail", a)
			}
		}
		for _, r := range append(texts(s.NotResource), resources...) {
			_, name, ok := strings.Cut(r, ":s3:::")
			name, _, _ = strings.Cut(name, "/")
			if !ok || name != bucket && !strings.ContainsAny(name, "*?$") {
				return malformedPolicy("Policy has invalid resource").with("Detail", r)
			}
		}
		for _, a := range texts(s.Action) {
			if len(resources) > 0 && !slices.ContainsFunc(resources, func(r string) bool { return applies(a, r) }) {
				return malformedPolicy("Action does not apply to any resource(s) in statement")
			}
		}
	}
	return nil
}

// narrowing are condition keys that make a statement for everybody one for
// some (S3 User Guide, "The meaning of public").
var narrowing = []string{"aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:sourcearn", "aws:sourceaccount",
	"aws:principalorgid", "aws:principalarn", "aws:principalaccount", "aws:userid", "s3:dataaccesspointarn", "s3:dataaccesspointaccount"}

// public tells whether the document lets everybody do something.
func public(d *policy.Document) (bool, error) {
	all, err := statements(d)
	for _, s := range all {
		everybody := s.Principal == "*"
		if m, ok := s.Principal.(map[string]any); ok {
			everybody = slices.Contains(texts(m["AWS"]), "*")
		}
		for _, keys := range s.Condition {
			for key := range keys {
				everybody = everybody && !slices.Contains(narrowing, strings.ToLower(key))
			}
		}
		if everybody && s.Effect == string(policy.EffectAllow) {
			return true, err
		}
	}
	return false, err
}

// texts reads a string or a list of strings.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, texts(item)...)
		}
		return all
	}
	return nil
}

// principalID is the id of a user or role that an ARN names. An account is shown
// by the ARN of its root user however it was named (field reports); what isn't in
// this AWS's IAM keeps its form.
func principalID(tx *store.Tx, value string) (string, bool) {
	if !strings.HasPrefix(value, "arn:") {
		if account, known := tx.Accounts.Get(value); known {
			return account.Root(), true
		}
		return value, isID(value)
	}
	parts := strings.SplitN(value, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" && parts[2] != "sts" {
		return value, false
	}
	account, ok := tx.Accounts.Get(parts[4])
	if !ok || account.Partition != parts[1] {
		return value, false
	}
	name := parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	if parts[2] == "sts" || parts[5] == "root" {
		return value, true
	}
	if u, ok := tx.UserNamed(account.ID, name); ok && access.UserARN(account, u) == value {
		return u.ID, true
	}
	if r, ok := tx.RoleNamed(account.ID, name); ok && access.RoleARN(account, r) == value {
		return r.ID, true
	}
	return value, false
}

// isID tells whether a text is a unique id, as a policy shows a principal that
// has been deleted.
func isID(s string) bool {
	return strings.HasPrefix(s, string(ids.User)) || strings.HasPrefix(s, string(ids.Role))
}

// principalName is the ARN of a unique id; the id itself for one that is gone.
func principalName(tx *store.Tx, id string) string {
	if u, ok := tx.Users.Get(id); ok {
		if a, ok := tx.Accounts.Get(u.Account); ok {
			return access.UserARN(a, u)
		}
	}
	if r, ok := tx.Roles.Get(id); ok {
		if a, ok := tx.Accounts.Get(r.Account); ok {
			return access.RoleARN(a, r)
		}
	}
	return id
}

func (q *request) getBucketPolicy() error {
	var text []byte
	err := q.view(func(tx *store.Tx) error {
		b, err := q.permitPolicy(tx, "s3:GetBucketPolicy")
		if err != nil {
			return err
		}
		if b.Policy == "" {
			return noPolicy(b)
		}
		document, err := q.Policies.Compile(b.Policy)
		if err != nil {
			return err
		}
		document, err = document.MapPrincipals(func(_, value string) (string, error) { return principalName(tx, value), nil })
		if err != nil {
			return err
		}
		text, err = json.Marshal(document)
		return err
	})
	if err != nil {
		return err
	}
	q.write(http.StatusOK, text)
	return nil
}

func noPolicy(b store.Bucket) error {
	return errorf(http.StatusNotFound, "NoSuchBucketPolicy", "The bucket policy does not exist").with("BucketName", b.Name)
}

func (q *request) deleteBucketPolicy() error {
	err := q.update(func(tx *store.Tx) error {
		b, err := q.permitPolicy(tx, "s3:DeleteBucketPolicy")
		if err != nil {
			return err
		}
		b.Policy = ""
		tx.Buckets.Put(b)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done(http.StatusNoContent)
}

// getBucketPolicyStatus tells whether the policy lets in everybody.
func (q *request) getBucketPolicyStatus() error {
	var out wire.PolicyStatus
	err := q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:GetBucketPolicyStatus", "")
		if err != nil {
			return err
		}
		if b.Policy == "" {
			return noPolicy(b)
		}
		document, err := q.Policies.Compile(b.Policy)
		if err != nil {
			return err
		}
		out.IsPublic, err = public(document)
		return err
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}
