package iam

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// checkDocument refuses a text that isn't a policy of kind k.
func checkDocument(text string, k policy.Kind) error {
	d, err := policy.Parse([]byte(text))
	if err == nil {
		err = d.Validate(k)
	}
	if err != nil {
		return query.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "%s", policy.Message(err, k))
	}
	return nil
}

// sizeOf is the size of a document as quotas count it: white space is free
// (IAM User Guide, "IAM and AWS STS quotas").
func sizeOf(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// encodeDocument writes a document as it stands in answers: URL encoded by RFC
// 3986 (IAM API reference, GetUserPolicy).
func encodeDocument(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// place finds an inline policy by name, without regard to case (observed).
func place(inline []store.InlinePolicy, name string) int {
	return slices.IndexFunc(inline, func(p store.InlinePolicy) bool { return strings.EqualFold(p.Name, name) })
}

// putPolicy is Put{User,Group,Role}Policy. A policy that is replaced keeps the
// spelling of its name.
func putPolicy(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		owner := r.In.Required(k.param(), k.rules()...)
		name := r.In.Required("PolicyName", nameRules...)
		document := r.In.Required("PolicyDocument", documentRules...)
		if err := r.In.Err(); err != nil {
			return nil, err
		}
		i, err := k.allowed(r, "Put"+k.title()+"Policy", owner)
		if err != nil {
			return nil, err
		}
		if err := checkDocument(document, policy.Identity); err != nil {
			return nil, err
		}
		inline := slices.Clone(i.grants.Inline)
		if at := place(inline, name); at >= 0 {
			inline[at].Document = document
		} else {
			inline = append(inline, store.InlinePolicy{Name: name, Document: document})
		}
		size := 0
		for _, p := range inline {
			size += sizeOf(p.Document)
		}
		if size > k.inlineQuota() {
			return nil, query.Errorf(http.StatusConflict, "LimitExceeded",
				"Maximum policy size of %d bytes exceeded for %s %s", k.inlineQuota(), k, i.name)
		}
		i.grants.Inline = inline
		i.save(i)
		return nil, nil
	}
}

type getPolicyDocumentResult struct {
	UserName       string `xml:",omitempty"`
	GroupName      string `xml:",omitempty"`
	RoleName       string `xml:",omitempty"`
	PolicyName     string
	PolicyDocument string
}

// getInlinePolicy is Get{User,Group,Role}Policy. It answers with the name as it
// was asked for (observed).
func getInlinePolicy(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		i, name, at, err := namedInline(r, k, "Get"+k.title()+"Policy")
		if err != nil {
			return nil, err
		}
		result := getPolicyDocumentResult{PolicyName: name, PolicyDocument: encodeDocument(i.grants.Inline[at].Document)}
		switch k {
		case user:
			result.UserName = i.name
		case group:
			result.GroupName = i.name
		case role:
			result.RoleName = i.name
		}
		return result, nil
	}
}

func namedInline(r *access.Request, k kind, action string) (i identity, name string, at int, err error) {
	owner := r.In.Required(k.param(), k.rules()...)
	name = r.In.Required("PolicyName", nameRules...)
	if err = r.In.Err(); err != nil {
		return i, name, 0, err
	}
	if i, err = k.allowed(r, action, owner); err != nil {
		return i, name, 0, err
	}
	if at = place(i.grants.Inline, name); at < 0 {
		return i, name, 0, query.NoSuchEntity("The %s policy with name %s cannot be found.", k, name)
	}
	return i, name, at, nil
}

// deleteInlinePolicy is Delete{User,Group,Role}Policy.
func deleteInlinePolicy(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		i, _, at, err := namedInline(r, k, "Delete"+k.title()+"Policy")
		if err != nil {
			return nil, err
		}
		i.grants.Inline = slices.Delete(slices.Clone(i.grants.Inline), at, at+1)
		i.save(i)
		return nil, nil
	}
}

type listInlineResult struct {
	PolicyNames query.List[string]
	page
}

// listInlinePolicies is List{User,Group,Role}Policies.
func listInlinePolicies(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		owner := r.In.Required(k.param(), k.rules()...)
		cursor := readCursor(r.In)
		if err := r.In.Err(); err != nil {
			return nil, err
		}
		i, err := k.allowed(r, "List"+k.title()+"Policies", owner)
		if err != nil {
			return nil, err
		}
		names := make([]string, 0, len(i.grants.Inline))
		for _, p := range i.grants.Inline {
			names = append(names, p.Name)
		}
		slices.Sort(names)
		names, next, err := cut(cursor, names, func(name string) string { return name })
		if err != nil {
			return nil, err
		}
		return listInlineResult{PolicyNames: query.List[string]{Member: names}, page: next}, nil
	}
}
