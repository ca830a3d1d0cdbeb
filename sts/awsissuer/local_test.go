package awsissuer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
	"github.com/fob-auth/fob/sts/resync"
)

// fobSeed is the seed of the hardware fob, in base32.
const fobSeed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

const worldFile = `
accounts:
  - id: "111122223333"
    partition: aws
    users:
      - name: carol
        path: /
        access_keys: [{id: AKIACAROLEXAMPLE0001, secret: the-long-term-secret}]
        attached: [arn:aws:iam::aws:policy/AdministratorAccess]
      - name: dave
        path: /
        access_keys: [{id: AKIADAVEEXAMPLE00001, secret: dave-long-term-secret}]
        attached: [arn:aws:iam::aws:policy/AdministratorAccess]
        mfa_devices: [{serial: GAHT12345678, kind: hardware, seed: ` + fobSeed + `}]
    roles:
      - {name: R, path: /, max_session_seconds: 7200, trust: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {AWS: "111122223333"}}]}}
`

// lab is the local AWS with a clock of its own, months from the host's.
type lab struct {
	*awstest.Server
	t      *testing.T
	issuer *awsissuer.Issuer
	caller awsissuer.Caller
	keys   map[string]sts.Keys
}

func newLab(t *testing.T) *lab {
	t.Helper()
	strict := func(o *local.Options) { o.SignatureSkew = 0 }
	l := &lab{issuer: awsissuer.New(awsissuer.Options{}), t: t,
		Server: awstest.Start(t, worldFile, awstest.At(time.Date(2026, 9, 1, 12, 0, 10, 0, time.UTC)), strict)}
	l.keys = map[string]sts.Keys{
		"carol": testKeys(),
		"dave":  {AccessKeyID: "AKIADAVEEXAMPLE00001", SecretAccessKey: "dave-long-term-secret"},
	}
	l.caller = awsissuer.Caller{Endpoint: sts.Endpoint{URL: l.URL, Region: "eu-west-1"}, Keys: l.keys["carol"]}
	return l
}

// as returns a caller whose skew is AWS's clock less the host's, as an answer
// has shown it.
func (l *lab) as(user string) awsissuer.Caller {
	l.t.Helper()
	c := l.caller
	c.Keys = l.keys[user]
	id, err := l.issuer.Identity(l.t.Context(), c)
	if err != nil {
		l.t.Fatal(err)
	}
	if want := "arn:aws:iam::111122223333:user/" + user; id.ARN != want || id.Account != "111122223333" {
		l.t.Fatalf("identity %+v, want %s", id, want)
	}
	c.Skew = resync.Skew(id.Date, time.Now())
	return c
}

// code computes what a token with the seed shows for a counter.
func (l *lab) code(seed string, counter uint64) string {
	l.t.Helper()
	code, err := hotp.GenerateCode(seed, counter)
	if err != nil {
		l.t.Fatal(err)
	}
	return code
}

// session asks for a session with the code of a counter and returns the class
// of the refusal, "" for a session.
func (l *lab) session(c awsissuer.Caller, serial, seed string, counter uint64) (sts.Session, sts.Class) {
	l.t.Helper()
	s, err := l.issuer.Issue(l.t.Context(), sts.Plan{
		Call: sts.GetSessionToken, Endpoint: c.Endpoint, Keys: c.Keys, Skew: c.Skew, MFASerial: serial, Duration: time.Hour,
	}, l.code(seed, counter))
	if err == nil {
		return s, ""
	}
	return s, refusal(l.t, err).Class
}

