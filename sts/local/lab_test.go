package local_test

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
	"github.com/fob-auth/fob/sts/sdkhttp"
)

// start is where every lab's clock stands at first: at the beginning of a
// verification budget's window, 10 s into a time step.
var start = time.Date(2026, 9, 1, 12, 0, 10, 0, time.UTC)

const account = "111122223333"

// A lab is a server on loopback with a clock that the test holds.
type lab struct {
	*awstest.Server
	t *testing.T
}

// newLab starts a server in a world.
func newLab(t *testing.T, yaml string, change ...func(*local.Options)) *lab {
	t.Helper()
	return &lab{t: t, Server: awstest.Start(t, yaml, append([]func(*local.Options){awstest.At(start), awstest.Seeded(t.Name())}, change...)...)}
}

// keys sign calls.
type keys struct{ id, secret, token string }

func longTerm(name string) keys {
	return keys{id: keyID(name), secret: "secret-of-" + name}
}

func keyID(name string) string {
	return "AKIA" + strings.ToUpper(name) + strings.Repeat("0", 16-len(name))
}

func temporary(c *ststypes.Credentials) keys {
	return keys{id: *c.AccessKeyId, secret: *c.SecretAccessKey, token: *c.SessionToken}
}

func (l *lab) config(k keys) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(l.URL),
		Credentials: credentials.NewStaticCredentialsProvider(k.id, k.secret, k.token),
		HTTPClient:  sdkhttp.Client{},
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (l *lab) sts(k keys) *sts.Client { return sts.NewFromConfig(l.config(k)) }
func (l *lab) iam(k keys) *iam.Client { return iam.NewFromConfig(l.config(k)) }

// session asks for a session of GetSessionToken; serial may be "".
func (l *lab) session(k keys, serial, code string) (keys, error) {
	in := &sts.GetSessionTokenInput{}
	if serial != "" {
		in.SerialNumber, in.TokenCode = aws.String(serial), aws.String(code)
	}
	out, err := l.sts(k).GetSessionToken(l.t.Context(), in)
	if err != nil {
		return keys{}, err
	}
	return temporary(out.Credentials), nil
}

// must is session where it has to be given.
func (l *lab) must(k keys, err error) keys {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	return k
}

// seedOf is the seed of a device that a test's world names.
func seedOf(name string) string {
	return base32.StdEncoding.EncodeToString([]byte((name + strings.Repeat("#", 40))[:40]))
}

// A verdict is how an answer is told apart: status and code, and where a test
// gives one the message.
type verdict struct {
	status        int
	code, message string
}

var ok = verdict{status: 200}

// verdictOf reads what the SDK made of an answer.
func verdictOf(err error) verdict {
	if err == nil {
		return ok
	}
	var response *smithyhttp.ResponseError
	var api smithy.APIError
	if !errors.As(err, &response) || !errors.As(err, &api) {
		return verdict{message: err.Error()}
	}
	return verdict{status: response.HTTPStatusCode(), code: api.ErrorCode(), message: api.ErrorMessage()}
}

func (l *lab) want(step string, err error, want verdict) {
	l.t.Helper()
	if got := verdictOf(err); got != want {
		l.t.Errorf("%s:\ngot  %d %s %q\nwant %d %s %q", step, got.status, got.code, got.message, want.status, want.code, want.message)
	}
}
