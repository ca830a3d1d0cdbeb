package s3_test

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
	"github.com/fob-auth/fob/sts/sdkhttp"
)

// start is where every lab's clock stands at first: at the beginning of a
// verification budget's window, 10 s into a time step.
var start = time.Date(2026, 9, 1, 12, 0, 10, 0, time.UTC)

const (
	accountA   = "111122223333"
	accountB   = "444455556666"
	accountC   = "777788889999"
	rootDevice = "arn:aws:iam::111122223333:mfa/root-account-mfa-device"
)

// seed is that of all devices of the labs' world.
var seed = base32.StdEncoding.EncodeToString([]byte("forty bytes of seed for all the devices!"))

// labWorld has accounts A, B and C. Alice administers A; ned there may do
// nothing; bob of B and charlie of C may do everything that S3 lets them do.
var labWorld = `
accounts:
  - id: "` + accountA + `"
    root:
      access_keys: [{id: ` + keyID("root") + `, secret: secret-of-root}]
      mfa_devices: [{serial: "` + rootDevice + `", kind: virtual, seed: ` + seed + `}]
    users:
      - {name: alice, access_keys: [{id: ` + keyID("alice") + `, secret: secret-of-alice}], attached: ["arn:aws:iam::aws:policy/AdministratorAccess"],
         mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/alice", kind: virtual, seed: ` + other("alice") + `}]}
      - {name: ned, access_keys: [{id: ` + keyID("ned") + `, secret: secret-of-ned}]}
    roles:
      - {name: Reader, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "` + accountC + `"}, Action: "sts:AssumeRole"}},
         policies: [{name: all, document: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:*", Resource: "*"}}}]}
  - id: "` + accountB + `"
    root: {access_keys: [{id: ` + keyID("rootb") + `, secret: secret-of-rootb}]}
    users: [{name: bob, access_keys: [{id: ` + keyID("bob") + `, secret: secret-of-bob}], attached: ["arn:aws:iam::aws:policy/AdministratorAccess"]}]
  - id: "` + accountC + `"
    users:
      - {name: charlie, access_keys: [{id: ` + keyID("charlie") + `, secret: secret-of-charlie}], attached: ["arn:aws:iam::aws:policy/AdministratorAccess"],
         mfa_devices: [{serial: "arn:aws:iam::777788889999:mfa/charlie", kind: virtual, seed: ` + seed + `}]}
    roles:
      - {name: Uploader, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "` + accountC + `"}, Action: "sts:AssumeRole"}},
         policies: [{name: all, document: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:*", Resource: "*"}}}]}
`

func other(name string) string {
	return base32.StdEncoding.EncodeToString([]byte((name + strings.Repeat("#", 40))[:40]))
}

// keys sign calls; the zero keys sign nothing.
type keys struct{ id, secret, token string }

func keyID(name string) string {
	return "AKIA" + strings.ToUpper(name) + strings.Repeat("0", 16-len(name))
}

func longTerm(name string) keys { return keys{id: keyID(name), secret: "secret-of-" + name} }

var (
	root    = longTerm("root")
	alice   = longTerm("alice")
	ned     = longTerm("ned")
	bob     = longTerm("bob")
	charlie = longTerm("charlie")
	nobody  = keys{}
)

// A lab is a server on loopback with a clock that the test holds.
type lab struct {
	*awstest.Server
	t testing.TB
}

func newLab(t testing.TB, change ...func(*local.Options)) *lab {
	t.Helper()
	return newLabIn(t, labWorld, change...)
}

// newLabIn starts a server in a world.
func newLabIn(t testing.TB, yaml string, change ...func(*local.Options)) *lab {
	t.Helper()
	return &lab{t: t, Server: awstest.Start(t, yaml, append([]func(*local.Options){awstest.At(start)}, change...)...)}
}

