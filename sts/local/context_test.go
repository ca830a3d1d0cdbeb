package local_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// truths are the 60 cells of the conditions that MFA policies are made of, by
// credential: a long-term key, a session without MFA, a session with MFA of
// 100 s ago, a role session whose AssumeRole carried a code, and an AssumeRole
// call that carries one.
var truths = []struct {
	condition string
	want      string // one letter for each credential
}{
	{`{"Bool": {"aws:MultiFactorAuthPresent": "true"}}`, "FFTFT"},
	{`{"Bool": {"aws:MultiFactorAuthPresent": "false"}}`, "FTFTF"},
	{`{"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}`, "TFTFT"},
	{`{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}`, "TTFTF"},
	{`{"Null": {"aws:MultiFactorAuthPresent": "true"}}`, "TFFFF"},
	{`{"Null": {"aws:MultiFactorAuthPresent": "false"}}`, "FTTTT"},
	{`{"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}`, "FFTFT"},
	{`{"NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "300"}}`, "TTTTT"},
	{`{"NumericGreaterThan": {"aws:MultiFactorAuthAge": "300"}}`, "FFFFF"},
	{`{"NumericGreaterThanIfExists": {"aws:MultiFactorAuthAge": "300"}}`, "TTFTF"},
	{`{"NumericNotEquals": {"aws:MultiFactorAuthAge": "0"}}`, "TTTTF"},
	{`{"Null": {"aws:MultiFactorAuthAge": "true"}}`, "TTFTF"},
	// the same session where its age is on the other side of 300 s
	{`{"NumericLessThan": {"aws:MultiFactorAuthAge": "100"}}`, "FFFFT"},
	{`{"NumericGreaterThan": {"aws:MultiFactorAuthAge": "99"}}`, "FFTFF"},
}

// TestTruthTable asks each condition with each credential, through the door:
// the caller's policy lets it assume a role if the condition holds.
func TestTruthTable(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "accounts:\n- id: %q\n  roles:\n", account)
	const trust = `{Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole"}}`
	fmt.Fprintf(&b, "  - {name: Probe, trust: %s}\n", trust)
	policy := func(condition string) string {
		return fmt.Sprintf(`[{name: p, document: {Version: "2012-10-17", Statement: [`+
			`{Effect: Allow, Action: "sts:AssumeRole", Resource: "arn:aws:iam::*:role/Probe", Condition: %s}, `+
			`{Effect: Allow, Action: "sts:AssumeRole", Resource: "arn:aws:iam::*:role/role*"}]}}]`, condition)
	}
	for i, row := range truths {
		fmt.Fprintf(&b, "  - {name: role%d, trust: %s, policies: %s}\n", i, trust, policy(row.condition))
	}
	b.WriteString("  users:\n")
	for i, row := range truths {
		name := fmt.Sprintf("user%c", 'a'+i)
		fmt.Fprintf(&b, "  - name: %s\n    access_keys: [{id: %s, secret: secret-of-%s}]\n    policies: %s\n", name, keyID(name), name, policy(row.condition))
		fmt.Fprintf(&b, "    mfa_devices: [{serial: %q, kind: virtual, seed: %s}]\n", virtualSerial(name), seedOf(name))
	}
	l := newLab(t, b.String())
	type credentials struct{ without, with, role keys }
	issued := make([]credentials, len(truths))
	for i := range truths {
		name := fmt.Sprintf("user%c", 'a'+i)
		k, serial, seed := longTerm(name), virtualSerial(name), seedOf(name)
		issued[i] = credentials{
			without: l.must(l.session(k, "", "")),
			with:    l.must(l.session(k, serial, l.Code(seed, 0))),
			role:    l.must(l.assume(k, role(fmt.Sprintf("role%d", i)), withCode(serial, l.Code(seed, 1)))),
		}
	}
	l.Advance(100 * time.Second)
	for i, row := range truths {
		name := fmt.Sprintf("user%c", 'a'+i)
		var got strings.Builder
		for n, k := range []keys{longTerm(name), issued[i].without, issued[i].with, issued[i].role, longTerm(name)} {
			var err error
			if n == 4 {
				_, err = l.assume(k, role("Probe"), withCode(virtualSerial(name), l.Code(seedOf(name), 0)))
			} else {
				_, err = l.assume(k, role("Probe"))
			}
			switch v := verdictOf(err); {
			case v == ok:
				got.WriteByte('T')
			case v.code == "AccessDenied" && strings.HasPrefix(v.message, "User: "):
				got.WriteByte('F')
			default:
				t.Errorf("%s, credential %d: %+v", row.condition, n, v)
			}
		}
		if got.String() != row.want {
			t.Errorf("%s: got %s, want %s", row.condition, got.String(), row.want)
		}
	}
}