// A token that computes any counter is enrolled with two codes at once, and
// then each of the window's five counters buys a session, once.
func TestEnrolAtTheLocalAWS(t *testing.T) {
	l := newLab(t)
	c := l.as("carol")
	made, err := l.issuer.CreateVirtualMFADevice(t.Context(), c, "carol", "")
	if err != nil {
		t.Fatal(err)
	}
	first := resync.Pairs(l.Clock.Now())[0]
	seed := made.Seed.Reveal()
	date, err := l.issuer.EnableMFADevice(t.Context(), c, "carol", made.Serial, l.code(seed, first), l.code(seed, first+1))
	if err != nil {
		t.Fatal(err)
	}
	known := resync.Knowledge{}.PairAccepted(date, first+1)
	if known != resync.Exactly(0) {
		t.Errorf("adjustment %+v, want exactly 0", known)
	}
	for _, counter := range resync.Candidates(l.Clock.Now(), known) {
		s, class := l.session(c, made.Serial, seed, counter)
		if class != "" || s.MFASerial != made.Serial || !s.Expiration.Equal(s.Date.Add(time.Hour)) {
			t.Errorf("counter %d: %q, %+v", counter, class, s)
		}
	}
	low, high := resync.Window(l.Clock.Now(), 0)
	for counter, want := range map[uint64]sts.Class{low: sts.WrongCode, high + 1: sts.WrongCode, low - 1: sts.WrongCode} {
		if _, class := l.session(c, made.Serial, seed, counter); class != want {
			t.Errorf("counter %d again: %q", counter, class)
		}
	}
	// Eight were verified so far; the ninth uses the budget up.
	if _, class := l.session(c, made.Serial, seed, low); class != sts.WrongCode {
		t.Errorf("ninth: %q", class)
	}
	l.Advance(resync.Step)
	if _, class := l.session(c, made.Serial, seed, high+1); class != sts.Unverifiable {
		t.Errorf("tenth: %q", class)
	}
	_, next := resync.BudgetAt(l.Clock.Now())
	l.Advance(next.Sub(l.Clock.Now()))
	if _, class := l.session(c, made.Serial, seed, resync.Counter(next)); class != "" {
		t.Errorf("in the next window: %q", class)
	}
	listed, err := l.issuer.ListMFADevices(t.Context(), c, "")
	if err != nil || len(listed) != 1 || listed[0].Serial != made.Serial || listed[0].User != "carol" {
		t.Errorf("listed %+v, %v", listed, err)
	}
}

// A fob that is five minutes fast is refused, resynced, and taken again.
func TestDriftAtTheLocalAWS(t *testing.T) {
	l := newLab(t)
	c := l.as("dave")
	const serial = "GAHT12345678"
	fob := func() time.Time { return l.Clock.Now().Add(5 * time.Minute) }
	known := resync.Exactly(0)
	if d := resync.Measure(fob(), l.Clock.Now(), known); d.State != resync.Drifted || d.Steps != 10 {
		t.Errorf("before: %+v", d)
	}
	counter := resync.Counter(fob())
	_, class := l.session(c, serial, fobSeed, counter)
	d := resync.Decide(resync.Evidence{
		Class: class, Date: l.Clock.Now(), HostNow: l.Clock.Now(), OwnClock: true, Counter: counter, Knowledge: known, Tries: 1, Spent: 1,
	})
	if d.Action != resync.Resync {
		t.Fatalf("%q: %+v", class, d)
	}
	first := resync.Counter(fob())
	date, err := l.issuer.ResyncMFADevice(t.Context(), c, "dave", serial, l.code(fobSeed, first), l.code(fobSeed, first+1))
	if err != nil {
		t.Fatal(err)
	}
	known = known.PairAccepted(date, first+1)
	if known != resync.Exactly(11) {
		t.Errorf("adjustment %+v", known)
	}
	l.Advance(resync.Step)
	if d := resync.Measure(fob(), l.Clock.Now(), known); d.State == resync.Drifted {
		t.Errorf("after: %+v", d)
	}
	if _, class := l.session(c, serial, fobSeed, resync.Counter(fob())); class != "" {
		t.Errorf("after the resync: %q", class)
	}
	_, err = l.issuer.ResyncMFADevice(t.Context(), c, "dave", serial, l.code(fobSeed, first), l.code(fobSeed, first+1))
	if r := refusal(t, err); r.Class != sts.WrongPair {
		t.Errorf("the same pair again: %+v", r)
	}
}

