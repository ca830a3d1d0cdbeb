package local_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/fob-auth/fob/sts/local"
)

// rolesWorld has a user "ann" with a device who may assume anything, "ben" who
// may nothing, and roles that trust in different ways.
const rolesWorld = `
accounts:
- id: "111122223333"
  root:
    access_keys: [{id: AKIAROOT000000000000, secret: secret-of-root}]
    mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/root-account-mfa-device", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]
  managed_policies: [{name: Session, path: /, document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: iam:GetUser, Resource: "*"}]}}]
  users:
  - name: ann
    access_keys: [{id: AKIAANN0000000000000, secret: secret-of-ann}]
    policies: [{name: p, document: &all {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["sts:*", "iam:*"], Resource: "*"}]}}]
    mfa_devices:
    - {serial: "arn:aws:iam::111122223333:mfa/ann", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA}
    - {serial: GAHT12345678, kind: hardware, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA, adjustment: 5}
  - {name: ben, access_keys: [{id: AKIABEN0000000000000, secret: secret-of-ben}]}
  roles:
  - {name: Plain, path: /team/, max_session_seconds: 7200, policies: [{name: p, document: *all}],
     trust: &account {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole"}}}
  - {name: Other, trust: *account}
  - {name: Fresh, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole", Condition: {Bool: {"aws:MultiFactorAuthPresent": "true"}, NumericLessThan: {"aws:MultiFactorAuthAge": "300"}}}}}
  - {name: Ben, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:user/ben"}, Action: "sts:AssumeRole"}}}
  - {name: Nobody, trust: {}}
- id: "444455556666"
  roles:
  - {name: External, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:root"}, Action: "sts:AssumeRole", Condition: {StringEquals: {"sts:ExternalId": "ext 1", "sts:RoleSessionName": "me"}}}}}
- id: "777788889999"
  partition: aws-cn
  roles: [{name: China, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: "*", Action: "sts:AssumeRole"}}}]
`

const annSerial, annSeed = "arn:aws:iam::111122223333:mfa/ann", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA"

func role(name string) string { return "arn:aws:iam::111122223333:role/" + name }

func (l *lab) assume(k keys, arn string, change ...func(*sts.AssumeRoleInput)) (keys, error) {
	in := &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("me")}
	for _, f := range change {
		f(in)
	}
	out, err := l.sts(k).AssumeRole(l.t.Context(), in)
	if err != nil {
		return keys{}, err
	}
	return temporary(out.Credentials), nil
}

func withCode(serial, code string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.SerialNumber, in.TokenCode = &serial, &code }
}

func lasting(seconds int32) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.DurationSeconds = &seconds }
}

func notAuthorized(caller, arn string) verdict {
	return verdict{403, "AccessDenied", "User: " + caller + " is not authorized to perform: sts:AssumeRole on resource: " + arn}
}

const annARN, benARN = "arn:aws:iam::111122223333:user/ann", "arn:aws:iam::111122223333:user/ben"