// TestContextKeys asks for the other keys that the server sets, by a policy
// that allows only what it expects.
func TestContextKeys(t *testing.T) {
	for name, condition := range map[string]string{
		"user":      `{StringEquals: {"aws:username": carol, "aws:PrincipalArn": "arn:aws:iam::111122223333:user/carol", "aws:PrincipalAccount": "111122223333", "aws:PrincipalType": User}}`,
		"id":        `{StringLike: {"aws:userid": "AIDA*"}}`,
		"no token":  `{"Null": {"aws:TokenIssueTime": "true"}}`,
		"address":   `{IpAddress: {"aws:SourceIp": "127.0.0.0/8"}}`,
		"transport": `{Bool: {"aws:SecureTransport": "false", "aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false"}}`,
		"time":      `{DateEquals: {"aws:CurrentTime": "2026-09-01T12:00:10Z"}, NumericEquals: {"aws:EpochTime": "1788264010"}}`,
		"region":    `{StringEquals: {"aws:RequestedRegion": eu-west-1}}`,
		"client":    `{StringLike: {"aws:UserAgent": "aws-sdk-go-v2/*"}}`,
	} {
		l := newLab(t, fmt.Sprintf(`
accounts:
- id: "111122223333"
  users:
  - name: carol
    access_keys: [{id: %s, secret: secret-of-carol}]
    policies: [{name: p, document: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "iam:*", Resource: "*", Condition: %s}}}]
`, keyID("carol"), condition))
		_, err := l.iam(longTerm("carol")).ListUsers(t.Context(), nil)
		l.want(name, err, ok)
	}
}

// TestContextKeysOfSessions does so for sessions, of which only role sessions
// without MFA may call IAM.
func TestContextKeysOfSessions(t *testing.T) {
	const world = `
accounts:
- id: "111122223333"
  users:
  - name: carol
    access_keys: [{id: AKIACAROL00000000000, secret: secret-of-carol}]
    policies: [{name: p, document: {Version: "2012-10-17", Statement: [
      {Effect: Allow, Action: "iam:*", Resource: "*", Condition: {DateEquals: {"aws:TokenIssueTime": "2026-09-01T12:00:10Z"}, StringEquals: {"aws:username": carol}}},
      {Effect: Allow, Action: "sts:AssumeRole", Resource: "*"}]}}]
    mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]
  roles:
  - name: R
    path: /p/
    trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole"}}
    policies: [{name: p, document: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "iam:*", Resource: "*", Condition: {
      "Null": {"aws:username": "true", "aws:TokenIssueTime": "false"}, StringLike: {"aws:userid": "AROA*:me"},
      StringEquals: {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/p/R", "aws:PrincipalType": AssumedRole}}}}}]
`
	l := newLab(t, world)
	carol := longTerm("carol")
	session := l.must(l.session(carol, virtualSerial("carol"), l.Code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 0)))
	l.Advance(time.Minute)
	_, err := l.iam(session).ListUsers(t.Context(), nil)
	l.want("a user's session", err, ok)
	_, err = l.iam(l.must(l.assume(carol, role("p/R")))).ListUsers(t.Context(), nil)
	l.want("a role session", err, ok)
}
