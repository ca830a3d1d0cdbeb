package local_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// seedsWorld has the policy of AWS's posts of 2011 on carol, MFA conditions on
// queues and topics, and a root user.
const seedsWorld = `
accounts:
- id: "111122223333"
  root: {access_keys: [{id: AKIAROOT000000000000, secret: secret-of-root}]}
  users:
  - name: carol
    access_keys: [{id: AKIACAROL00000000000, secret: secret-of-carol}]
    mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA}]
    policies:
    - {name: recent, document: {Statement: [{Action: ["ec2:*"], Effect: Allow, Resource: ["*"], Condition: {NumericLessThan: {"aws:MultiFactorAuthAge": "300"}}}]}}
    - {name: present, document: {Version: "2012-10-17", Statement: [{Action: ["sqs:SendMessage", "sns:Publish"], Effect: Allow, Resource: "*", Condition: {Bool: {"aws:MultiFactorAuthPresent": "true"}}}]}}
    - {name: federate, document: {Version: "2012-10-17", Statement: [{Action: "sts:GetFederationToken", Effect: Allow, Resource: "*"}]}}
`

const (
	sendMessage = "Action=SendMessage&Version=2012-11-05&QueueUrl=http://x/111122223333/q"
	publish     = "Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:111122223333:t"
)

// status is that of a call of a service that isn't served: 501 is allowed.
func (l *lab) status(k keys, service, body string) int {
	l.t.Helper()
	resp, _ := l.send("POST", "/", formType, body, signing{keys: k, service: service})
	return resp.StatusCode
}

// TestRecentMFA is the policy of the posts: EC2 for 300 seconds after MFA.
func TestRecentMFA(t *testing.T) {
	l := newLab(t, seedsWorld)
	carol := longTerm("carol")
	without := l.must(l.session(carol, "", ""))
	with := l.must(l.session(carol, "arn:aws:iam::111122223333:mfa/carol", l.Code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA", 0)))
	for _, c := range []struct {
		name string
		by   keys
		want int
	}{{"long-term", carol, 403}, {"a session without MFA", without, 403}, {"with MFA", with, 501}} {
		if got := l.status(c.by, "ec2", stopInstances); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	l.Advance(299 * time.Second)
	if got := l.status(with, "ec2", stopInstances); got != 501 {
		t.Errorf("after 299 s: %d", got)
	}
	l.Advance(time.Second)
	if got := l.status(with, "ec2", stopInstances); got != 403 {
		t.Errorf("after 300 s: %d", got)
	}
}

func TestQueuesAndTopics(t *testing.T) {
	l := newLab(t, seedsWorld)
	carol := longTerm("carol")
	with := l.must(l.session(carol, "arn:aws:iam::111122223333:mfa/carol", l.Code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA", 0)))
	for service, body := range map[string]string{"sqs": sendMessage, "sns": publish} {
		if without, with := l.status(carol, service, body), l.status(with, service, body); without != 403 || with != 501 {
			t.Errorf("%s: %d without MFA, %d with", service, without, with)
		}
	}
}

// TestRootIsBoundByNoPolicy: MFA-protected API access can't be had for it.
func TestRootIsBoundByNoPolicy(t *testing.T) {
	l := newLab(t, seedsWorld)
	for service, body := range map[string]string{"sqs": sendMessage, "ec2": stopInstances} {
		if got := l.status(longTerm("root"), service, body); got != 501 {
			t.Errorf("%s: %d", service, got)
		}
	}
}

// TestFederationTakesNoCode: the parameters mean nothing to it, and the code
// stays good.
func TestFederationTakesNoCode(t *testing.T) {
	l := newLab(t, seedsWorld)
	code := l.Code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA", 0)
	mfa := "&SerialNumber=arn:aws:iam::111122223333:mfa/carol&TokenCode="
	for _, with := range []string{code, "000000"} {
		resp, text := l.send("POST", "/", formType, "Action=GetFederationToken&Version=2011-06-15&Name=fed"+mfa+with, signing{keys: longTerm("carol"), service: "sts"})
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	}
	_, err := l.session(longTerm("carol"), "arn:aws:iam::111122223333:mfa/carol", code)
	l.want("the code", err, ok)
}

// TestReadme: what the README says shows a rule is there.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var code bytes.Buffer
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "../../cmd/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	for _, name := range regexp.MustCompile(`\b(Test|Benchmark|Fuzz)[A-Z]\w+`).FindAllString(string(readme), -1) {
		if !strings.Contains(code.String(), "func "+name+"(") {
			t.Errorf("there is no %s", name)
		}
	}
	for _, name := range regexp.MustCompile(`\b\w+\.txtar\b`).FindAllString(string(readme), -1) {
		if _, err := os.Stat(filepath.Join("..", "..", "cmd", "testdata", "script", name)); err != nil {
			t.Error(err)
		}
	}
}
