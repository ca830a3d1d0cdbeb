package policy

import "strings"

// Named is a policy with the name or ARN that explanations call it by.
type Named struct {
	Name     string
	Document *Document
}

// Request is one question: may this principal do this to that, now? Evaluate
// doesn't change it.
type Request struct {
	Principal       Principal
	Action          string // service:Operation, case-insensitive
	Resource        string // ARN, or * for actions that have no resource
	ResourceAccount string // 12 digits; "" means the principal's own
	Context         Context

	Identity       []Named   // of user and groups, or of the role
	Boundary       *Named    // nil: no permissions boundary
	HasSession     bool      // a session policy was given, even one that allows nothing
	Session        []Named   // inline and managed session policies
	ServiceControl [][]Named // each level, root to account, must allow; nil: none apply
	ResourcePolicy *Named    // nil: the resource has none
	Trust          bool      // ResourcePolicy is a role's trust policy, which must allow
}

func (r *Request) resourceType() PolicyType {
	if r.Trust {
		return RoleTrust
	}
	return ResourceBased
}

// alwaysAllowed says whether action needs no permission and can't be denied
// (STS API Reference, GetCallerIdentity and GetSessionToken, "Permissions").
func alwaysAllowed(action string) bool {
	return strings.EqualFold(action, "sts:GetCallerIdentity") || strings.EqualFold(action, "sts:GetSessionToken")
}

// Evaluate decides r as "Policy evaluation logic" says: an explicit deny
// anywhere, then the service control policies, the resource's policy, the
// identity's policies, its boundary and its session policies. Between
// accounts the principal's side and the resource's policy must both allow.
func Evaluate(r *Request) Decision {
	if alwaysAllowed(r.Action) {
		return Decision{Outcome: Allow, Statement: -1, request: r}
	}
	e := evaluation{r: r, action: strings.ToLower(r.Action)}
	return e.decide()
}

// verdict is what one type of policy says: the first statement that denied,
// or the first that allowed with the closest grip on the principal.
type verdict struct {
	outcome   Outcome
	grip      grip // resource policies only
	policy    string
	statement int
	sid       string
}

var silence = verdict{outcome: ImplicitDeny, statement: -1}

type evaluation struct {
	r      *Request
	action string // lower case
}

func (e *evaluation) decide() Decision {
	r := e.r
	resourceType := r.resourceType()
	resource := e.resource()
	identity := e.any(r.Identity)
	boundary, session := silence, e.any(r.Session)
	if r.Boundary != nil {
		boundary = e.any([]Named{*r.Boundary})
	}
	control := e.control()
	for _, step := range [...]struct {
		of PolicyType
		v  *verdict
	}{
		{ServiceControlPolicy, &control}, {resourceType, &resource}, {IdentityBased, &identity},
		{PermissionsBoundary, &boundary}, {SessionPolicy, &session},
	} {
		if step.v.outcome == ExplicitDeny {
			return e.decision(step.of, step.v)
		}
	}
	if len(r.ServiceControl) > 0 && control.outcome != Allow {
		return e.decision(ServiceControlPolicy, &silence)
	}
	return e.grant(resourceType, &resource, &identity, &boundary, &session)
}

// grant weighs the allows once nothing denies.
func (e *evaluation) grant(resourceType PolicyType, resource, identity, boundary, session *verdict) Decision {
	r := e.r
	same := r.ResourceAccount == "" || r.ResourceAccount == r.Principal.Account
	outside := r.Principal.Kind == Anonymous || r.Principal.Kind == Service || r.Principal.Kind == Federated
	named := resource.outcome == Allow && resource.grip == gripDirect
	if outside || named && same {
		return e.decision(resourceType, resource)
	}
	if r.Trust && resource.outcome != Allow {
		return e.decision(resourceType, &silence)
	}
	by, granted := IdentityBased, identity
	switch {
	case identity.outcome == Allow:
	case r.Principal.Kind == Root:
		by, granted = NoPolicy, &verdict{outcome: Allow, statement: -1}
	case same && resource.outcome == Allow && resource.grip == gripIssuer:
		by, granted = resourceType, resource
	default:
		return e.decision(IdentityBased, &silence)
	}
	if r.Boundary != nil && boundary.outcome != Allow {
		return e.decision(PermissionsBoundary, &silence)
	}
	if (r.HasSession || len(r.Session) > 0 || r.Principal.Kind == FederatedUser) && session.outcome != Allow {
		return e.decision(SessionPolicy, &silence)
	}
	if !same && resource.outcome != Allow {
		return e.decision(resourceType, &silence)
	}
	return e.decision(by, granted)
}

func (e *evaluation) decision(by PolicyType, v *verdict) Decision {
	return Decision{Outcome: v.outcome, By: by, Policy: v.policy, Statement: v.statement, Sid: v.sid, request: e.r}
}

// any joins policies of one type: one deny denies, one allow allows.
func (e *evaluation) any(policies []Named) verdict {
	v := silence
	for i := range policies {
		e.document(&policies[i], false, &v)
		if v.outcome == ExplicitDeny {
			break
		}
	}
	return v
}

// control joins the levels of an organization: each must allow.
func (e *evaluation) control() verdict {
	all := silence
	for i, level := range e.r.ServiceControl {
		v := e.any(level)
		switch {
		case v.outcome == ExplicitDeny:
			return v
		case i == 0 || v.outcome != Allow:
			all = v
		case all.outcome == Allow:
			all = v
		}
	}
	return all
}

func (e *evaluation) resource() verdict {
	v := silence
	if e.r.ResourcePolicy != nil {
		e.document(e.r.ResourcePolicy, true, &v)
	}
	return v
}

// document adds one policy's word to v.
func (e *evaluation) document(p *Named, resource bool, v *verdict) {
	if p.Document == nil {
		return
	}
	for i := range p.Document.statements {
		s := &p.Document.statements[i]
		if s.effect == EffectAllow && v.outcome == Allow && v.grip == gripDirect {
			continue
		}
		g, ok := e.statement(s, resource)
		if !ok {
			continue
		}
		if s.effect == EffectDeny {
			*v = verdict{outcome: ExplicitDeny, grip: g, policy: p.Name, statement: i, sid: s.sid}
			return
		}
		if v.outcome != Allow || g > v.grip {
			*v = verdict{outcome: Allow, grip: g, policy: p.Name, statement: i, sid: s.sid}
		}
	}
}

// statement says whether s applies to the request, and how closely its
// principal is named. Outside resource policies the grip is always direct.
func (e *evaluation) statement(s *statement, resource bool) (grip, bool) {
	if !e.matchAction(s) || !e.matchResource(s, resource) {
		return gripNone, false
	}
	g := gripDirect
	if resource {
		if s.principal == nil {
			return gripNone, false
		}
		if g = s.principal.applies(e.r, s.effect); g == gripNone {
			return gripNone, false
		}
	}
	for i := range s.conditions {
		if !s.conditions[i].match(&e.r.Context, s.effect) {
			return gripNone, false
		}
	}
	return g, true
}

func (e *evaluation) matchAction(s *statement) bool {
	for i := range s.actions {
		if s.actions[i].match(e.action) {
			return !s.notAction
		}
	}
	return s.hasAction && s.notAction
}

// matchResource lets a statement without the element speak of the resource
// that a resource policy is attached to; elsewhere it speaks of none.
func (e *evaluation) matchResource(s *statement, resource bool) bool {
	if !s.hasRes {
		return resource
	}
	for i := range s.resources {
		if s.resources[i].match(&e.r.Context, e.r.Resource) {
			return !s.notRes
		}
	}
	return s.notRes
}
