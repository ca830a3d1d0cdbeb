package local_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// federate asks for a federated user's session with all rights of who asks.
func (l *lab) federate(k keys, name string, change ...func(*sts.GetFederationTokenInput)) (keys, error) {
	in := &sts.GetFederationTokenInput{Name: &name, Policy: aws.String(allowAll)}
	for _, f := range change {
		f(in)
	}
	out, err := l.sts(k).GetFederationToken(l.t.Context(), in)
	if err != nil {
		return keys{}, err
	}
	return temporary(out.Credentials), nil
}

func TestWhatGetFederationTokenGives(t *testing.T) {
	l := newLab(t, rolesWorld)
	out, err := l.sts(longTerm("ann")).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("fed"), DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:sts::111122223333:federated-user/fed"
	if u := out.FederatedUser; *u.Arn != arn || *u.FederatedUserId != account+":fed" {
		t.Errorf("got %s, %s", *u.Arn, *u.FederatedUserId)
	}
	// the SDK calls the element old: it is looked for on the wire
	_, text := l.send("POST", "/", formType, "Action=GetFederationToken&Version=2011-06-15&Name=fed", signing{keys: longTerm("ann"), service: "sts"})
	if !strings.Contains(text, "<PackedPolicySize>0</PackedPolicySize>") {
		t.Errorf("got %s", text)
	}
	if !out.Credentials.Expiration.Equal(start.Add(15 * time.Minute)) {
		t.Errorf("until %v", out.Credentials.Expiration)
	}
	id, err := l.sts(temporary(out.Credentials)).GetCallerIdentity(t.Context(), nil)
	if err != nil || *id.Arn != arn || *id.UserId != account+":fed" || *id.Account != account {
		t.Errorf("got %+v, %v", id, err)
	}
	root, err := l.sts(longTerm("root")).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("fed"), DurationSeconds: aws.Int32(129600)})
	if err != nil || !root.Credentials.Expiration.Equal(start.Add(time.Hour)) {
		t.Errorf("a root user's: %+v, %v", root, err)
	}
	_, err = l.federate(longTerm("ben"), "fed")
	l.want("without permission", err, verdict{403, "AccessDenied", "User: " + benARN + " is not authorized to perform: sts:GetFederationToken on resource: " + arn +
		" because no identity-based policy allows the sts:GetFederationToken action"})
	_, err = l.federate(longTerm("ann"), "f")
	l.want("a short name", err, verdict{400, "ValidationError", "1 validation error detected: Value 'f' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2"})
	_, err = l.federate(longTerm("ann"), "fed", func(in *sts.GetFederationTokenInput) { in.Policy = aws.String("{" + strings.Repeat(" ", 2048)) })
	if got := verdictOf(err); got.code != "ValidationError" || !strings.HasSuffix(got.message, "Member must have length less than or equal to 2048") {
		t.Errorf("a long policy: %+v", got)
	}
}

