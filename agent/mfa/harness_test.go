package mfa

import (
	"context"
	"encoding/base32"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/prompt"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
)

const (
	carolSeed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	daveSeed  = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
	spareSeed = "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK" // of GAHT87654321
	endpoint  = "http://127.0.0.1:4566"
	carolARN  = "arn:aws:iam::111122223333:mfa/carol"
	fobSerial = "GAHT12345678"
)

// The world: carol has a virtual device, dave a fob, erin nothing yet.
const theWorld = `hardware:
  - {serial: GAHT87654321, seed: MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK}
accounts:
  - id: "111122223333"
    partition: aws
    users:
      - name: carol
        access_keys: [{id: AKIACAROLEXAMPLE0001, secret: carolsecret}]
        mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]
        attached: ["arn:aws:iam::aws:policy/IAMFullAccess"]
      - name: dave
        access_keys: [{id: AKIADAVEEXAMPLE00001, secret: davesecret}]
        mfa_devices: [{serial: GAHT12345678, kind: hardware, seed: KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU}]
        attached: ["arn:aws:iam::aws:policy/IAMFullAccess"]
      - name: erin
        access_keys: [{id: AKIAERINEXAMPLE00001, secret: erinsecret}]
        attached: ["arn:aws:iam::aws:policy/IAMFullAccess"]
`

// A softToken is a token made of software that no one of fob's devices is: its
// codes come from pquerna/otp.
type softToken struct {
	info devices.Info
	// ahead is its clock less the host's, for one with its own clock.
	ahead time.Duration

	mu    sync.Mutex
	creds map[string]softCredential
	// once, when set, is called before the next code.
	once func()
}

type softCredential struct {
	devices.Credential
	seed string
}

func (t *softToken) Info() devices.Info { return t.info }
func (t *softToken) Close() error       { return nil }

func (t *softToken) Credentials(context.Context) ([]devices.Credential, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []devices.Credential
	for _, c := range t.creds {
		list = append(list, c.Credential)
	}
	return list, nil
}

func (t *softToken) Code(_ context.Context, id string, at time.Time) (devices.Code, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.once; f != nil {
		t.once = nil
		f()
	}
	c, ok := t.creds[id]
	if !ok {
		return devices.Code{}, devices.ErrNoCredential
	}
	if t.info.OwnClock {
		at = time.Now().Add(t.ahead)
	}
	counter := uint64(at.Unix()) / 30
	digits, err := hotp.GenerateCodeCustom(c.seed, counter, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	return devices.Code{Digits: devices.Digits(digits), Counter: counter, Period: 30 * time.Second}, err
}

// A clockedToken is a softToken that shows its clock.
type clockedToken struct{ *softToken }

func (t clockedToken) Time(context.Context) (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Add(t.ahead), nil
}

func (t *softToken) turn(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ahead += by
}

// A writableToken is a softToken that takes credentials.
type writableToken struct{ *softToken }

func (t writableToken) Put(_ context.Context, c devices.NewCredential) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.creds[c.ID] = softCredential{c.Credential, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(c.Secret)}
	return nil
}

func (t writableToken) Delete(_ context.Context, id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.creds, id)
	return nil
}

// softDriver has a fixed set of tokens, by path.
type softDriver map[string]devices.Token

func (d softDriver) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	var slots []devices.Slot
	for path, t := range d {
		slot := t.Info().Slot
		slot.Path = path
		slots = append(slots, slot)
	}
	select {
	case out <- slots:
	case <-ctx.Done():
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d softDriver) Open(_ context.Context, s devices.Slot) (devices.Token, error) {
	return d[s.Path], nil
}

func yubikey(serial string, creds ...softCredential) writableToken {
	t := &softToken{info: devices.Info{Serial: serial, Model: "soft"}, creds: map[string]softCredential{}}
	for _, c := range creds {
		t.creds[c.ID] = c
	}
	return writableToken{t}
}

func serialFob(serial, seed string, ahead time.Duration) clockedToken {
	t := &softToken{info: devices.Info{Serial: serial, Model: "soft fob", OwnClock: true}, ahead: ahead, creds: map[string]softCredential{}}
	t.creds[serial] = totp(serial, seed)
	return clockedToken{t}
}

func totp(id, seed string) softCredential {
	return softCredential{devices.Credential{ID: id, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second}, seed}
}

