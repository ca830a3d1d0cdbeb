package sts

import (
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
	"github.com/fob-auth/fob/sts/local/token"
)

// Constraints of AssumeRole's parameters (STS service model).
var (
	sessionNameRules    = []query.Rule{query.MinLen(2), query.MaxLen(64), query.Match(`[\w+=,.@-]*`)}
	externalIDRules     = []query.Rule{query.MinLen(2), query.MaxLen(1224), query.Match(`[\w+=,.@:\/-]*`)}
	sourceIdentityRules = sessionNameRules
)

type assumeRoleInput struct {
	roleARN, sessionName, externalID string
	hasExternalID                    bool
	duration                         int
	code                             mfaInput
	scope                            scope
	sourceIdentity                   string
}

func readAssumeRole(r *access.Request) (assumeRoleInput, error) {
	in := r.In
	a := assumeRoleInput{
		roleARN:        in.Required("RoleArn", arnRules...),
		sessionName:    in.Required("RoleSessionName", sessionNameRules...),
		externalID:     in.String("ExternalId", externalIDRules...),
		hasExternalID:  in.Has("ExternalId"),
		duration:       in.Int("DurationSeconds", defaultRoleDuration, minDuration, maxRoleDuration),
		code:           readMFA(in),
		scope:          readScope(in, policyRules...),
		sourceIdentity: in.String("SourceIdentity", sourceIdentityRules...),
	}
	transitive := in.Strings("TransitiveTagKeys", tagKeyRules...)
	in.AtMost("TransitiveTagKeys", len(transitive), maxTags)
	contexts := in.List("ProvidedContexts")
	if err := in.Err(); err != nil {
		return a, err
	}
	if len(contexts) > 0 { // they are IAM Identity Center's
		return a, query.ValidationError("ProvidedContexts is not served by this local AWS")
	}
	if !anyARN.MatchString(a.roleARN) {
		return a, query.ValidationError("%s is invalid", a.roleARN)
	}
	if err := a.scope.mark(transitive, r.Caller.Session); err != nil {
		return a, err
	}
	if err := a.inheritIdentity(r.Caller.Session); err != nil {
		return a, err
	}
	return a, a.scope.check()
}

// inheritIdentity hands on the source identity of the calling session, which
// can't be changed (IAM User Guide, "Monitor and control actions taken with
// assumed roles"). The sentences are ours.
func (a *assumeRoleInput) inheritIdentity(caller *token.Claims) error {
	if strings.HasPrefix(a.sourceIdentity, "aws:") {
		return query.ValidationError("SourceIdentity can't begin with aws:")
	}
	if caller == nil || caller.SourceIdentity == "" {
		return nil
	}
	if a.sourceIdentity != "" && a.sourceIdentity != caller.SourceIdentity {
		return query.AccessDenied("The source identity of the calling session can't be changed.")
	}
	a.sourceIdentity = caller.SourceIdentity
	return nil
}

type assumeRoleResult struct {
	Credentials     credentials
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
	PackedPolicySize *int
	SourceIdentity   string `xml:",omitempty"`
}

// assumeRole takes a role on. A code that is good is spent even if the role's
// trust then refuses: its verification has succeeded.
func (s *Service) assumeRole(r *access.Request) (any, error) {
	in, err := readAssumeRole(r)
	if err != nil {
		return nil, err
	}
	if r.Caller.IsRoot() {
		return nil, query.AccessDenied("Roles may not be assumed by root accounts.")
	}
	if r.Caller.Session != nil && in.duration > maxChainedDuration {
		return nil, query.ValidationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	present, err := s.verify(r, in.code)
	if err != nil {
		return nil, err
	}
	role, account, err := s.trusted(r, in, present)
	if err != nil {
		return nil, err
	}
	if in.duration > role.MaxSession {
		return nil, query.ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if err := in.scope.exist(r.Tx.Tables, account); err != nil {
		return nil, err
	}
	claims := token.Claims{
		Kind: token.AssumedRole, Account: account.ID, Subject: role.ID, SessionName: in.sessionName,
		SourceIdentity: in.sourceIdentity,
	}
	in.scope.apply(&claims)
	if s.InheritMFA && r.Caller.HasMFA() {
		claims.Authenticated = r.Caller.Session.Authenticated
	}
	result := assumeRoleResult{SourceIdentity: in.sourceIdentity}
	if result.Credentials, err = s.issue(claims, in.duration, r.Now); err != nil {
		return nil, err
	}
	result.AssumedRoleUser.AssumedRoleID = role.ID + ":" + in.sessionName
	result.AssumedRoleUser.Arn = account.STS("assumed-role/" + role.Name + "/" + in.sessionName)
	if !in.scope.empty() {
		size := in.scope.packedSize()
		result.PackedPolicySize = &size
	}
	return result, nil
}

// trusted finds the role and asks its trust policy and the caller's policies.
// An absent role is refused like a distrustful one: a caller can't tell.
func (s *Service) trusted(r *access.Request, in assumeRoleInput, present bool) (store.Role, store.Account, error) {
	refuse := func(action string) error {
		return query.AccessDenied("User: %s is not authorized to perform: %s on resource: %s", r.Caller.ARN(), action, in.roleARN)
	}
	role, account, ok := findRole(r.Tx.Tables, in.roleARN)
	if !ok || account.Partition != r.Caller.Account.Partition {
		return role, account, refuse("sts:AssumeRole")
	}
	trust, err := r.Policies.Compile(role.Trust)
	if err != nil {
		return role, account, err
	}
	question := access.Question{
		Resource: in.roleARN, Account: account.ID,
		Trust: &policy.Named{Name: "trust policy of " + role.Name, Document: trust},
		Set:   func(k *policy.Context) { in.setKeys(k, role, present) },
	}
	for _, action := range in.actions() {
		question.Action = action
		_, err := r.Decide(question)
		if query.IsRefusal(err) {
			err = refuse(action)
		}
		if err != nil {
			return role, account, err
		}
	}
	return role, account, nil
}

// actions are those that both sides must allow: tags and a source identity
// that a chain of roles hands on count as if they were asked for.
func (a assumeRoleInput) actions() []string {
	actions := []string{"sts:AssumeRole"}
	if len(a.scope.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if a.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

// setKeys sets the condition keys of the call. The code counts for the call
// that carries it.
func (a assumeRoleInput) setKeys(k *policy.Context, role store.Role, present bool) {
	k.Set("sts:RoleSessionName", a.sessionName)
	if a.hasExternalID {
		k.Set("sts:ExternalId", a.externalID)
	}
	if a.sourceIdentity != "" {
		k.Set("sts:SourceIdentity", a.sourceIdentity)
	}
	for _, tag := range role.Tags {
		k.Set("aws:ResourceTag/"+tag.Key, tag.Value)
		k.Set("iam:ResourceTag/"+tag.Key, tag.Value)
	}
	a.scope.setKeys(k)
	if present {
		k.Set("aws:MultiFactorAuthPresent", "true")
		k.Set("aws:MultiFactorAuthAge", "0")
	}
}

// findRole finds a role by its ARN, path included.
func findRole(t store.Tables, arn string) (store.Role, store.Account, bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || !strings.HasPrefix(parts[5], "role/") {
		return store.Role{}, store.Account{}, false
	}
	account, ok := t.Accounts.Get(parts[4])
	if !ok {
		return store.Role{}, store.Account{}, false
	}
	role, ok := t.RoleNamed(account.ID, arn[strings.LastIndexByte(arn, '/')+1:])
	return role, account, ok && access.RoleARN(account, role) == arn
}
