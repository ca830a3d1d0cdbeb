package cmd_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/emulated"
	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/benchtest"
	"github.com/fob-auth/fob/sts/local/awstest"
	"github.com/fob-auth/fob/sts/sdkhttp"
)

// TestBenchMeetsAWS is what another project's test looks like: a key that wants
// a touch, an AWS that wants its codes, one clock for both that the test holds.
func TestBenchMeetsAWS(t *testing.T) {
	const seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	local := awstest.Start(t, `
accounts:
  - id: "111122223333"
    users:
      - name: carol
        access_keys: [{id: AKIACAROLEXAMPLE0001, secret: any-secret-of-carols}]
        mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: `+seed+`}]
`, awstest.At(time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)))
	account := benchtest.TOTP("AWS:carol", seed)
	account.Touch = true
	key := benchtest.YubiKey("12345678", account)
	key.Button = emulator.ButtonManual
	bench := benchtest.Options{Now: local.Clock.Now}.Start(t, key, benchtest.Fob("GAHT12345678", seed))

	driver := emulated.New(bench.Socket)
	token, err := driver.Open(t.Context(), awaitToken(t, driver))
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	carol := local.Keys("carol")
	client := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &local.URL, HTTPClient: sdkhttp.Client{},
		Credentials: credentials.NewStaticCredentialsProvider(carol.ID, carol.Secret, carol.Token)})
	for range 3 {
		code := touched(t, bench, token.(devices.Coder), local.Clock.Now())
		_, err := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{
			SerialNumber: aws.String("arn:aws:iam::111122223333:mfa/carol"), TokenCode: aws.String(code.Digits.Reveal())})
		if err != nil {
			t.Fatal(err)
		}
		local.Advance(30 * time.Second)
	}
	if got := len(local.Requests("GetSessionToken")); got != 3 || bench.Token("12345678").State().Presses != 3 {
		t.Errorf("%d sessions of %d touches", got, bench.Token("12345678").State().Presses)
	}
	if got := bench.Token("GAHT12345678").State().Clock.Now; !got.Equal(local.Clock.Now()) {
		t.Errorf("the fob's clock shows %v, AWS's %v", got, local.Clock.Now())
	}
}

// touched takes a code of carol's account, for which the key is pressed.
func touched(t *testing.T, bench *benchtest.Bench, key devices.Coder, at time.Time) devices.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	codes, failed := make(chan devices.Code, 1), make(chan error, 1)
	go func() {
		code, err := key.Code(ctx, "AWS:carol", at)
		if err != nil {
			failed <- err
			return
		}
		codes <- code
	}()
	bench.Press("12345678")
	select {
	case code := <-codes:
		return code
	case err := <-failed:
		t.Fatal(err)
	}
	return devices.Code{}
}