// TestAFederatedUsersRights are those that caller and session policy share, and
// it never has MFA: an MFA condition keeps it out.
func TestAFederatedUsersRights(t *testing.T) {
	l := newLab(t, rolesWorld)
	describe := func(k keys) verdict {
		resp, text := l.send("POST", "/", formType, "Action=ListQueues&Version=2012-11-05", signing{keys: k, service: "sqs"})
		return verdict{status: resp.StatusCode, code: text}
	}
	stsOnly := l.must(l.federate(longTerm("ann"), "fed"))
	if got := describe(stsOnly); got.status != 403 || !strings.Contains(got.code, "User: arn:aws:sts::111122223333:federated-user/fed is not authorized to perform: sqs:ListQueues on resource: * because no identity-based policy") {
		t.Errorf("what ann can't: %+v", got)
	}
	if got := describe(l.must(l.federate(longTerm("root"), "fed"))); got.status != 501 {
		t.Errorf("what root can: %+v", got)
	}
	if got := describe(l.must(l.federate(longTerm("root"), "fed", func(in *sts.GetFederationTokenInput) { in.Policy = nil }))); got.status != 403 || !strings.Contains(got.code, "because no session policy allows") {
		t.Errorf("without a session policy: %+v", got)
	}
	const withMFA = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`
	if got := describe(l.must(l.federate(longTerm("root"), "fed", func(in *sts.GetFederationTokenInput) { in.Policy = aws.String(withMFA) }))); got.status != 403 {
		t.Errorf("what asks for MFA: %+v", got)
	}
}

func TestGetAccessKeyInfo(t *testing.T) {
	l := newLab(t, rolesWorld)
	ann := longTerm("ann")
	session := l.must(l.assume(ann, role("team/Plain")))
	denied := verdict{403, "AccessDenied", "User: " + benARN + " is not authorized to perform: sts:GetAccessKeyInfo on resource: * because no identity-based policy allows the sts:GetAccessKeyInfo action"}
	for _, c := range []struct {
		name, id string
		by       keys
		want     verdict
	}{
		{"long-term", longTerm("ben").id, ann, ok},
		{"a root user's", longTerm("root").id, session, ok},
		{"a session's", session.id, ann, ok},
		{"nobody's", "AKIAIOSFODNN7EXAMPLE", ann, verdict{400, "ValidationError", "Invalid access key: AKIAIOSFODNN7EXAMPLE"}},
		{"a session's of an account that isn't there", "ASIAQNZGKIQY56JQ7WML", ann, verdict{400, "ValidationError", "Invalid access key: ASIAQNZGKIQY56JQ7WML"}},
		{"short", "AKIA", ann, verdict{400, "ValidationError", "1 validation error detected: Value 'AKIA' at 'accessKeyId' failed to satisfy constraint: Member must have length greater than or equal to 16"}},
		{"without permission", session.id, longTerm("ben"), denied},
	} {
		out, err := l.sts(c.by).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String(c.id)})
		l.want(c.name, err, c.want)
		if err == nil && *out.Account != account {
			t.Errorf("%s: of %s", c.name, *out.Account)
		}
	}
}

// tagged asks for tags, those in transitive transitive.
func tagged(transitive []string, pairs ...string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) {
		in.TransitiveTagKeys = transitive
		for i := 0; i < len(pairs); i += 2 {
			in.Tags = append(in.Tags, ststypes.Tag{Key: &pairs[i], Value: &pairs[i+1]})
		}
	}
}

func as(identity string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.SourceIdentity = &identity }
}

// tagsWorld has roles that trust with tags and source identities.
const tagsWorld = `
accounts:
- id: "111122223333"
  users:
  - name: ann
    access_keys: [{id: AKIAANN0000000000000, secret: secret-of-ann}]
    policies: [{name: p, document: &all {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}}]
  roles:
  - name: First
    policies: [{name: p, document: *all}]
    trust: &trust {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}}
  - {name: Second, trust: *trust, policies: [{name: p, document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "iam:GetUser", Resource: "*", Condition: {StringEquals: {"aws:PrincipalTag/Team": red, "aws:SourceIdentity": alice}}}]}}]}
  - {name: Bare, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole"}}}
  - {name: Picky, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
     Condition: {StringEqualsIfExists: {"aws:RequestTag/team": red, "sts:SourceIdentity": alice}, "ForAllValues:StringEquals": {"aws:TagKeys": [team, project], "sts:TransitiveTagKeys": [team]}}}}}