func TestWhoMayAssume(t *testing.T) {
	l := newLab(t, rolesWorld)
	ann, ben := longTerm("ann"), longTerm("ben")
	external := func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("ext-1") }
	for _, c := range []struct {
		name   string
		by     keys
		role   string
		change func(*sts.AssumeRoleInput)
		want   verdict
	}{
		{"trusted and allowed", ann, role("team/Plain"), nil, ok},
		{"the path is part of the name", ann, role("Plain"), nil, notAuthorized(annARN, role("Plain"))},
		{"trusted by account, not allowed", ben, role("team/Plain"), nil, notAuthorized(benARN, role("team/Plain"))},
		{"trusted by name, not allowed", ben, role("Ben"), nil, ok},
		{"allowed, not trusted", ann, role("Ben"), nil, notAuthorized(annARN, role("Ben"))},
		{"an empty trust", ann, role("Nobody"), nil, notAuthorized(annARN, role("Nobody"))},
		{"no such role", ann, role("Nowhere"), nil, notAuthorized(annARN, role("Nowhere"))},
		{"no such account", ann, "arn:aws:iam::000000000000:role/x", nil, notAuthorized(annARN, "arn:aws:iam::000000000000:role/x")},
		{"not a role", ann, "arn:aws:iam::111122223333:user/ann", nil, notAuthorized(annARN, "arn:aws:iam::111122223333:user/ann")},
		{"another partition", ann, "arn:aws-cn:iam::777788889999:role/China", nil, notAuthorized(annARN, "arn:aws-cn:iam::777788889999:role/China")},
		{"across accounts, no external id", ann, "arn:aws:iam::444455556666:role/External", nil, notAuthorized(annARN, "arn:aws:iam::444455556666:role/External")},
		{"across accounts, another one", ann, "arn:aws:iam::444455556666:role/External", external, notAuthorized(annARN, "arn:aws:iam::444455556666:role/External")},
		{"not an ARN", ann, "nothing-valid-in-here", nil, verdict{400, "ValidationError", "nothing-valid-in-here is invalid"}},
		{"root", longTerm("root"), role("team/Plain"), nil, verdict{403, "AccessDenied", "Roles may not be assumed by root accounts."}},
		{"two constraints", ann, role("team/Plain"), func(in *sts.AssumeRoleInput) {
			in.RoleSessionName, in.DurationSeconds = aws.String("a b"), aws.Int32(43201)
		}, verdict{400, "ValidationError", `2 validation errors detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*; ` +
			"Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"}},
	} {
		change := c.change
		if change == nil {
			change = func(*sts.AssumeRoleInput) {}
		}
		_, err := l.assume(c.by, c.role, change)
		l.want(c.name, err, c.want)
	}
}

func TestExternalID(t *testing.T) {
	l := newLab(t, strings.Replace(rolesWorld, "ext 1", "ext-1", 1))
	const arn = "arn:aws:iam::444455556666:role/External"
	k, err := l.assume(longTerm("ann"), arn, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("ext-1") })
	l.want("the right one", err, ok)
	out, err := l.sts(k).GetCallerIdentity(t.Context(), nil)
	if err != nil || *out.Arn != "arn:aws:sts::444455556666:assumed-role/External/me" || *out.Account != "444455556666" {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = l.assume(longTerm("ann"), arn, func(in *sts.AssumeRoleInput) {
		in.ExternalId, in.RoleSessionName = aws.String("ext-1"), aws.String("you")
	})
	l.want("another session name", err, notAuthorized(annARN, arn))
}

func TestWhatAssumeRoleGives(t *testing.T) {
	l := newLab(t, rolesWorld)
	out, err := l.sts(longTerm("ann")).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(role("team/Plain")), RoleSessionName: aws.String("me")})
	if err != nil {
		t.Fatal(err)
	}
	u := out.AssumedRoleUser
	if *u.Arn != "arn:aws:sts::111122223333:assumed-role/Plain/me" || !strings.HasPrefix(*u.AssumedRoleId, "AROA") || !strings.HasSuffix(*u.AssumedRoleId, ":me") {
		t.Errorf("got %s, %s", *u.Arn, *u.AssumedRoleId)
	}
	if out.SourceIdentity != nil {
		t.Error("more than was asked for")
	}
	if c := out.Credentials; !strings.HasPrefix(*c.AccessKeyId, "ASIA") || len(*c.AccessKeyId) != 20 || len(*c.SecretAccessKey) != 40 || !c.Expiration.Equal(start.Add(time.Hour)) {
		t.Errorf("got %s, a secret of %d, until %v", *c.AccessKeyId, len(*c.SecretAccessKey), c.Expiration)
	}
	id, err := l.sts(temporary(out.Credentials)).GetCallerIdentity(t.Context(), nil)
	if err != nil || *id.Arn != *u.Arn || *id.UserId != *u.AssumedRoleId || *id.Account != account {
		t.Errorf("got %+v, %v", id, err)
	}
}

