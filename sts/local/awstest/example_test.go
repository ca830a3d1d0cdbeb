package awstest_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/fob-auth/fob/sts/local/awstest"
	"github.com/fob-auth/fob/sts/sdkhttp"
)

// world has one user, with a device that codes are taken from.
const world = `
accounts:
  - id: "111122223333"
    users:
      - name: carol
        access_keys: [{id: AKIACAROLEXAMPLE0001, secret: any-secret-of-carols}]
        mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]
`

// A session that carries MFA, from the AWS SDK for Go. A code is taken once.
func Example() {
	t := new(exampleTB) // a test has its own
	defer t.end()
	local := awstest.Start(t, world, awstest.At(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)))

	carol := local.Keys("carol")
	client := sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: &local.URL, HTTPClient: sdkhttp.Client{},
		Credentials: credentials.NewStaticCredentialsProvider(carol.ID, carol.Secret, carol.Token),
	})
	ask := &sts.GetSessionTokenInput{
		SerialNumber: aws.String("arn:aws:iam::111122223333:mfa/carol"),
		TokenCode:    aws.String(local.Code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 0)),
	}
	_, first := client.GetSessionToken(context.Background(), ask)
	_, second := client.GetSessionToken(context.Background(), ask)
	for _, r := range local.Requests("GetSessionToken") {
		fmt.Println(r["status"], r["mfa_outcome"])
	}
	fmt.Println(first == nil, second == nil)

	// Output:
	// 200 accepted
	// 403 replayed
	// true false
}

// AWS's clock stands where the test puts it, and goes where it is told.
func ExampleAt() {
	t := new(exampleTB)
	defer t.end()
	local := awstest.Start(t, world, awstest.At(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)))

	fmt.Println(date(local.URL))
	local.Advance(12 * time.Hour)
	fmt.Println(date(local.URL))

	// Output:
	// Tue, 01 Sep 2026 12:00:00 GMT
	// Wed, 02 Sep 2026 00:00:00 GMT
}

// date is what the endpoint says of the time.
func date(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	return resp.Header.Get("Date")
}

// An exampleTB stands in for a test's *testing.T.
type exampleTB struct{ cleanups []func() }

func (t *exampleTB) Helper()                           {}
func (t *exampleTB) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleTB) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }

func (t *exampleTB) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}
