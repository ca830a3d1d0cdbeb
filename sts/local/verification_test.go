package local_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
)

var (
	badCode   = verdict{403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. "}
	badDevice = verdict{403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."}
	halfMFA   = verdict{403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."}
	badPair   = verdict{403, "InvalidAuthenticationCode", "Authentication code for device is not valid."}
)

func virtualSerial(name string) string { return "arn:aws:iam::" + account + ":mfa/" + name }

// devicesWorld has a user "carol" who may do all, with the virtual devices.
func devicesWorld(names ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "accounts:\n- id: %q\n  users:\n", account)
	fmt.Fprintf(&b, "  - name: carol\n    access_keys: [{id: %s, secret: secret-of-carol}]\n", keyID("carol"))
	fmt.Fprintf(&b, "    attached: [arn:aws:iam::aws:policy/AdministratorAccess]\n    mfa_devices:\n")
	for _, name := range names {
		fmt.Fprintf(&b, "    - {serial: %q, kind: virtual, seed: %s}\n", virtualSerial(name), seedOf(name))
	}
	fmt.Fprintf(&b, "  - name: dave\n    access_keys: [{id: %s, secret: secret-of-dave}]\n", keyID("dave"))
	return b.String()
}

// TestVerificationVectors are the ones that were captured at AWS, one fresh
// device each: the counter's first and second presentation.
func TestVerificationVectors(t *testing.T) {
	offsets := []int64{-3, -2, -1, 0, 1, 2, 3}
	var names []string
	for _, offset := range offsets {
		names = append(names, fmt.Sprintf("d%d", offset+3))
	}
	l := newLab(t, devicesWorld(names...))
	for i, offset := range offsets {
		code := l.Code(seedOf(names[i]), offset)
		first, second := ok, badCode
		if offset < -2 || offset > 2 {
			first = badCode
		}
		_, err := l.session(longTerm("carol"), virtualSerial(names[i]), code)
		l.want(fmt.Sprintf("offset %d", offset), err, first)
		_, err = l.session(longTerm("carol"), virtualSerial(names[i]), code)
		l.want(fmt.Sprintf("offset %d again", offset), err, second)
	}
	_, err := l.session(longTerm("carol"), virtualSerial(names[1]), l.Code(seedOf(names[1]), -1))
	l.want("the next counter after -2", err, ok)
}

func TestMFAParameters(t *testing.T) {
	l := newLab(t, devicesWorld("carol", "other"))
	carol, dave := longTerm("carol"), longTerm("dave")
	code := func() string { return l.Code(seedOf("carol"), 0) }
	for _, c := range []struct {
		name string
		by   keys
		in   sts.GetSessionTokenInput
		want verdict
	}{
		{"no serial", carol, sts.GetSessionTokenInput{TokenCode: aws.String(code())}, halfMFA},
		{"no code", carol, sts.GetSessionTokenInput{SerialNumber: aws.String(virtualSerial("carol"))}, halfMFA},
		{"unknown device", carol, sts.GetSessionTokenInput{SerialNumber: aws.String(virtualSerial("nobody")), TokenCode: aws.String(code())}, badDevice},
		{"somebody else's device", dave, sts.GetSessionTokenInput{SerialNumber: aws.String(virtualSerial("carol")), TokenCode: aws.String(code())}, badDevice},
		{"another device's code", carol, sts.GetSessionTokenInput{SerialNumber: aws.String(virtualSerial("other")), TokenCode: aws.String(code())}, badCode},
		{"short code", carol, sts.GetSessionTokenInput{SerialNumber: aws.String(virtualSerial("carol")), TokenCode: aws.String("12345")},
			verdict{400, "ValidationError", "1 validation error detected: Value '12345' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6"}},
		{"code and serial", carol, sts.GetSessionTokenInput{SerialNumber: aws.String("short"), TokenCode: aws.String("1234567")},
			verdict{400, "ValidationError", "2 validation errors detected: Value 'short' at 'serialNumber' failed to satisfy constraint: Member must have length greater than or equal to 9; " +
				"Value '1234567' at 'tokenCode' failed to satisfy constraint: Member must have length less than or equal to 6"}},
		{"letters", carol, sts.GetSessionTokenInput{SerialNumber: aws.String(virtualSerial("carol")), TokenCode: aws.String("12345a")},
			verdict{400, "ValidationError", `1 validation error detected: Value '12345a' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]*`}},
		{"short duration", carol, sts.GetSessionTokenInput{DurationSeconds: aws.Int32(899)},
			verdict{400, "ValidationError", "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"}},
		{"long duration", carol, sts.GetSessionTokenInput{DurationSeconds: aws.Int32(129601)},
			verdict{400, "ValidationError", "1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 129600"}},
		{"good", carol, sts.GetSessionTokenInput{SerialNumber: aws.String(virtualSerial("carol")), TokenCode: aws.String(code()), DurationSeconds: aws.Int32(129600)}, ok},
	} {
		_, err := l.sts(c.by).GetSessionToken(t.Context(), &c.in)
		l.want(c.name, err, c.want)
	}
}

// TestBudgetVectors: nine verifications in a device's three minutes whatever
// their outcome; others have their own, and deletion frees nothing.
func TestBudgetVectors(t *testing.T) {
	l := newLab(t, devicesWorld("busy", "sibling"))
	carol := longTerm("carol")
	try := func(step, name, code string, want verdict) {
		t.Helper()
		_, err := l.session(carol, virtualSerial(name), code)
		l.want(step, err, want)
	}
	good := l.Code(seedOf("busy"), 0)
	try("first", "busy", good, ok)
	for i := range 8 {
		try(fmt.Sprintf("replay %d", i), "busy", good, badCode)
	}
	try("tenth, good", "busy", l.Code(seedOf("busy"), 1), badDevice)
	if row := l.Last(); row["mfa_outcome"] != "exhausted" {
		t.Errorf("logged %v", row)
	}
	try("sibling", "sibling", l.Code(seedOf("sibling"), 0), ok)

	l.Advance(2*time.Minute + 49*time.Second)
	try("the window's last second", "busy", l.Code(seedOf("busy"), 0), badDevice)
	l.Advance(time.Second)
	try("the next window", "busy", l.Code(seedOf("busy"), 0), ok)
}

func TestBudgetOutlivesTheDevice(t *testing.T) {
	l := newLab(t, devicesWorld("admin"))
	session := l.must(l.session(longTerm("carol"), virtualSerial("admin"), l.Code(seedOf("admin"), 0)))
	admin := l.iam(session)
	dave := longTerm("dave")
	serial, seed := l.enable(session, "again", "dave")
	for i := range 9 {
		_, err := l.session(dave, serial, "000000")
		l.want(fmt.Sprintf("try %d", i), err, badCode)
	}
	if _, err := admin.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("dave"), SerialNumber: &serial}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial}); err != nil {
		t.Fatal(err)
	}
	again, newSeed := l.enable(session, "again", "dave")
	if again != serial || newSeed == seed {
		t.Fatalf("made again: %s with the same seed: %v", again, newSeed == seed)
	}
	_, err := l.session(dave, serial, l.Code(newSeed, 0))
	l.want("the new device at the old ARN", err, badDevice)
	l.Advance(3 * time.Minute)
	_, err = l.session(dave, serial, l.Code(newSeed, 0))
	l.want("in the next window", err, ok)
}

