package policy

import (
	"fmt"
	"testing"
)

// Policies for the order of evaluation: whether each type allows, denies or
// says nothing of s3:GetObject.
func says(t testing.TB, what string) []Named {
	switch what {
	case "allow":
		return []Named{inline(t, `"Effect":"Allow","Action":"s3:Get*","Resource":"*"`)}
	case "deny":
		return []Named{inline(t, `"Effect":"Allow","Action":"*","Resource":"*"`), inline(t, `"Sid":"No","Effect":"Deny","Action":"s3:GetObject","Resource":"*"`)}
	case "other":
		return []Named{inline(t, `"Effect":"Allow","Action":"s3:PutObject","Resource":"*"`)}
	}
	return nil
}

func resourceFor(t testing.TB, effect, principal string) *Named {
	if principal == "" {
		return nil
	}
	p := inline(t, fmt.Sprintf(`"Effect":%q,"Principal":%s,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`, effect, principal))
	p.Name = "bucket"
	return &p
}

var (
	aUser = Principal{Kind: User, ARN: "arn:aws:iam::111122223333:user/x/carol", Account: accountA, Partition: "aws", ID: "AIDACAROL"}
	aRole = Principal{Kind: RoleSession, ARN: "arn:aws:sts::111122223333:assumed-role/r/s", Account: accountA, Partition: "aws", ID: "AROAR:s", RoleARN: "arn:aws:iam::111122223333:role/p/r"}
	aFed  = Principal{Kind: FederatedUser, ARN: "arn:aws:sts::111122223333:federated-user/f", Account: accountA, Partition: "aws", ID: "111122223333:f", UserARN: "arn:aws:iam::111122223333:user/x/carol", UserID: "AIDACAROL"}
	aRoot = Principal{Kind: Root, ARN: "arn:aws:iam::111122223333:root", Account: accountA, Partition: "aws", ID: accountA}
	aWeb  = Principal{Kind: Federated, Provider: "accounts.google.com"}
	aSvc  = Principal{Kind: Service, Service: "cloudtrail.amazonaws.com"}
)

const (
	nameUser    = `{"AWS":"arn:aws:iam::111122223333:user/x/carol"}`
	nameUserID  = `{"AWS":"AIDACAROL"}`
	nameRole    = `{"AWS":["arn:aws:iam::111122223333:role/p/r"]}`
	nameRoleID  = `{"AWS":"AROAR"}`
	nameSession = `{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}`
	nameFed     = `{"AWS":"arn:aws:sts::111122223333:federated-user/f"}`
	nameAccount = `{"AWS":"111122223333"}`
	nameRoot    = `{"AWS":"arn:aws:iam::111122223333:root"}`
	nameAll     = `"*"`
	nameAllAWS  = `{"AWS":"*"}`
)

