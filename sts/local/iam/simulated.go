package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
)

type position struct {
	Line   int
	Column int
}

type matchedStatement struct {
	SourcePolicyID   string `xml:"SourcePolicyId"`
	SourcePolicyType string
	StartPosition    position
	EndPosition      position
}

type boundaryDecision struct{ AllowedByPermissionsBoundary bool }

type resourceResult struct {
	EvalResourceName                  string
	EvalResourceDecision              policy.Outcome
	MatchedStatements                 query.List[matchedStatement]
	MissingContextValues              query.List[string]
	EvalDecisionDetails               *contributions    `xml:",omitempty"`
	PermissionsBoundaryDecisionDetail *boundaryDecision `xml:",omitempty"`
}

type evaluationResult struct {
	EvalActionName                    string
	EvalResourceName                  string
	EvalDecision                      policy.Outcome
	MatchedStatements                 query.List[matchedStatement]
	MissingContextValues              query.List[string]
	EvalDecisionDetails               *contributions              `xml:",omitempty"`
	PermissionsBoundaryDecisionDetail *boundaryDecision           `xml:",omitempty"`
	ResourceSpecificResults           *query.List[resourceResult] `xml:",omitempty"`
}

type simulateResult struct {
	EvaluationResults query.List[evaluationResult]
	page
}

// run asks for every action; a page counts actions (observed).
func (s *simulation) run(note *access.Note) (any, error) {
	type row struct{ place, action string }
	rows := make([]row, len(s.actions))
	for i, action := range s.actions {
		rows[i] = row{fmt.Sprintf("%06d", i), action}
	}
	rows, next, err := cut(s.cursor, rows, func(r row) string { return r.place })
	if err != nil {
		return nil, err
	}
	result := simulateResult{page: next}
	for _, row := range rows {
		e, err := s.action(note, row.action)
		if err != nil {
			return nil, err
		}
		result.EvaluationResults.Member = append(result.EvaluationResults.Member, e)
	}
	return result, nil
}

// action asks for one action on every resource. Without resources it is "*",
// and what is missing stands in the result itself (IAM API reference,
// EvaluationResult).
func (s *simulation) action(note *access.Note, action string) (evaluationResult, error) {
	service, _, ok := strings.Cut(action, ":")
	if !ok || service == "" {
		return evaluationResult{}, invalidInput("Invalid Action: %s", action)
	}
	if len(s.resources) == 0 {
		one := s.ask(note, action, "*")
		return evaluationResult{
			EvalActionName: action, EvalResourceName: "*", EvalDecision: one.EvalResourceDecision,
			MatchedStatements: one.MatchedStatements, MissingContextValues: one.MissingContextValues,
			EvalDecisionDetails: one.EvalDecisionDetails, PermissionsBoundaryDecisionDetail: one.PermissionsBoundaryDecisionDetail,
		}, nil
	}
	e := evaluationResult{
		EvalActionName: action, EvalResourceName: s.resources[0], EvalDecision: policy.Allow,
		EvalDecisionDetails: &contributions{}, ResourceSpecificResults: &query.List[resourceResult]{},
	}
	if len(s.resources) > 1 {
		e.EvalResourceName = "*"
	}
	for _, resource := range s.resources {
		one := s.ask(note, action, resource)
		e.ResourceSpecificResults.Member = append(e.ResourceSpecificResults.Member, one)
		for _, m := range one.MatchedStatements.Member {
			if !slices.Contains(e.MatchedStatements.Member, m) {
				e.MatchedStatements.Member = append(e.MatchedStatements.Member, m)
			}
		}
		e.EvalDecision = stricter(e.EvalDecision, one.EvalResourceDecision)
		e.EvalDecisionDetails.restrict(one.EvalDecisionDetails)
		e.PermissionsBoundaryDecisionDetail = one.PermissionsBoundaryDecisionDetail
	}
	return e, nil
}

// ask asks for one action on one resource.
func (s *simulation) ask(note *access.Note, action, resource string) resourceResult {
	d := policy.Evaluate(&policy.Request{
		Principal: s.principal, Action: action, Resource: resource, ResourceAccount: s.owner, Context: s.context,
		Identity: s.identity, Boundary: s.boundary, ResourcePolicy: s.resource,
	})
	note.Simulated(d)
	result := resourceResult{EvalResourceName: resource, EvalResourceDecision: d.Outcome}
	x := d.Explain()
	for _, p := range x.Policies {
		for _, t := range p.Statements {
			result.note(d.Outcome, p, t)
		}
	}
	if s.owner != "" && s.owner != s.principal.Account {
		result.EvalDecisionDetails = contributionsTo(x)
	}
	if s.boundary != nil {
		alone := policy.Evaluate(&policy.Request{
			Principal: policy.Principal{Kind: policy.User, Account: s.principal.Account, Partition: s.principal.Partition},
			Action:    action, Resource: resource, Context: s.context, Identity: []policy.Named{*s.boundary},
		})
		result.PermissionsBoundaryDecisionDetail = &boundaryDecision{alone.Allowed()}
	}
	return result
}

// policyTypes are the names that simulations give to types of policies
// (observed; the service model has others).
var policyTypes = map[policy.PolicyType]string{
	policy.IdentityBased:       "IAM Policy",
	policy.ResourceBased:       "Resource Policy",
	policy.PermissionsBoundary: "Permissions Boundary Policy",
}

// note adds a statement that brought the outcome about, and the condition keys
// that a statement asked for in vain.
func (r *resourceResult) note(outcome policy.Outcome, p policy.PolicyTrace, t policy.StatementTrace) {
	for _, c := range t.Conditions {
		if !c.Present && !slices.Contains(r.MissingContextValues.Member, c.Key) {
			r.MissingContextValues.Member = append(r.MissingContextValues.Member, c.Key)
		}
	}
	allows := t.Effect == policy.EffectAllow
	if t.Mismatch != policy.Matches || outcome == policy.ImplicitDeny || allows != (outcome == policy.Allow) {
		return
	}
	r.MatchedStatements.Member = append(r.MatchedStatements.Member, matchedStatement{
		SourcePolicyID: p.Name, SourcePolicyType: policyTypes[p.Type],
		StartPosition: position(t.Start), EndPosition: position(t.End),
	})
}