// enable makes a virtual device and enables it with the codes of the last and
// the present step.
func (l *lab) enable(by keys, name, user string) (serial, seed string) {
	l.t.Helper()
	out, err := l.iam(by).CreateVirtualMFADevice(l.t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})
	if err != nil {
		l.t.Fatal(err)
	}
	serial, seed = *out.VirtualMFADevice.SerialNumber, string(out.VirtualMFADevice.Base32StringSeed)
	_, err = l.iam(by).EnableMFADevice(l.t.Context(), &iam.EnableMFADeviceInput{
		UserName: &user, SerialNumber: &serial,
		AuthenticationCode1: aws.String(l.Code(seed, -1)), AuthenticationCode2: aws.String(l.Code(seed, 0)),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return serial, seed
}

// TestOneCodeOneSession: of many calls at once with one code, one is answered.
func TestOneCodeOneSession(t *testing.T) {
	l := newLab(t, devicesWorld("carol"))
	code := l.Code(seedOf("carol"), 0)
	var wg sync.WaitGroup
	verdicts := make(chan verdict, 64)
	for range cap(verdicts) {
		wg.Go(func() {
			_, err := l.session(longTerm("carol"), virtualSerial("carol"), code)
			verdicts <- verdictOf(err)
		})
	}
	wg.Wait()
	close(verdicts)
	got := map[verdict]int{}
	for v := range verdicts {
		got[v]++
	}
	if got[ok] != 1 || got[badCode] != 8 || got[badDevice] != 55 {
		t.Errorf("got %v, want 1 session, 8 replays and 55 beyond the budget", got)
	}
}

// TestSpentAcrossCalls: a code that AssumeRole took is no good for
// GetSessionToken, and the log names its counter both times.
func TestSpentAcrossCalls(t *testing.T) {
	l := newLab(t, devicesWorld("carol")+`
  roles: [{name: r, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: sts:AssumeRole}}}]
`)
	code := l.Code(seedOf("carol"), 1)
	_, err := l.sts(longTerm("carol")).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/r"), RoleSessionName: aws.String("me"),
		SerialNumber: aws.String(virtualSerial("carol")), TokenCode: &code,
	})
	l.want("AssumeRole", err, ok)
	accepted := l.Last()
	_, err = l.session(longTerm("carol"), virtualSerial("carol"), code)
	l.want("GetSessionToken", err, badCode)
	replayed := l.Last()
	want := fmt.Sprint([]int64{start.Unix()/30 + 1})
	for outcome, row := range map[string]awstest.Request{"accepted": accepted, "replayed": replayed} {
		if row["mfa_outcome"] != outcome || row["mfa_counters"] != want {
			t.Errorf("logged %v, want %s %s", row, outcome, want)
		}
		for field, value := range row {
			if field != "request_id" && strings.Contains(value, code) { // which is of random digits
				t.Errorf("the digits are in the log: %v", row)
			}
		}
	}
}

// TestPropagation: IAM shows at once what STS learns later.
func TestPropagation(t *testing.T) {
	l := newLab(t, devicesWorld("admin"), func(o *local.Options) { o.Propagation = 10 * time.Second })
	session := l.must(l.session(longTerm("carol"), virtualSerial("admin"), l.Code(seedOf("admin"), 0)))
	serial, seed := l.enable(session, "late", "dave")
	list, err := l.iam(session).ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: aws.String("dave")})
	if err != nil || len(list.MFADevices) != 1 {
		t.Errorf("IAM lists %v, %v", list, err)
	}
	dave := longTerm("dave")
	try := func(step string, offset int64, want verdict) {
		t.Helper()
		_, err := l.session(dave, serial, l.Code(seed, offset))
		l.want(step, err, want)
	}
	l.Advance(10*time.Second - time.Millisecond)
	try("just before", 0, badDevice)
	l.Advance(time.Millisecond)
	try("just then", 0, ok)

	_, err = l.iam(session).DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("dave"), SerialNumber: &serial})
	l.want("deactivate", err, ok)
	try("STS hasn't heard", 1, ok)
	l.Advance(10 * time.Second)
	try("STS has heard", 2, badDevice)
}
