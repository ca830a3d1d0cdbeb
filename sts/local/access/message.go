package access

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"

	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/token"
)

// MaxEncoded is how long an encoded authorization message may be, in
// characters (STS service model: encodedMessageType).
const MaxEncoded = 10240

// maxDecoded bounds a message that is unpacked; ours.
const maxDecoded = 1 << 20

// items is how AWS writes lists in these messages.
type items[T any] struct {
	Items []T `json:"items"`
}

// A message is what sts:DecodeAuthorizationMessage shows of a refusal (STS API
// reference). Its example leaves failures empty: here they are the statements
// that speak of the action and the resource and yet don't apply, with the
// conditions that failed.
type message struct {
	Allowed           bool                   `json:"allowed"`
	ExplicitDeny      bool                   `json:"explicitDeny"`
	MatchedStatements items[statementReport] `json:"matchedStatements"`
	Failures          items[statementReport] `json:"failures"`
	Context           messageContext         `json:"context"`
}

type messageContext struct {
	Principal struct {
		ID  string `json:"id"`
		ARN string `json:"arn"`
	} `json:"principal"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
	// Conditions are the keys that a statement asked for.
	Conditions items[keyReport] `json:"conditions"`
}

type keyReport struct {
	Key    string             `json:"key"`
	Values items[valueReport] `json:"values"`
}

type valueReport struct {
	Value string `json:"value"`
}

type statementReport struct {
	StatementID string                  `json:"statementId"`
	Effect      policy.Effect           `json:"effect"`
	PolicyType  policy.PolicyType       `json:"policyType"`
	Policy      string                  `json:"policy"`
	Statement   int                     `json:"statement"`
	Mismatch    policy.Mismatch         `json:"mismatch,omitempty"`
	Conditions  []policy.ConditionTrace `json:"conditions,omitempty"`
}

// EncodeMessage seals why a call was refused, for the caller's account. Where the statements don't fit
// they are left out.
func EncodeMessage(s *token.Sealer, c Caller, d policy.Decision) (string, error) {
	m := newMessage(c, d.Explain())
	for {
		plain, err := json.Marshal(m)
		if err != nil {
			return "", fmt.Errorf("authorization message: %w", err)
		}
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.BestCompression)
		if err == nil {
			_, err = w.Write(plain)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return "", fmt.Errorf("authorization message: %w", err)
		}
		text, err := s.SealMessage(c.Account.ID, packed.Bytes())
		if err != nil || len(text) <= MaxEncoded || len(m.Failures.Items) == 0 {
			return text, err
		}
		m.Failures.Items, m.Context.Conditions.Items = []statementReport{}, []keyReport{}
	}
}

func newMessage(c Caller, x policy.Explanation) message {
	m := message{
		Allowed: x.Outcome == policy.Allow, ExplicitDeny: x.Outcome == policy.ExplicitDeny,
		MatchedStatements: items[statementReport]{[]statementReport{}}, Failures: items[statementReport]{[]statementReport{}},
	}
	m.Context.Principal.ID, m.Context.Principal.ARN = c.UserID(), c.ARN()
	m.Context.Action, m.Context.Resource = x.Action, x.Resource
	m.Context.Conditions.Items = []keyReport{}
	seen := map[string]bool{}
	for _, p := range x.Policies {
		for _, s := range p.Statements {
			if s.Mismatch != policy.Matches && s.Mismatch != policy.ByCondition {
				continue
			}
			to := &m.Failures
			if s.Mismatch == policy.Matches {
				to = &m.MatchedStatements
			}
			to.Items = append(to.Items, statementReport{
				StatementID: s.Sid, Effect: s.Effect, PolicyType: p.Type, Policy: p.Name,
				Statement: s.Index, Mismatch: s.Mismatch, Conditions: s.Conditions,
			})
			for _, condition := range s.Conditions {
				if condition.Present && !seen[condition.Key] {
					seen[condition.Key] = true
					m.Context.Conditions.Items = append(m.Context.Conditions.Items, reportKey(condition))
				}
			}
		}
	}
	return m
}

func reportKey(c policy.ConditionTrace) keyReport {
	k := keyReport{Key: c.Key}
	for _, v := range c.Got {
		k.Values.Items = append(k.Values.Items, valueReport{v})
	}
	return k
}

// DecodeMessage opens what [EncodeMessage] sealed for the caller's account, a
// JSON document: it tells of that account's policies, which are no other's
// business.
func DecodeMessage(s *token.Sealer, c Caller, text string) (string, bool) {
	packed, err := s.OpenMessage(c.Account.ID, text)
	if err != nil {
		return "", false
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxDecoded))
	return string(plain), err == nil
}