func TestDurations(t *testing.T) {
	l := newLab(t, rolesWorld)
	ann := longTerm("ann")
	session := l.must(l.session(ann, annSerial, l.Code(annSeed, 0)))
	chained := verdict{400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."}
	tooLong := verdict{400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."}
	roleSession := l.must(l.assume(ann, role("team/Plain")))
	for _, c := range []struct {
		name    string
		by      keys
		role    string
		seconds int32
		want    verdict
	}{
		{"the role's maximum", ann, "team/Plain", 7200, ok},
		{"more", ann, "team/Plain", 7201, tooLong},
		{"more than the default maximum", ann, "Other", 3601, tooLong},
		{"a session's hour", session, "team/Plain", 3600, ok},
		{"more for a session", session, "team/Plain", 3601, chained},
		{"a role session's hour", roleSession, "Other", 3600, ok},
		{"more for a role session", roleSession, "team/Plain", 3601, chained},
	} {
		_, err := l.assume(c.by, role(c.role), lasting(c.seconds))
		l.want(c.name, err, c.want)
	}
	root, err := l.sts(longTerm("root")).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(7200)})
	if err != nil || !root.Credentials.Expiration.Equal(start.Add(time.Hour)) {
		t.Errorf("a root user's two hours: %+v, %v", root, err)
	}
	user, err := l.sts(ann).GetSessionToken(t.Context(), nil)
	if err != nil || !user.Credentials.Expiration.Equal(start.Add(12*time.Hour)) {
		t.Errorf("the default: %+v, %v", user, err)
	}
}

func TestExpiry(t *testing.T) {
	l := newLab(t, rolesWorld)
	session := l.must(l.session(longTerm("ann"), annSerial, l.Code(annSeed, 0)))
	l.Advance(12*time.Hour - time.Second)
	_, err := l.sts(session).GetCallerIdentity(t.Context(), nil)
	l.want("its last second", err, ok)
	l.Advance(time.Second)
	expired := verdict{403, "ExpiredToken", "The security token included in the request is expired"}
	_, err = l.sts(session).GetCallerIdentity(t.Context(), nil)
	l.want("STS after it", err, expired)
	_, err = l.iam(session).GetUser(t.Context(), nil)
	l.want("IAM after it", err, expired)
}

// TestCredentials is table 5.4 of what each credential may call.
func TestCredentials(t *testing.T) {
	l := newLab(t, rolesWorld)
	ann := longTerm("ann")
	withMFA := l.must(l.session(ann, annSerial, l.Code(annSeed, 0)))
	without := l.must(l.session(ann, "", ""))
	roleSession := l.must(l.assume(ann, role("team/Plain")))
	forged := withMFA
	forged.id = without.id
	invalidSTS := verdict{403, "InvalidClientTokenId", "The security token included in the request is invalid."}
	invalidIAM := verdict{403, "InvalidClientTokenId", "The security token included in the request is invalid"}
	noSession := verdict{403, "AccessDenied", "Cannot call GetSessionToken with session credentials"}
	noAssume := verdict{403, "AccessDenied", "Cannot call AssumeRole with session credentials"}
	noFederation := verdict{403, "AccessDenied", "Cannot call GetFederationToken with session credentials"}
	for _, c := range []struct {
		name                                   string
		by                                     keys
		user, identity, assume, session, token verdict
	}{
		{"long-term", ann, ok, ok, ok, ok, ok},
		{"session with MFA", withMFA, ok, ok, ok, noSession, noFederation},
		{"session without", without, invalidIAM, ok, ok, noSession, noFederation},
		{"role session", roleSession, ok, ok, ok, noSession, noFederation},
		{"federated user", l.must(l.federate(ann, "fed")), invalidIAM, ok, noAssume, noSession, noFederation},
		{"unknown key", keys{id: "AKIANOBODY0000000000", secret: "x"}, invalidIAM, invalidSTS, invalidSTS, invalidSTS, invalidSTS},
		{"session key without its token", keys{id: withMFA.id, secret: withMFA.secret}, invalidIAM, invalidSTS, invalidSTS, invalidSTS, invalidSTS},
		{"long-term key with a token", keys{id: ann.id, secret: ann.secret, token: withMFA.token}, invalidIAM, invalidSTS, invalidSTS, invalidSTS, invalidSTS},
		{"another session's key", forged, invalidIAM, invalidSTS, invalidSTS, invalidSTS, invalidSTS},
	} {
		_, err := l.iam(c.by).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("ann")})
		l.want(c.name+": IAM", err, c.user)
		_, err = l.sts(c.by).GetCallerIdentity(t.Context(), nil)
		l.want(c.name+": GetCallerIdentity", err, c.identity)
		_, err = l.assume(c.by, role("Other"))
		l.want(c.name+": AssumeRole", err, c.assume)
		_, err = l.session(c.by, "", "")
		l.want(c.name+": GetSessionToken", err, c.session)
		_, err = l.sts(c.by).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("fed")})
		l.want(c.name+": GetFederationToken", err, c.token)
	}
}

