package iam

import (
	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
)

type contextKeysResult struct{ ContextKeyNames query.List[string] }

// keysOf are the condition keys that the policies ask for; what two of them ask
// for is there twice (observed).
func keysOf(policies []policy.Named) contextKeysResult {
	var result contextKeysResult
	for _, p := range policies {
		result.ContextKeyNames.Member = append(result.ContextKeyNames.Member, p.Document.ContextKeys()...)
	}
	return result
}

func readInputs(r *access.Request) ([]policy.Named, error) {
	texts := r.In.Strings("PolicyInputList", documentRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	sim := &simulation{}
	err := sim.setPolicies(texts, nil, "", "")
	return sim.identity, err
}

func (s *Service) getContextKeysForCustomPolicy(r *access.Request) (any, error) {
	r.In.RequireList("PolicyInputList")
	policies, err := readInputs(r)
	if err != nil {
		return nil, err
	}
	if err := authorize(r, "GetContextKeysForCustomPolicy", "*"); err != nil {
		return nil, err
	}
	return keysOf(policies), nil
}

// getContextKeysForPrincipalPolicy tells of the policies that a simulation of
// the identity would ask.
func (s *Service) getContextKeysForPrincipalPolicy(r *access.Request) (any, error) {
	source := r.In.Required("PolicySourceArn", arnRules...)
	inputs, err := readInputs(r)
	if err != nil {
		return nil, err
	}
	i, err := allowedSource(r, "GetContextKeysForPrincipalPolicy", source)
	if err != nil {
		return nil, err
	}
	own, boundary, err := policiesOf(r, i)
	if err != nil {
		return nil, err
	}
	if boundary != nil && boundary.Document != nil {
		own = append(own, *boundary)
	}
	return keysOf(append(own, inputs...)), nil
}
