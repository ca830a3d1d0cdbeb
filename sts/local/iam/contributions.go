package iam

import (
	"slices"

	"github.com/fob-auth/fob/sts/local/policy"
)

// contributions is the map EvalDecisionDetails: what each type of policy says
// by itself. It is filled where the caller's account and the resource's differ,
// empty where they don't and resources are named, and else missing (IAM API
// reference, EvaluationResult). The types have the names of policyTypes there
// too, which no document says.
type contributions struct {
	Entry []contribution `xml:"entry"`
}

type contribution struct {
	Key   string         `xml:"key"`
	Value policy.Outcome `xml:"value"`
}

// contributionsTo are those to a decision between accounts, of which either
// side's silence denies.
func contributionsTo(x policy.Explanation) *contributions {
	c := &contributions{}
	for _, of := range []policy.PolicyType{policy.IdentityBased, policy.ResourceBased, policy.PermissionsBoundary} {
		present := of != policy.PermissionsBoundary
		says := policy.ImplicitDeny
		for _, p := range x.Policies {
			if p.Type == of {
				present = true
				says = joined(says, p)
			}
		}
		if present {
			c.Entry = append(c.Entry, contribution{policyTypes[of], says})
		}
	}
	return c
}

// joined adds a policy's word to that of others of its type: one deny denies,
// one allow allows.
func joined(says policy.Outcome, p policy.PolicyTrace) policy.Outcome {
	for _, s := range p.Statements {
		switch {
		case s.Mismatch != policy.Matches:
		case s.Effect == policy.EffectDeny:
			return policy.ExplicitDeny
		case says == policy.ImplicitDeny:
			says = policy.Allow
		}
	}
	return says
}

// restrict keeps the stricter word of each type for several resources.
func (c *contributions) restrict(one *contributions) {
	if one == nil {
		return
	}
	for _, add := range one.Entry {
		at := slices.IndexFunc(c.Entry, func(e contribution) bool { return e.Key == add.Key })
		if at < 0 {
			c.Entry = append(c.Entry, add)
			continue
		}
		c.Entry[at].Value = stricter(c.Entry[at].Value, add.Value)
	}
}

// stricter is the outcome for what is asked as a whole: a denial of one denies
// all, an explicit one explicitly.
func stricter(a, b policy.Outcome) policy.Outcome {
	switch {
	case a == policy.ExplicitDeny || b == policy.ExplicitDeny:
		return policy.ExplicitDeny
	case a == policy.ImplicitDeny || b == policy.ImplicitDeny:
		return policy.ImplicitDeny
	}
	return policy.Allow
}