// TestMFAOfAssumeRole: the code counts for the trust decision of the call.
func TestMFAOfAssumeRole(t *testing.T) {
	l := newLab(t, rolesWorld)
	ann := longTerm("ann")
	denied := notAuthorized(annARN, role("Fresh"))
	_, err := l.assume(ann, role("Fresh"))
	l.want("without a code", err, denied)
	_, err = l.assume(ann, role("Fresh"), withCode(annSerial, "000000"))
	l.want("with a wrong code", err, badCode)
	_, err = l.assume(ann, role("team/Plain"), withCode(annSerial, "000000"))
	l.want("with a wrong code that nobody asks for", err, badCode)
	_, err = l.assume(ann, role("Fresh"), withCode(annSerial, l.Code(annSeed, 0)))
	l.want("with a code", err, ok)
	_, err = l.assume(ann, role("Nobody"), withCode(annSerial, l.Code(annSeed, 1)))
	l.want("a good code for a role that denies", err, notAuthorized(annARN, role("Nobody")))
	_, err = l.assume(ann, role("Fresh"), withCode(annSerial, l.Code(annSeed, 1)))
	l.want("which is spent", err, badCode)
	roleSession := l.must(l.assume(ann, role("team/Plain")))
	_, err = l.assume(roleSession, role("Fresh"), withCode(annSerial, l.Code(annSeed, 2)))
	l.want("a role has no device", err, badDevice)
	_, err = l.assume(longTerm("ben"), role("Ben"), withCode(annSerial, l.Code(annSeed, 2)))
	l.want("somebody else's device", err, badDevice)

	session := l.must(l.session(ann, annSerial, l.Code(annSeed, 2)))
	_, err = l.assume(session, role("Fresh"))
	l.want("the session's MFA", err, ok)
	l.Advance(300 * time.Second)
	_, err = l.assume(session, role("Fresh"))
	l.want("300 s later", err, denied)
	_, err = l.assume(session, role("Fresh"), withCode(annSerial, l.Code(annSeed, 0)))
	l.want("a session with a code of its own", err, ok)
	_, err = l.assume(ann, role("Fresh"), withCode("GAHT12345678", l.Code(annSeed, 4)))
	l.want("the fob of the same seed, with its adjustment", err, ok)
}

func TestRootsMFA(t *testing.T) {
	l := newLab(t, rolesWorld)
	_, err := l.session(longTerm("root"), "arn:aws:iam::111122223333:mfa/root-account-mfa-device", l.Code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 0))
	l.want("root", err, ok)
}