func (l *lab) sts(k keys) *sts.Client {
	return sts.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(l.URL), HTTPClient: sdkhttp.Client{},
		Credentials: credentials.NewStaticCredentialsProvider(k.id, k.secret, k.token),
	})
}

// session is GetSessionToken, with a code of the device with the serial unless
// that is "".
func (l *lab) session(k keys, serial, seed string, offset int64) keys {
	l.t.Helper()
	in := &sts.GetSessionTokenInput{}
	if serial != "" {
		in.SerialNumber, in.TokenCode = &serial, aws.String(l.Code(seed, offset))
	}
	out, err := l.sts(k).GetSessionToken(context.Background(), in)
	if err != nil {
		l.t.Fatal(err)
	}
	return keys{*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken}
}

// A call is a request to send.
type call struct {
	as     keys
	method string
	target string // escaped path and query
	body   string
	header map[string]string
	// payload is what x-amz-content-sha256 says, "" for the body's hash.
	payload string
	spoil   func(*http.Request) // after signing
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (l *lab) send(c call) answer {
	l.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), c.method, l.URL+c.target, strings.NewReader(c.body))
	if err != nil {
		l.t.Fatal(err)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.as != nobody {
		if c.payload == "" {
			sum := sha256.Sum256([]byte(c.body))
			c.payload = hex.EncodeToString(sum[:])
		}
		if err := sign(l, r, c.as, c.payload); err != nil {
			l.t.Fatal(err)
		}
	}
	if c.spoil != nil {
		c.spoil(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// sign signs r as S3's clients do.
func sign(l *lab, r *http.Request, as keys, payload string) error {
	r.Header.Set("X-Amz-Content-Sha256", payload)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return signer.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: as.id, SecretAccessKey: as.secret, SessionToken: as.token},
		r, payload, "s3", "eu-west-1", l.Clock.Now())
}

// do is send with nothing but a body.
func (l *lab) do(as keys, method, target, body string) answer {
	l.t.Helper()
	return l.send(call{as: as, method: method, target: target, body: body})
}

// must is send where the answer has to be a success.
func (l *lab) must(c call) answer {
	l.t.Helper()
	a := l.send(c)
	if a.status >= 300 {
		l.t.Fatalf("%s %s: %d %s", c.method, c.target, a.status, a.body)
	}
	return a
}

func (l *lab) make(as keys, method, target, body string) answer {
	l.t.Helper()
	return l.must(call{as: as, method: method, target: target, body: body})
}

// refusal is the Error element of an answer.
type refusal struct {
	Code, Message string
	Extra         []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

// refused reads an error; its form is S3's, without a namespace.
func (a answer) refused(t testing.TB) refusal {
	t.Helper()
	var e struct {
		XMLName xml.Name
		refusal
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil || e.XMLName != (xml.Name{Local: "Error"}) {
		t.Fatalf("%d is no error of S3: %v %s", a.status, err, a.body)
	}
	return e.refusal
}

// extra is the element of that name, and whether there is one.
func (r refusal) extra(name string) (string, bool) {
	for _, x := range r.Extra {
		if x.XMLName.Local == name {
			return x.Text, true
		}
	}
	return "", false
}

// want holds an answer's status and, of a refusal, its code and message.
func (l *lab) want(step string, a answer, status int, code, message string) {
	l.t.Helper()
	got := refusal{}
	if a.status >= 300 && a.body != "" {
		got = a.refused(l.t)
	}
	if a.status != status || got.Code != code || message != "" && got.Message != message {
		l.t.Errorf("%s:\ngot  %d %s %q\nwant %d %s %q", step, a.status, got.Code, got.Message, status, code, message)
	}
}

const denied = "Access Denied"

// policyFor is a bucket policy with one statement for A's bucket "bucket".
func policyFor(effect, principal, action, resource, condition string) string {
	s := `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":` + action + `,"Resource":` + resource
	if condition != "" {
		s += `,"Condition":` + condition
	}
	return s + `}]}`
}
