package policy

import (
	"fmt"
	"strings"
)

// PrincipalKind is the kind of credential behind a request.
type PrincipalKind uint8

// The kinds of principal.
const (
	Anonymous     PrincipalKind = iota // unsigned request
	Root                               // the account's root user
	User                               // IAM user, with long-term or GetSessionToken credentials
	RoleSession                        // AssumeRole and its relatives
	FederatedUser                      // GetFederationToken
	Service                            // an AWS service acting for itself
	Federated                          // an outside identity, before it has AWS credentials
)

// Principal is who makes a request. Fields that a kind doesn't have stay empty.
type Principal struct {
	Kind      PrincipalKind
	ARN       string // of the user, the root, or the session itself (arn:P:sts::…)
	Account   string // 12 digits
	Partition string // aws, aws-us-gov, aws-cn
	ID        string // aws:userid: AIDA…, AROA…:SESSION, ACCT:NAME, or the account
	RoleARN   string // role sessions: arn:P:iam::ACCT:role/PATH/NAME
	UserARN   string // federated users: of the user who called GetFederationToken
	UserID    string // federated users: AIDA… of that user
	Service   string // services: name.amazonaws.com
	Provider  string // federated: provider ARN or name

	CanonicalID string // of the account, where a service such as S3 names accounts so
}

// principals is a Principal or NotPrincipal element.
type principals struct {
	not     bool
	all     bool // "*" rather than an object
	entries []principalEntry
}

// principalEntry is one type of an element with its values.
type principalEntry struct {
	kind   string // AWS, Service, Federated, CanonicalUser
	values texts
}

func parsePrincipals(n *node, not bool) (*principals, *SyntaxError) {
	p := &principals{not: not}
	if n.kind == nodeString {
		if n.text != "*" {
			return nil, syntaxError(InvalidValue, n, fmt.Sprintf("%q is not *", n.text))
		}
		p.all = true
		return p, nil
	}
	if n.kind != nodeObject {
		return nil, wrongType(n, `"*" or an object`)
	}
	for i, key := range n.keys {
		switch key {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			return nil, syntaxError(UnknownElement, n.items[i], "").under(key)
		}
		values, err := textsOf(n.items[i], false)
		if err != nil {
			return nil, err.under(key)
		}
		p.entries = append(p.entries, principalEntry{kind: key, values: values})
	}
	return p, nil
}

// grip is how closely an element names a principal.
type grip uint8

const (
	gripNone    grip = iota
	gripAccount      // its account: only lets the account's own policies decide
	gripIssuer       // the role of a session, the user behind a federated one
	gripDirect       // the user, the session, the service, or everybody
)

// applies says whether the element takes in the request's principal under the
// given effect, and how closely. NotPrincipal takes in everybody it doesn't
// name: an Allow spares those of whom any part is named, a Deny only those
// whose account, role and session are all named, and nobody who has a
// permissions boundary ("NotPrincipal": "NotPrincipal With Deny").
func (p *principals) applies(r *Request, effect Effect) grip {
	q := &r.Principal
	switch {
	case !p.not:
		return p.names(q)
	case effect == EffectAllow && p.names(q) != gripNone:
		return gripNone
	case effect == EffectDeny && r.Boundary == nil && p.namesWholly(q):
		return gripNone
	}
	return gripDirect
}

// names returns how closely the listed values name q.
func (p *principals) names(q *Principal) grip {
	if p.all {
		return gripDirect
	}
	best := gripNone
	for i := range p.entries {
		for _, v := range p.entries[i].values.values {
			best = max(best, nameGrip(p.entries[i].kind, v, q))
		}
	}
	return best
}

// namesWholly says whether the listed values name q and all that q is part of.
func (p *principals) namesWholly(q *Principal) bool {
	var seen [gripDirect + 1]bool
	seen[gripAccount] = q.Account == "" || q.Kind == Root
	seen[gripIssuer] = q.Kind != RoleSession
	for i := range p.entries {
		for _, v := range p.entries[i].values.values {
			g := nameGrip(p.entries[i].kind, v, q)
			if v == "*" && g == gripDirect {
				return true
			}
			seen[g] = true
		}
	}
	return p.all || seen[gripAccount] && seen[gripIssuer] && (seen[gripDirect] || q.Kind == Root && seen[gripAccount])
}

func nameGrip(kind, v string, q *Principal) grip {
	switch kind {
	case "Service":
		if q.Kind == Service && v == q.Service {
			return gripDirect
		}
	case "Federated":
		if q.Kind == Federated && v == q.Provider {
			return gripDirect
		}
	case "CanonicalUser":
		if q.CanonicalID != "" && v == q.CanonicalID {
			return gripAccount
		}
	case "AWS":
		return awsGrip(v, q)
	}
	return gripNone
}

func awsGrip(v string, q *Principal) grip {
	switch {
	case q.Kind == Service || q.Kind == Federated || v == "":
		return gripNone
	case v == "*":
		return gripDirect
	case q.Kind == Anonymous:
		return gripNone
	case v == q.Account || isRoot(v, q):
		return gripAccount
	case v == q.ARN || v == q.ID:
		return gripDirect
	case v == q.RoleARN || v == q.UserARN || v == q.UserID || q.Kind == RoleSession && v == roleID(q.ID):
		return gripIssuer
	}
	return gripNone
}

// isRoot says whether v is the ARN of the root of q's account, which is
// another way to write the account.
func isRoot(v string, q *Principal) bool {
	rest, ok := strings.CutPrefix(v, "arn:"+q.Partition+":iam::")
	account, ok2 := strings.CutSuffix(rest, ":root")
	return ok && ok2 && account == q.Account
}

// roleID cuts the session's name off AROA…:SESSION.
func roleID(id string) string {
	role, _, _ := strings.Cut(id, ":")
	return role
}

// MapPrincipals returns a copy of the document in which every value of a
// Principal or NotPrincipal element was replaced by what f returns for it; kind
// is AWS, Service, Federated or CanonicalUser, and "*" is passed over. IAM
// stores the unique ids of users and roles in place of their ARNs and shows
// the ARNs again. The first error of f is returned as it is.
func (d *Document) MapPrincipals(f func(kind, value string) (string, error)) (*Document, error) {
	out := *d
	out.statements = append([]statement(nil), d.statements...)
	for i := range out.statements {
		s := &out.statements[i]
		if s.principal == nil {
			continue
		}
		p, err := s.principal.mapped(f)
		if err != nil {
			return nil, err
		}
		s.principal = p
	}
	return &out, nil
}

func (p *principals) mapped(f func(kind, value string) (string, error)) (*principals, error) {
	out := &principals{not: p.not, all: p.all}
	for _, e := range p.entries {
		values := texts{single: e.values.single, values: make([]string, 0, len(e.values.values))}
		for _, v := range e.values.values {
			if v != "*" {
				var err error
				if v, err = f(e.kind, v); err != nil {
					return nil, err
				}
			}
			values.values = append(values.values, v)
		}
		out.entries = append(out.entries, principalEntry{kind: e.kind, values: values})
	}
	return out, nil
}