// A rig is a Service with tokens, and the local AWS at the other end of pipes.
type rig struct {
	*Service
	t     *testing.T
	aws   *awstest.Server
	state *store.Store
	// file is where the state is.
	file store.Options

	mu     sync.Mutex
	events []api.Event
	// fail, when set, is what dialling AWS brings.
	fail error
	// line, when set, is what a connection to AWS goes through.
	line func(net.Conn) net.Conn
	// person types codes.
	person func(ctx context.Context, q prompt.Question, check func(string) error) (string, error)
}

// newRig must be called within a synctest bubble.
func newRig(t *testing.T, tokens softDriver, change ...func(*local.Options)) *rig {
	t.Helper()
	strict := func(o *local.Options) { o.SignatureSkew = 0 }
	r := &rig{t: t, aws: awstest.StartInMemory(t, theWorld, append(change, strict, awstest.Seeded(t.Name()))...)}
	ctx, stop := context.WithCancel(t.Context())
	var err error
	r.file = store.Options{Dir: t.TempDir() + "/state", WitnessDir: t.TempDir() + "/data", Now: time.Now()}
	r.state, err = store.Open(ctx, r.file)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	prompts := prompt.New(func(ctx context.Context, _ string, q prompt.Question, check func(string) error) (string, error) {
		return r.person(ctx, q, check)
	})
	b := broker.New(broker.Options{Drivers: []broker.NamedDriver{{Name: "soft", Driver: tokens}, {Name: prompt.Name, Driver: prompts}}, Log: log,
		OnOpen: func(ctx context.Context, token devices.Token) { r.Greet(ctx, token) }})
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if r.fail != nil {
			return nil, r.fail
		}
		conn, err := r.aws.Dial(ctx, network, address)
		if err == nil && r.line != nil {
			conn = r.line(conn)
		}
		return conn, err
	}
	r.Service = &Service{AWS: awsissuer.New(awsissuer.Options{Dial: dial}), Broker: b, Ledger: broker.NewLedger(r.state),
		Bindings: broker.NewBindings(r.state), Clock: &Clock{}, Opening: r.state.Opening(), Notify: r.note, Log: log,
		Verifier: softVerifier{}, Prompts: func() *prompt.Driver { return prompts }}
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	if err := b.Settled(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := r.state.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) note(e api.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *rig) noted(kind api.EventType) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.events, func(e api.Event) bool { return e.Type == kind })
}

func asker(user, serial, credential string) Asker {
	keys := map[string]sts.Keys{
		"carol": {AccessKeyID: "AKIACAROLEXAMPLE0001", SecretAccessKey: "carolsecret"},
		"dave":  {AccessKeyID: "AKIADAVEEXAMPLE00001", SecretAccessKey: "davesecret"},
		"erin":  {AccessKeyID: "AKIAERINEXAMPLE00001", SecretAccessKey: "erinsecret"},
	}
	return Asker{Profile: user, Endpoint: sts.Endpoint{URL: endpoint, Region: "us-east-1"}, Keys: keys[user], MFASerial: serial, Credential: credential}
}

// make asks for a new session.
func (r *rig) make(a Asker) (sts.Session, error) {
	return r.Make(r.t.Context(), session.Want{Profile: a.Profile, Credential: a.Credential, AllowEmulated: a.AllowEmulated, Attested: a.Attested, AutoResync: a.AutoResync,
		Plan: sts.Plan{Call: sts.GetSessionToken, Endpoint: a.Endpoint, Keys: a.Keys, MFASerial: a.MFASerial, Duration: time.Hour}})
}

// refused asks for a session that must fail with a code.
func (r *rig) refused(a Asker, want api.ErrorCode) *api.Error {
	r.t.Helper()
	_, err := r.make(a)
	var told *api.Error
	if !errors.As(err, &told) || told.Code != want {
		r.t.Fatalf("got %v, want error %s", err, want)
	}
	return told
}

func (r *rig) bindOK(a Asker, token, credential string) {
	r.t.Helper()
	if _, err := r.Bind(r.t.Context(), a, Choice{Token: token, Credential: credential}); err != nil {
		r.t.Fatal(err)
	}
}

// enrol enrols, and returns the binding that came of it.
func (r *rig) enrol(a Asker, e Enrolment) (broker.Binding, error) {
	r.t.Helper()
	out, err := r.Enroll(r.t.Context(), a, e)
	return out.Binding, err
}