func TestOrderOfEvaluation(t *testing.T) {
	const (
		allowed  = ""
		identity = "because no identity-based policy allows the s3:GetObject action"
		boundary = "because no permissions boundary allows the s3:GetObject action"
		session  = "because no session policy allows the s3:GetObject action"
		resource = "because no resource-based policy allows the s3:GetObject action"
		scp      = "because no service control policy allows the s3:GetObject action"
	)
	for _, c := range []struct {
		name                        string
		who                         Principal
		identity, boundary, session string // says(…); "" for boundary and session: there is none
		scp                         []string
		resource                    string // principal that the bucket policy allows
		owner                       string // account of the bucket
		want                        string
	}{
		{"nothing", aUser, "", "", "", nil, "", accountA, identity},
		{"identity allows", aUser, "allow", "", "", nil, "", accountA, allowed},
		{"identity allows something else", aUser, "other", "", "", nil, "", accountA, identity},
		{"identity denies and allows", aUser, "deny", "", "", nil, "", accountA, "with an explicit deny in an identity-based policy"},
		{"boundary silent", aUser, "allow", "other", "", nil, "", accountA, boundary},
		{"boundary allows", aUser, "allow", "allow", "", nil, "", accountA, allowed},
		{"boundary alone grants nothing", aUser, "", "allow", "", nil, "", accountA, identity},
		{"boundary denies", aUser, "allow", "deny", "", nil, "", accountA, "with an explicit deny in a permissions boundary"},
		{"session policy silent", aRole, "allow", "", "other", nil, "", accountA, session},
		{"session policy allows", aRole, "allow", "", "allow", nil, "", accountA, allowed},
		{"session policy alone grants nothing", aRole, "", "", "allow", nil, "", accountA, identity},
		{"session policy denies", aRole, "allow", "", "deny", nil, "", accountA, "with an explicit deny in a session policy"},
		{"session policy without grants", aRole, "allow", "", "none", nil, "", accountA, session},
		{"role session without one", aRole, "allow", "", "", nil, "", accountA, allowed},
		{"federated user without one", aFed, "allow", "", "", nil, "", accountA, session},
		{"federated user with one", aFed, "allow", "", "allow", nil, "", accountA, allowed},
		{"SCP silent", aUser, "allow", "", "", []string{"other"}, "", accountA, scp},
		{"SCP allows", aUser, "allow", "", "", []string{"allow"}, "", accountA, allowed},
		{"one SCP level silent", aUser, "allow", "", "", []string{"allow", "other", "allow"}, "", accountA, scp},
		{"first SCP level silent", aUser, "allow", "", "", []string{"other", "allow"}, "", accountA, scp},
		{"SCP denies", aUser, "allow", "", "", []string{"allow", "deny"}, "", accountA, "with an explicit deny in a service control policy"},
		{"SCP silent before a direct grant", aUser, "", "", "", []string{"other"}, nameUser, accountA, scp},

		{"user named", aUser, "", "other", "", nil, nameUser, accountA, allowed},
		{"user named by id", aUser, "", "other", "", nil, nameUserID, accountA, allowed},
		{"another user named", aUser, "", "", "", nil, `{"AWS":"arn:aws:iam::111122223333:user/carol"}`, accountA, identity},
		{"everybody named", aUser, "", "other", "", nil, nameAll, accountA, allowed},
		{"everybody with AWS named", aRole, "", "", "other", nil, nameAllAWS, accountA, allowed},
		{"account named delegates", aUser, "", "", "", nil, nameAccount, accountA, identity},
		{"root named delegates", aUser, "", "", "", nil, nameRoot, accountA, identity},
		{"account named and identity", aUser, "allow", "", "", nil, nameAccount, accountA, allowed},
		{"root of another partition", aUser, "", "", "", nil, `{"AWS":"arn:aws-cn:iam::111122223333:root"}`, accountA, identity},
		{"role named", aRole, "", "", "", nil, nameRole, accountA, allowed},
		{"role named by id", aRole, "", "", "", nil, nameRoleID, accountA, allowed},
		{"role named, boundary silent", aRole, "", "other", "", nil, nameRole, accountA, boundary},
		{"role named, session policy silent", aRole, "", "", "other", nil, nameRole, accountA, session},
		{"role named, both allow", aRole, "", "allow", "allow", nil, nameRole, accountA, allowed},
		{"session named, all else silent", aRole, "", "other", "other", nil, nameSession, accountA, allowed},
		{"session named with a wildcard", aRole, "", "", "", nil, `{"AWS":"arn:aws:sts::111122223333:assumed-role/r/*"}`, accountA, identity},
		{"federated user named", aFed, "", "", "other", nil, nameFed, accountA, allowed},
		{"user behind a federated one named", aFed, "", "", "", nil, nameUser, accountA, session},
		{"user behind, with session policy", aFed, "", "", "allow", nil, nameUserID, accountA, allowed},

		{"root in its account", aRoot, "", "", "", nil, "", accountA, allowed},
		{"root under an SCP", aRoot, "", "", "", []string{"other"}, "", accountA, scp},

		{"across accounts, both", aUser, "allow", "", "", nil, nameUser, accountB, allowed},
		{"across accounts, by account", aUser, "allow", "", "", nil, nameAccount, accountB, allowed},
		{"across accounts, by everybody", aUser, "allow", "", "", nil, nameAll, accountB, allowed},
		{"across accounts, identity silent", aUser, "", "", "", nil, nameUser, accountB, identity},
		{"across accounts, resource silent", aUser, "allow", "", "", nil, "", accountB, resource},
		{"across accounts, boundary silent", aUser, "allow", "other", "", nil, nameUser, accountB, boundary},
		{"across accounts, session named, session policy silent", aRole, "allow", "", "other", nil, nameSession, accountB, session},
		{"across accounts, root", aRoot, "", "", "", nil, nameRoot, accountB, allowed},
		{"across accounts, root not named", aRoot, "", "", "", nil, "", accountB, resource},

		{"nobody in particular", Principal{}, "", "", "", nil, nameAll, accountA, allowed},
		{"nobody, AWS", Principal{}, "", "", "", nil, nameAllAWS, accountA, allowed},
		{"nobody, account named", Principal{}, "", "", "", nil, nameAccount, accountA, resource},
		{"service named", aSvc, "", "", "", nil, `{"Service":["s3.amazonaws.com","cloudtrail.amazonaws.com"]}`, accountA, allowed},
		{"service, AWS named", aSvc, "", "", "", nil, nameAllAWS, accountA, resource},
		{"provider named", aWeb, "", "", "", nil, `{"Federated":"accounts.google.com"}`, accountA, allowed},
		{"another provider", aWeb, "", "", "", nil, `{"Federated":"www.amazon.com"}`, accountA, resource},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Request{Principal: c.who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: c.owner,
				Identity: says(t, c.identity), HasSession: c.session != "", Session: says(t, c.session), ResourcePolicy: resourceFor(t, "Allow", c.resource)}
			if c.boundary != "" {
				all := says(t, c.boundary)
				r.Boundary = &all[len(all)-1]
			}
			for _, level := range c.scp {
				r.ServiceControl = append(r.ServiceControl, says(t, level))
			}
			d := Evaluate(r)
			if d.Reason() != c.want || d.Allowed() != (c.want == allowed) {
				t.Errorf("got %s %q, want %q\n%s", d.Outcome, d.Reason(), c.want, d.Explain())
			}
		})
	}
}