// What the local AWS says in AWS's words comes out in the right class.
func TestClassesAtTheLocalAWS(t *testing.T) {
	l := newLab(t)
	carol, dave, ctx := l.as("carol"), l.as("dave"), t.Context()
	session, class := l.session(dave, "GAHT12345678", fobSeed, resync.Counter(l.Clock.Now()))
	if class != "" {
		t.Fatal(class)
	}
	withMFA, unknown, wrong, skewed := dave, carol, carol, carol
	withMFA.Keys = session.Keys
	unknown.Keys.AccessKeyID = "AKIANOBODY0000000001"
	wrong.Keys.SecretAccessKey = "not-the-secret-at-all"
	skewed.Skew = 0
	role := sts.Role{ARN: "arn:aws:iam::111122223333:role/R", SessionName: "fob-x"}
	issue := func(c awsissuer.Caller, p sts.Plan, code string) error {
		p.Endpoint, p.Keys, p.Skew = c.Endpoint, c.Keys, c.Skew
		_, err := l.issuer.Issue(ctx, p, code)
		return err
	}
	gst := func(serial string) sts.Plan {
		return sts.Plan{Call: sts.GetSessionToken, Duration: time.Hour, MFASerial: serial}
	}
	arn := "arn:aws:iam::111122223333:mfa/spare"
	if _, err := l.issuer.CreateVirtualMFADevice(ctx, carol, "spare", ""); err != nil {
		t.Fatal(err)
	}
	enable := func(user string, c awsissuer.Caller) error {
		_, err := l.issuer.EnableMFADevice(ctx, c, user, arn, "000000", "000001")
		return err
	}
	for _, test := range []struct {
		name string
		want sts.Class
		err  error
	}{
		{"wrong code", sts.WrongCode, issue(dave, gst("GAHT12345678"), "000000")},
		{"another's device", sts.Unverifiable, issue(carol, gst("GAHT12345678"), "000000")},
		{"device that isn't enabled", sts.Unverifiable, issue(carol, gst(arn), "000000")},
		{"malformed code", sts.Invalid, issue(dave, gst("GAHT12345678"), "00000")},
		{"session's keys", sts.SessionCaller, issue(withMFA, gst(""), "")},
		{"unknown keys", sts.BadKeys, issue(unknown, gst(""), "")},
		{"wrong secret", sts.BadSignature, issue(wrong, gst(""), "")},
		{"wrong time", sts.Skewed, issue(skewed, gst("GAHT12345678"), "000000")},
		{"no such role", sts.Denied, issue(carol, sts.Plan{Call: sts.AssumeRole, Duration: time.Hour,
			Role: sts.Role{ARN: role.ARN + "2", SessionName: "fob-x"}}, "")},
		{"longer than the role", sts.RoleDuration, issue(carol, sts.Plan{Call: sts.AssumeRole, Duration: 12 * time.Hour, Role: role}, "")},
		{"longer than a chain", sts.ChainDuration, issue(withMFA, sts.Plan{Call: sts.AssumeRole, Duration: 2 * time.Hour, Role: role}, "")},
		{"role", "", issue(carol, sts.Plan{Call: sts.AssumeRole, Duration: 2 * time.Hour, Role: role}, "")},
		{"wrong pair", sts.WrongPair, enable("carol", carol)},
		{"second device without MFA", sts.NeedsMFA, enable("dave", dave)},
		{"device taken by name", sts.Exists, func() error { _, err := l.issuer.CreateVirtualMFADevice(ctx, carol, "spare", ""); return err }()},
		{"no such device", sts.Missing, l.issuer.DeactivateMFADevice(ctx, carol, "carol", arn)},
		{"device in use", sts.InUse, func() error {
			seed := l.enableOther(carol)
			return l.issuer.DeleteVirtualMFADevice(ctx, carol, seed)
		}()},
		{"no such user", sts.Missing, func() error { _, err := l.issuer.GetUser(ctx, carol, "nobody"); return err }()},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				if test.err != nil {
					t.Error(test.err)
				}
				return
			}
			r := refusal(t, test.err)
			if r.Class != test.want || r.Date.IsZero() {
				t.Errorf("%s at %s: %v; want %s", r.Class, r.Date, r, test.want)
			}
		})
	}
}

// enableOther gives the caller's own user a device and returns its serial.
func (l *lab) enableOther(c awsissuer.Caller) string {
	l.t.Helper()
	made, err := l.issuer.CreateVirtualMFADevice(l.t.Context(), c, "other", "/team/")
	if err != nil || !strings.HasSuffix(made.Serial, ":mfa/team/other") {
		l.t.Fatal(fmt.Errorf("%q: %w", made.Serial, err))
	}
	first := resync.Pairs(l.Clock.Now())[0]
	seed := made.Seed.Reveal()
	if _, err := l.issuer.EnableMFADevice(l.t.Context(), c, "carol", made.Serial, l.code(seed, first), l.code(seed, first+1)); err != nil {
		l.t.Fatal(err)
	}
	return made.Serial
}