`

func TestSessionTags(t *testing.T) {
	l := newLab(t, tagsWorld)
	ann := longTerm("ann")
	invalid := func(message string) verdict { return verdict{400, "InvalidParameterValue", message} }
	denied := func(action, name string) verdict {
		return verdict{403, "AccessDenied", "User: " + annARN + " is not authorized to perform: " + action + " on resource: " + role(name)}
	}
	many := make([]string, 0, 102)
	for i := range 51 {
		many = append(many, fmt.Sprint("k", i), "v")
	}
	for _, c := range []struct {
		name, role string
		change     func(*sts.AssumeRoleInput)
		want       verdict
	}{
		{"tags", "First", tagged(nil, "team", "red", "empty", ""), ok},
		{"as the trust wants them", "Picky", tagged([]string{"TEAM"}, "team", "red"), ok},
		{"another value", "Picky", tagged(nil, "team", "blue"), denied("sts:AssumeRole", "Picky")},
		{"another key", "Picky", tagged(nil, "team", "red", "x", "y"), denied("sts:AssumeRole", "Picky")},
		{"another transitive", "Picky", tagged([]string{"project"}, "team", "red", "project", "p"), denied("sts:AssumeRole", "Picky")},
		{"not trusted with tags", "Bare", tagged(nil, "team", "red"), denied("sts:TagSession", "Bare")},
		{"a key twice", "First", tagged(nil, "team", "red", "Team", "blue"), invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")},
		{"transitive without a tag", "First", tagged([]string{"project"}, "team", "red"), invalid("The specified transitive tag key must be included in the requested tags.")},
		{"51 tags", "First", tagged(nil, many...), verdict{400, "ValidationError", "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"}},
		{"50 tags", "First", tagged(nil, many[:100]...), ok},
		{"a key that can't be", "First", tagged(nil, "a?", "v"), verdict{400, "ValidationError", `1 validation error detected: Value 'a?' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`}},
		{"a source identity", "Picky", as("alice"), ok},
		{"another", "Picky", as("bob"), denied("sts:AssumeRole", "Picky")},
		{"not trusted with one", "Bare", as("alice"), denied("sts:SetSourceIdentity", "Bare")},
		{"AWS's own", "First", as("aws:alice"), verdict{400, "ValidationError", `1 validation error detected: Value 'aws:alice' at 'sourceIdentity' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`}},
	} {
		_, err := l.assume(ann, role(c.role), c.change)
		l.want(c.name, err, c.want)
	}
}

// TestAChainHandsOn transitive tags and the source identity, and nothing else.
func TestAChainHandsOn(t *testing.T) {
	l := newLab(t, tagsWorld)
	first := l.must(l.assume(longTerm("ann"), role("First"), tagged([]string{"team"}, "team", "red", "project", "p"), as("alice")))
	second := l.must(l.assume(first, role("Second")))
	get := &iam.GetUserInput{UserName: aws.String("ann")}
	_, err := l.iam(second).GetUser(t.Context(), get)
	l.want("tag and identity of the first", err, ok)
	loose := l.must(l.assume(longTerm("ann"), role("First"), tagged(nil, "team", "red"), as("alice")))
	_, err = l.iam(l.must(l.assume(loose, role("Second")))).GetUser(t.Context(), get)
	if got := verdictOf(err); got.code != "AccessDenied" {
		t.Errorf("a tag that isn't transitive: %+v", got)
	}
	_, err = l.assume(first, role("Second"), tagged(nil, "Team", "blue"))
	l.want("the tag again", err, verdict{400, "InvalidParameterValue",
		"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."})
	_, err = l.assume(first, role("Second"), as("bob"))
	l.want("another identity", err, verdict{403, "AccessDenied", "The source identity of the calling session can't be changed."})
	_, err = l.assume(first, role("Bare"))
	l.want("a role not trusted with what is handed on", err, verdict{403, "AccessDenied",
		"User: arn:aws:sts::111122223333:assumed-role/First/me is not authorized to perform: sts:TagSession on resource: " + role("Bare")})
	out, err := l.sts(longTerm("ann")).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(role("First")), RoleSessionName: aws.String("me"), SourceIdentity: aws.String("alice")})
	if err != nil || *out.SourceIdentity != "alice" {
		t.Errorf("got %+v, %v", out, err)
	}
}

// TestDecodeAuthorizationMessage opens why EC2 refused: the statement, its
// policy and the condition that failed, and on which value.
func TestDecodeAuthorizationMessage(t *testing.T) {
	l := newLab(t, ec2World)
	carol := longTerm("carol")
	session := l.must(l.session(carol, "", ""))
	_, text := l.send("POST", "/", formType, stopInstances, signing{keys: session, service: "ec2"})
	_, rest, found := strings.Cut(text, "Encoded authorization failure message: ")
	encoded, _, _ := strings.Cut(rest, "<")
	if !found || len(encoded) > 10240 {
		t.Fatalf("got %s", text)
	}
	decode := func(k keys, message string) (string, error) {
		out, err := l.sts(k).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &message})
		if err != nil {
			return "", err
		}
		return *out.DecodedMessage, nil
	}
	decoded, err := decode(longTerm("admin"), encoded)
	l.want("an administrator", err, ok)
	var got any
	if err := json.Unmarshal([]byte(decoded), &got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"allowed":false`, `"explicitDeny":false`, `"action":"ec2:StopInstances"`, `"arn":"arn:aws:iam::111122223333:user/carol"`,
		`"resource":"arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0"`, `"policy":"group EC2-Admins policy mfa"`, `"mismatch":"condition"`,
		`"key":"aws:MultiFactorAuthPresent","want":["true"],"present":true,"got":["false"],"matched":false`} {
		if !strings.Contains(decoded, want) {
			t.Errorf("%s is missing in %s", want, decoded)
		}
	}
	_, err = decode(carol, encoded)
	l.want("who may not", err, verdict{403, "AccessDenied", "User: arn:aws:iam::111122223333:user/carol is not authorized to perform: sts:DecodeAuthorizationMessage on resource: * because no identity-based policy allows the sts:DecodeAuthorizationMessage action"})
	_, err = decode(longTerm("other"), encoded)
	l.want("another account's administrator", err, verdict{400, "InvalidAuthorizationMessageException", "Message is not valid"})
	spoilt := []byte(encoded)
	spoilt[len(spoilt)/2] ^= 1
	for _, bad := range []string{string(spoilt), "x", session.token} {
		_, err = decode(longTerm("admin"), bad)
		l.want("another message", err, verdict{400, "InvalidAuthorizationMessageException", "Message is not valid"})
	}
}