func TestDenyInResourcePolicy(t *testing.T) {
	const denied = "with an explicit deny in a resource-based policy"
	userAndAccount := `{"AWS":["arn:aws:iam::111122223333:user/x/carol","111122223333"]}`
	sessionWhole := `{"AWS":["arn:aws:sts::111122223333:assumed-role/r/s","arn:aws:iam::111122223333:role/p/r","arn:aws:iam::111122223333:root"]}`
	for _, c := range []struct {
		name, element, principal string
		who                      Principal
		bounded                  bool
		want                     string
	}{
		{"user", "Principal", nameUser, aUser, false, denied},
		{"another", "Principal", nameRole, aUser, false, ""},
		{"account", "Principal", nameAccount, aUser, false, denied},
		{"role", "Principal", nameRole, aRole, false, denied},
		{"everybody", "Principal", nameAll, aRoot, false, denied},
		{"root by account", "Principal", nameAccount, aRoot, false, denied},
		{"but user and account", "NotPrincipal", userAndAccount, aUser, false, ""},
		{"but user and account, with a boundary", "NotPrincipal", userAndAccount, aUser, true, denied},
		{"but user alone", "NotPrincipal", nameUser, aUser, false, denied},
		{"but account alone", "NotPrincipal", nameAccount, aUser, false, denied},
		{"but session, role and account", "NotPrincipal", sessionWhole, aRole, false, ""},
		{"but session", "NotPrincipal", nameSession, aRole, false, denied},
		{"but root", "NotPrincipal", nameRoot, aRoot, false, ""},
		{"but everybody", "NotPrincipal", nameAll, aUser, false, ""},
		{"but everybody with AWS", "NotPrincipal", nameAllAWS, aUser, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bucket := inline(t, fmt.Sprintf(`"Effect":"Deny",%q:%s,"Action":"*","Resource":"*"`, c.element, c.principal))
			r := &Request{Principal: c.who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Identity: says(t, "allow"), ResourcePolicy: &bucket}
			if c.bounded {
				r.Boundary = &says(t, "allow")[0]
			}
			if d := Evaluate(r); d.Reason() != c.want {
				t.Errorf("got %s %q, want %q\n%s", d.Outcome, d.Reason(), c.want, d.Explain())
			}
		})
	}
}

func TestNotPrincipalWithAllow(t *testing.T) {
	for principal, want := range map[string]bool{nameUser: false, nameAccount: false, nameRole: true, nameAll: false} {
		bucket := inline(t, fmt.Sprintf(`"Effect":"Allow","NotPrincipal":%s,"Action":"*","Resource":"*"`, principal))
		d := Evaluate(&Request{Principal: aUser, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourcePolicy: &bucket})
		if d.Allowed() != want {
			t.Errorf("all but %s: %s", principal, d.Outcome)
		}
	}
}

func TestCanonicalUserIsAnAccount(t *testing.T) {
	bucket := resourceFor(t, "Allow", `{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`)
	who := aUser
	who.CanonicalID = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
	r := &Request{Principal: who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: accountB, Identity: says(t, "allow"), ResourcePolicy: bucket}
	if d := Evaluate(r); !d.Allowed() {
		t.Errorf("with its own account's word: %s %s", d.Outcome, d.Reason())
	}
	r.Identity = nil
	if d := Evaluate(r); d.Allowed() {
		t.Error("allowed without its own account's word")
	}
}

