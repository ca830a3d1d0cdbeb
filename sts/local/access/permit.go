package access

import (
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/token"
)

// Permit refuses what a kind of credentials can't call at all, whatever
// policies say (IAM User Guide, "Compare AWS STS credentials"):
//
//   - a session of GetSessionToken may call IAM only if it was bought with an
//     MFA code, and of STS only AssumeRole and GetCallerIdentity;
//   - a role session may call all but GetSessionToken and GetFederationToken;
//   - a federated user may call nothing of IAM, and of STS only
//     GetCallerIdentity.
func Permit(c Caller, s query.Service, action string) error {
	if c.Session == nil {
		return nil
	}
	switch s {
	case query.IAM:
		if c.IsFederated() || c.Session.Kind == token.SessionToken && !c.HasMFA() {
			return InvalidToken(s.Name)
		}
	case query.STS:
		if !permitsSTS(c.Session.Kind, action) {
			// AWS's sentence for GetSessionToken (field reports); for the
			// other actions the same form is ours.
			return query.AccessDenied("Cannot call %s with session credentials", action)
		}
	}
	return nil
}

func permitsSTS(k token.Kind, action string) bool {
	switch {
	case action == "GetCallerIdentity":
		return true
	case k == token.SessionToken:
		return action == "AssumeRole"
	}
	return k == token.AssumedRole && action != "GetSessionToken" && action != "GetFederationToken"
}