func TestSessionPolicies(t *testing.T) {
	l := newLab(t, rolesWorld)
	ann := longTerm("ann")
	inline := func(document string) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) { in.Policy = &document }
	}
	managed := func(arns ...string) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) {
			for _, arn := range arns {
				in.PolicyArns = append(in.PolicyArns, ststypes.PolicyDescriptorType{Arn: aws.String(arn)})
			}
		}
	}
	const getUser = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}]}`
	const session = "arn:aws:sts::111122223333:assumed-role/Plain/me"
	denied := verdict{403, "AccessDenied", "User: " + session + " is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::111122223333:user/ because no session policy allows the iam:ListUsers action"}
	for name, change := range map[string]func(*sts.AssumeRoleInput){
		"inline": inline(getUser), "managed": managed("arn:aws:iam::111122223333:policy/Session"),
	} {
		k := l.must(l.assume(ann, role("team/Plain"), change))
		_, err := l.iam(k).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("ann")})
		l.want(name+": what it allows", err, ok)
		_, err = l.iam(k).ListUsers(t.Context(), nil)
		l.want(name+": what it doesn't", err, denied)
	}
	for name, c := range map[string]struct {
		change func(*sts.AssumeRoleInput)
		want   verdict
	}{
		"no JSON":         {inline("{"), verdict{400, "MalformedPolicyDocument", "This policy contains invalid Json"}},
		"no such policy":  {managed("arn:aws:iam::111122223333:policy/Nothing"), verdict{404, "NoSuchEntity", "Policy arn:aws:iam::111122223333:policy/Nothing was not found."}},
		"too large":       {inline(fmt.Sprintf(`{"Version":"2012-10-17","Id":%q,"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, strings.Repeat("x", 2048))), verdict{400, "PackedPolicyTooLarge", ""}},
		"AWS's own":       {managed("arn:aws:iam::aws:policy/ReadOnlyAccess"), ok},
		"eleven policies": {managed(strings.Split(strings.Repeat("arn:aws:iam::aws:policy/ReadOnlyAccess ", 11)[:39*11-1], " ")...), verdict{400, "ValidationError", "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10"}},
	} {
		_, err := l.assume(ann, role("team/Plain"), c.change)
		got := verdictOf(err)
		if c.want.code == "PackedPolicyTooLarge" {
			got.message = ""
		}
		if got != c.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	// the SDK calls the element old: it is looked for on the wire
	const call = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/team/Plain&RoleSessionName=me"
	_, with := l.send("POST", "/", formType, call+"&Policy="+url.QueryEscape(getUser), signing{keys: ann, service: "sts"})
	_, without := l.send("POST", "/", formType, call, signing{keys: ann, service: "sts"})
	if !strings.Contains(with, "<PackedPolicySize>5</PackedPolicySize>") || strings.Contains(without, "PackedPolicySize") {
		t.Errorf("with a policy %s\nwithout %s", with, without)
	}
}

// TestInheritance shows both sides of the switch.
func TestInheritance(t *testing.T) {
	for _, inherit := range []bool{false, true} {
		l := newLab(t, rolesWorld, func(o *local.Options) { o.InheritMFA = inherit })
		ann := longTerm("ann")
		session := l.must(l.session(ann, annSerial, l.Code(annSeed, 0)))
		chained := l.must(l.assume(session, role("team/Plain")))
		want := notAuthorized("arn:aws:sts::111122223333:assumed-role/Plain/me", role("Fresh"))
		if inherit {
			want = ok
		}
		_, err := l.assume(chained, role("Fresh"))
		l.want(fmt.Sprintf("inherit %v: a role session of an MFA session", inherit), err, want)
		own := l.must(l.assume(ann, role("team/Plain"), withCode(annSerial, l.Code(annSeed, 1))))
		_, err = l.assume(own, role("Fresh"))
		l.want(fmt.Sprintf("inherit %v: a role session of a code", inherit), err, notAuthorized("arn:aws:sts::111122223333:assumed-role/Plain/me", role("Fresh")))
	}
}
