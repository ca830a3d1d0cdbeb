package sts

import (
	"bytes"
	"compress/flate"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/managed"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
	"github.com/fob-auth/fob/sts/local/token"
)

// Constraints of what a session is given (STS service model).
var (
	arnRules    = []query.Rule{query.MinLen(20), query.MaxLen(2048)}
	policyRules = []query.Rule{query.MinLen(1),
		query.MatchAs(`[\u0009\u000A\u000D\u0020-\u00FF]+`, `[\x{09}\x{0A}\x{0D}\x{20}-\x{FF}]+`)}
	tagKeyRules   = []query.Rule{query.MinLen(1), query.MaxLen(128), query.Match(`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)}
	tagValueRules = []query.Rule{query.MaxLen(256), query.Match(`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`)}
)

// anyARN is what AWS takes for an ARN before it looks what it names.
var anyARN = regexp.MustCompile(`^arn:[^:]+:[^:]+:[^:]*:[^:]*:[^:]+$`)

// Bounds of what a session is given (STS API reference, AssumeRole).
const (
	maxPolicyARNs = 10
	maxTags       = 50
	// packedPolicies is the plain text that session policies may have
	// together, in characters.
	packedPolicies = 2048
	// packedTags is the size that tags may have in packed form, in bytes. AWS
	// packs policies and tags in a way of its own, whose limit isn't
	// published; deflate and this bound are ours.
	packedTags = 4096
)

// scope is what limits and marks a session: its policies and its tags.
type scope struct {
	policies, policyARNs []string
	tags                 []token.Tag
	inherited            int // the first tags come from the calling session
}

func readScope(in *query.Input, policyRules ...query.Rule) scope {
	var s scope
	if in.Has("Policy") {
		s.policies = []string{in.String("Policy", policyRules...)}
	}
	elements := in.List("PolicyArns")
	in.AtMost("PolicyArns", len(elements), maxPolicyARNs)
	for _, element := range elements {
		s.policyARNs = append(s.policyARNs, in.Required(element+".arn", arnRules...))
	}
	elements = in.List("Tags")
	in.AtMost("Tags", len(elements), maxTags)
	for _, element := range elements {
		s.tags = append(s.tags, token.Tag{
			Key: in.Required(element+".Key", tagKeyRules...), Value: in.Required(element+".Value", tagValueRules...),
		})
	}
	return s
}

func invalidParameter(sentence string) error {
	return query.Errorf(400, "InvalidParameterValue", "%s", sentence)
}

// mark makes the named tags transitive, and puts those that the caller's
// session hands on before them. Keys are case-insensitive.
func (s *scope) mark(transitive []string, caller *token.Claims) error {
	at := map[string]int{}
	for i, tag := range s.tags {
		key := strings.ToLower(tag.Key)
		if _, twice := at[key]; twice {
			return invalidParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		at[key] = i
	}
	for _, key := range transitive {
		i, ok := at[strings.ToLower(key)]
		if !ok {
			return invalidParameter("The specified transitive tag key must be included in the requested tags.")
		}
		s.tags[i].Transitive = true
	}
	if caller == nil || caller.Kind != token.AssumedRole {
		return nil
	}
	inherited := slices.DeleteFunc(slices.Clone(caller.Tags), func(t token.Tag) bool { return !t.Transitive })
	for _, tag := range inherited {
		if _, again := at[strings.ToLower(tag.Key)]; again {
			return invalidParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
	}
	s.tags, s.inherited = append(inherited, s.tags...), len(inherited)
	return nil
}

// check holds the policies' form and the size of all.
func (s *scope) check() error {
	for _, arn := range s.policyARNs {
		if !anyARN.MatchString(arn) {
			return query.ValidationError("%s is invalid", arn)
		}
	}
	for _, document := range s.policies {
		doc, err := policy.Parse([]byte(document))
		if err != nil {
			return query.Errorf(400, "MalformedPolicyDocument", "This policy contains invalid Json")
		}
		if err := doc.Validate(policy.Session); err != nil {
			return query.Errorf(400, "MalformedPolicyDocument", "%v", err)
		}
	}
	if size := s.packedSize(); size > 100 {
		return query.Errorf(400, "PackedPolicyTooLarge", "Serialized token too large for session: packed size %d%% of the limit", size)
	}
	return nil
}

// empty tells whether the session is given nothing.
func (s *scope) empty() bool { return len(s.policies)+len(s.policyARNs)+len(s.tags) == 0 }

// packedSize is the share of the limit that the policies and tags take, in
// percent rounded up.
func (s *scope) packedSize() int {
	n := 0
	for _, text := range slices.Concat(s.policies, s.policyARNs) {
		n += utf8.RuneCountInString(text)
	}
	return percent(n, packedPolicies) + percent(deflated(s.tags), packedTags)
}

func percent(n, of int) int { return (n*100 + of - 1) / of }

func deflated(tags []token.Tag) int {
	if len(tags) == 0 {
		return 0
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	for _, tag := range tags {
		if err == nil {
			_, err = w.Write([]byte(tag.Key + "\x00" + tag.Value + "\x00"))
		}
	}
	if err != nil || w.Close() != nil {
		return packedTags + 1 // a buffer in memory doesn't fail
	}
	return b.Len()
}

// exist asks for managed policies of the account or of AWS.
func (s *scope) exist(t store.Tables, account store.Account) error {
	for _, arn := range s.policyARNs {
		p, own := t.Policies.Get(arn)
		if _, aws := managed.Lookup(arn); !aws && (!own || p.Account != account.ID) {
			return query.NoSuchEntity("Policy %s was not found.", arn)
		}
	}
	return nil
}

// apply gives the session all of it.
func (s *scope) apply(c *token.Claims) {
	c.Policies, c.PolicyARNs, c.Tags = s.policies, s.policyARNs, s.tags
}

// setKeys sets the condition keys that tell of the tags that are asked for
// (IAM User Guide, "Available keys for AWS STS").
func (s *scope) setKeys(k *policy.Context) {
	asked := s.tags[s.inherited:]
	if len(asked) == 0 {
		return
	}
	var keys, transitive []string
	for _, tag := range asked {
		k.Set("aws:RequestTag/"+tag.Key, tag.Value)
		keys = append(keys, tag.Key)
		if tag.Transitive {
			transitive = append(transitive, tag.Key)
		}
	}
	k.SetList("aws:TagKeys", keys...)
	if len(transitive) > 0 {
		k.SetList("sts:TransitiveTagKeys", transitive...)
	}
}

// authorizeTags asks for sts:TagSession where the session gets tags.
func (s *scope) authorizeTags(r *access.Request, q access.Question) error {
	if len(s.tags) == 0 {
		return nil
	}
	q.Action = "sts:TagSession"
	_, err := r.Decide(q)
	return err
}
