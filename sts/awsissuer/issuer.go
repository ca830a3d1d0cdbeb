// Package awsissuer makes the calls to AWS: sessions from STS ([Issuer.Issue]),
// whose keys they are ([Issuer.Identity]), and the MFA devices of IAM. It is
// the one place where fob meets the AWS SDK's clients.
//
// It is built from what it is given and nothing else: it reads no environment
// variable, no file and no proxy setting, follows no redirect and runs no
// program. A call that carries a code is sent once, on a connection of its
// own; the SDK's retries are off. What failed is always an *sts.Refusal. Its
// text holds AWS's words or the network's, never the request, and where AWS's
// words repeat a code that was sent, it is struck out: no code and no key
// appears in an error.
//
// Deciding what to do after a refusal is not its business; see sts/resync.
package awsissuer

import (
	"context"
	"crypto/x509"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/fob-auth/fob/sts"
)

// DefaultTimeout bounds a whole call where the context doesn't: from looking
// up the host to the last byte of the answer.
const DefaultTimeout = 15 * time.Second

// Options say how an Issuer reaches AWS. The zero value works.
type Options struct {
	// Timeout bounds a whole call; 0 means DefaultTimeout.
	Timeout time.Duration
	// Dial opens connections; nil means a net.Dialer of this machine. Towards
	// a plain http endpoint the default refuses every address but loopback.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs vouch for AWS's certificates; nil means the system's.
	RootCAs *x509.CertPool
}

// An Issuer calls AWS. It holds no state between calls and may be used by any
// number of goroutines.
type Issuer struct {
	opts Options
}

var _ sts.Issuer = (*Issuer)(nil)

// New returns an Issuer.
func New(opts Options) *Issuer {
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	return &Issuer{opts: opts}
}

// A Caller is who makes a call of IAM or STS that carries no plan.
type Caller struct {
	Endpoint sts.Endpoint
	Keys     sts.Keys
	// Skew is AWS's time less the host's, as last seen.
	Skew time.Duration
}

// prepare checks the endpoint and returns the way for one call. codes are those
// that go with it.
func (i *Issuer) prepare(ctx context.Context, action string, c Caller, codes ...string) (context.Context, context.CancelFunc, *wire, error) {
	if err := c.Endpoint.Validate(); err != nil {
		return nil, nil, nil, &sts.Refusal{Class: sts.Unsent, Action: action, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, i.opts.Timeout)
	return ctx, cancel, newWire(ctx, action, c, i.opts, codes...), nil
}

// config is what the SDK's clients of a call have in common: no retries, and
// none of the SDK's sources of settings.
func config(c Caller, w *wire) aws.Config {
	return aws.Config{
		Region:                     region(c.Endpoint),
		BaseEndpoint:               baseEndpoint(c.Endpoint),
		Credentials:                static(c.Keys),
		HTTPClient:                 w,
		Retryer:                    func() aws.Retryer { return aws.NopRetryer{} },
		RetryMaxAttempts:           1,
		DisableClockSkewCorrection: true,
	}
}

// stsClient returns the SDK's client for one call to STS.
func stsClient(c Caller, w *wire) *awssts.Client {
	return awssts.NewFromConfig(config(c, w), func(o *awssts.Options) { o.HTTPSignerV4 = newSigner(c.Skew) })
}

// iamClient returns the SDK's client for one call to IAM.
func iamClient(c Caller, w *wire) *iam.Client {
	return iam.NewFromConfig(config(c, w), func(o *iam.Options) { o.HTTPSignerV4 = newSigner(c.Skew) })
}

func region(e sts.Endpoint) string {
	if e.Region == "" {
		return sts.DefaultRegion
	}
	return e.Region
}

// baseEndpoint returns the URL that stands in fob's config, or nil for the
// SDK's own rules: the https endpoint of the region, never STS's global one.
func baseEndpoint(e sts.Endpoint) *string {
	if e.URL == "" {
		return nil
	}
	return aws.String(e.URL)
}

func static(k sts.Keys) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID:     k.AccessKeyID,
			SecretAccessKey: k.SecretAccessKey.Reveal(),
			SessionToken:    k.SessionToken.Reveal(),
			Source:          "fob",
		}, nil
	})
}