func TestTrustPolicies(t *testing.T) {
	const (
		trustNo    = "because no role trust policy allows the sts:AssumeRole action"
		identityNo = "because no identity-based policy allows the sts:AssumeRole action"
	)
	assume := []Named{inline(t, `"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"`)}
	for _, c := range []struct {
		name, principal string
		who             Principal
		identity        []Named
		owner           string
		want            string
	}{
		{"user named suffices", nameUser, aUser, nil, accountA, ""},
		{"account named doesn't", nameAccount, aUser, nil, accountA, identityNo},
		{"account named, identity allows", nameAccount, aUser, assume, accountA, ""},
		{"not named, identity allows", nameRole, aUser, assume, accountA, trustNo},
		{"role named suffices", nameRole, aRole, nil, accountA, ""},
		{"role named, across accounts", nameRole, aRole, nil, accountB, identityNo},
		{"role named, across accounts, identity allows", nameRole, aRole, assume, accountB, ""},
		{"everybody named, across accounts", nameAll, aUser, nil, accountB, identityNo},
		{"service named", `{"Service":"cloudtrail.amazonaws.com"}`, aSvc, nil, accountA, ""},
		{"service not named", nameAllAWS, aSvc, nil, accountA, trustNo},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := inline(t, fmt.Sprintf(`"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"`, c.principal))
			r := &Request{Principal: c.who, Action: "sts:AssumeRole", Resource: crossAccountRole, ResourceAccount: c.owner,
				Identity: c.identity, ResourcePolicy: &trust, Trust: true}
			if d := Evaluate(r); d.Reason() != c.want {
				t.Errorf("got %s %q, want %q\n%s", d.Outcome, d.Reason(), c.want, d.Explain())
			}
			r.ResourcePolicy = nil
			if d := Evaluate(r); d.Allowed() {
				t.Error("allowed without a trust policy")
			}
			denied := inline(t, `"Effect":"Deny","Principal":"*","Action":"sts:*"`)
			r.ResourcePolicy = &denied
			if d := Evaluate(r); d.Reason() != "with an explicit deny in the role trust policy" {
				t.Errorf("denied: %q", d.Reason())
			}
		})
	}
}

func TestAlwaysAllowed(t *testing.T) {
	for action, want := range map[string]bool{"sts:GetCallerIdentity": true, "STS:getsessiontoken": true, "sts:AssumeRole": false} {
		d := Evaluate(&Request{Principal: aUser, Action: action, Resource: "*", Identity: []Named{inline(t, `"Effect":"Deny","Action":"*","Resource":"*"`)}})
		if d.Allowed() != want || alwaysAllowed(action) != want {
			t.Errorf("%s: %s", action, d.Outcome)
		}
	}
}

func TestDecisionNamesItsStatement(t *testing.T) {
	p := Named{Name: "arn:aws:iam::111122223333:policy/p", Document: mustParse(t, `{"Statement":[
		{"Effect":"Allow","Action":"iam:*","Resource":"*"},
		{"Sid":"S3","Effect":"Allow","Action":"s3:*","Resource":"*"},
		{"Sid":"NoDelete","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}`)}
	for action, want := range map[string]Decision{
		"s3:GetObject":     {Outcome: Allow, By: IdentityBased, Policy: p.Name, Statement: 1, Sid: "S3"},
		"s3:DeleteObject":  {Outcome: ExplicitDeny, By: IdentityBased, Policy: p.Name, Statement: 2, Sid: "NoDelete"},
		"ec2:RunInstances": {Outcome: ImplicitDeny, By: IdentityBased, Statement: -1},
	} {
		d := Evaluate(&Request{Principal: aUser, Action: action, Resource: "*", Identity: []Named{{Name: "gone"}, p}})
		want.request = d.request
		if d != want {
			t.Errorf("%s: %+v", action, d)
		}
	}
	d := Evaluate(&Request{Principal: aRoot, Action: "s3:GetObject", Resource: "*"})
	if !d.Allowed() || d.By != NoPolicy || d.Statement != -1 {
		t.Errorf("root: %+v", d)
	}
	if zero := (Decision{}); zero.Allowed() || zero.Reason() != "" || len(zero.Explain().Policies) != 0 {
		t.Errorf("the zero decision says %+v", zero)
	}
}
