package sts

import (
	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/token"
)

// Constraints of GetFederationToken's and GetAccessKeyInfo's parameters (STS
// service model).
var (
	federatedNameRules   = []query.Rule{query.MinLen(2), query.MaxLen(32), query.Match(`[\w+=,.@-]*`)}
	federatedPolicyRules = append([]query.Rule{query.MaxLen(2048)}, policyRules...)
	keyIDRules           = []query.Rule{query.MinLen(16), query.MaxLen(128), query.Match(`[\w]*`)}
)

type getFederationTokenResult struct {
	Credentials   credentials
	FederatedUser struct {
		FederatedUserID string `xml:"FederatedUserId"`
		Arn             string
	}
	PackedPolicySize int
}

// getFederationToken makes a session for somebody outside, with the rights
// that the caller and the session policies share. No code goes with it: such a
// session never has MFA.
func (s *Service) getFederationToken(r *access.Request) (any, error) {
	name := r.In.Required("Name", federatedNameRules...)
	duration := r.In.Int("DurationSeconds", defaultSessionDuration, minDuration, maxSessionDuration)
	given := readScope(r.In, federatedPolicyRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if err := given.mark(nil, nil); err != nil {
		return nil, err
	}
	if err := given.check(); err != nil {
		return nil, err
	}
	if r.Caller.IsRoot() {
		duration = min(duration, maxRootDuration)
	}
	arn := r.Caller.Account.STS("federated-user/" + name)
	question := access.Question{Action: "sts:GetFederationToken", Resource: arn, Set: given.setKeys}
	if _, err := r.Decide(question); err != nil {
		return nil, err
	}
	if err := given.authorizeTags(r, question); err != nil {
		return nil, err
	}
	if err := given.exist(r.Tx.Tables, r.Caller.Account); err != nil {
		return nil, err
	}
	claims := token.Claims{
		Kind: token.FederatedUser, Account: r.Caller.Account.ID, Subject: r.Caller.Subject(), SessionName: name,
	}
	given.apply(&claims)
	result := getFederationTokenResult{PackedPolicySize: given.packedSize()}
	var err error
	if result.Credentials, err = s.issue(claims, duration, r.Now); err != nil {
		return nil, err
	}
	result.FederatedUser.FederatedUserID = r.Caller.Account.ID + ":" + name
	result.FederatedUser.Arn = arn
	return result, nil
}

type getAccessKeyInfoResult struct{ Account string }

// getAccessKeyInfo tells whose key it is, of any account. Nobody remembers the
// keys of sessions: they tell their account themselves.
func (s *Service) getAccessKeyInfo(r *access.Request) (any, error) {
	id := r.In.Required("AccessKeyId", keyIDRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if err := r.Authorize("sts:GetAccessKeyInfo", "*"); err != nil {
		return nil, err
	}
	if key, ok := r.Tx.AccessKeys.Get(id); ok {
		return getAccessKeyInfoResult{key.Account}, nil
	}
	if account, ok := ids.AccountOf(id); ok {
		if _, ok := r.Tx.Accounts.Get(account); ok {
			return getAccessKeyInfoResult{account}, nil
		}
	}
	return nil, query.ValidationError("Invalid access key: %s", id) // the sentence is ours
}

type decodeAuthorizationMessageResult struct{ DecodedMessage string }

// encodedRules are those of encodedMessageType of the service model.
var encodedRules = []query.Rule{query.MinLen(1), query.MaxLen(access.MaxEncoded)}

// decodeAuthorizationMessage opens what a refusal has sealed.
func (s *Service) decodeAuthorizationMessage(r *access.Request) (any, error) {
	encoded := r.In.Required("EncodedMessage", encodedRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if err := r.Authorize("sts:DecodeAuthorizationMessage", "*"); err != nil {
		return nil, err
	}
	message, ok := access.DecodeMessage(s.Sealer, r.Caller, encoded)
	if !ok {
		return nil, query.Errorf(400, "InvalidAuthorizationMessageException", "Message is not valid")
	}
	return decodeAuthorizationMessageResult{message}, nil
}
