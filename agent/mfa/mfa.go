// Package mfa brings a token and an MFA device of AWS together: it finds the
// token that a profile's device is bound to, takes a code from it that was
// never used, has AWS turn it into a session, and enrols, binds and resyncs
// devices ([Service]).
//
// The order of things is the point of it: a counter is reserved and on disk
// before its code goes to anybody, and settled by AWS's answer before the
// session is handed on. What is cached, and who may ask, is decided elsewhere.
package mfa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/prompt"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/binding"
)

// clockAge is how old the last reading of AWS's clock may be when a counter is
// chosen. A reading costs one call without a code; a counter chosen by a wrong
// clock costs one of nine verifications.
const clockAge = 5 * time.Second

// A Service does what needs both a token and AWS. Its fields are set before
// its first use; its methods may be called at once from many goroutines.
type Service struct {
	AWS      *awsissuer.Issuer
	Broker   *broker.Broker
	Ledger   *broker.Ledger
	Bindings *broker.Bindings
	Clock    *Clock
	// Prompts returns the tokens whose codes are typed; it, or what it returns,
	// is nil where nobody is asked to type.
	Prompts func() *prompt.Driver
	// Verifier judges what tokens show for their serials; nil where none can
	// show anything.
	Verifier Verifier
	// Opening says how the state file was found.
	Opening store.Opening
	// Notify tells watchers; it must not block.
	Notify func(api.Event)
	// Beside runs what no caller waits for, with a context that ends with the
	// agent; nil to do without: then clocks are looked at, and not looked
	// after.
	Beside func(func(context.Context))
	Log    *slog.Logger

	proofs proofs

	mu sync.Mutex
	// changed is AWS's time when it last took a pair for a device: STS hears
	// of that some seconds later.
	changed map[sts.Device]time.Time
	// tended is when a token's clock was last looked after, in AWS's time.
	tended map[sts.Device]time.Time
}

func (s *Service) noteChange(d sts.Device, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = map[sts.Device]time.Time{}
	}
	s.changed[d] = at
}

func (s *Service) changedAt(d sts.Device) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed[d]
}

// An Asker is a profile as far as its MFA device goes.
type Asker struct {
	Profile  string
	Endpoint sts.Endpoint
	// Keys are the user's long-term keys.
	Keys sts.Keys
	// MFASerial names the device; "" where the profile names none yet.
	MFASerial string
	// Credential names the credential on a token; "" where only the binding
	// does.
	Credential string
	// Typed says that a person types the codes.
	Typed bool
	// Caller names the program that asks, for the person who is asked.
	Caller string
	// AllowEmulated lets an emulated token serve the profile.
	AllowEmulated bool
	// Attested wants a token that proves its serial at every connect.
	Attested bool
	// AutoResync lets two codes be handed to AWS unasked, where the token's
	// clock is outside AWS's window or on its way there.
	AutoResync bool
}

func askerOf(w session.Want) Asker {
	return Asker{
		Profile: w.Profile, Endpoint: w.Plan.Endpoint, Keys: w.Plan.Keys, MFASerial: w.Plan.MFASerial,
		Credential: w.Credential, Typed: w.Typed, Caller: w.Caller, AllowEmulated: w.AllowEmulated, Attested: w.Attested, AutoResync: w.AutoResync,
	}
}

// What a pair of codes is handed to AWS for.
const (
	enrolling = "enrol"
	resyncing = "resync"
)

// A target is an MFA device together with the token that gives its codes.
type target struct {
	asker      Asker
	id         sts.Identity
	device     sts.Device
	token      devices.Info
	credential devices.Credential
	// attested is how the token has to prove its serial; zero where it need
	// not.
	attested broker.Attestation
	// firstUse says that no binding stands yet: the profile's own words led to
	// the token, and AWS's first yes makes the binding.
	firstUse bool
	// purpose is written beside the counters that are reserved.
	purpose string

	// For an enrolment: whose device it is to be, and what signs the calls to
	// IAM where it isn't the asker's own keys.
	user    string
	signing sts.Keys
	// enabled are the devices that the user has already; second says that there
	// are any. made says that the device was made for this enrolment.
	enabled      []string
	second, made bool
}

// bound reports whether the codes are an MFA device's.
func (t target) bound() bool { return t.device != sts.Device{} }

// step returns the credential's time step at a moment.
func (t target) step(at time.Time) uint64 {
	return uint64(max(at.Unix(), 0)) / uint64(t.credential.Period/time.Second)
}

// start returns when a time step of the credential begins.
func (t target) start(counter uint64) time.Time {
	return time.Unix(int64(counter)*int64(t.credential.Period/time.Second), 0).UTC()
}

func (t target) String() string {
	return fmt.Sprintf("credential %q on token %s for MFA device %s", t.credential.ID, t.token.Serial, t.device.Serial)
}

// caller is the asker's side of a call to AWS, at AWS's time.
func (s *Service) caller(a Asker) awsissuer.Caller {
	return awsissuer.Caller{Endpoint: a.Endpoint, Keys: a.Keys, Skew: s.Clock.Skew(a.Endpoint.Name())}
}

// iamCaller is the target's side of a call to IAM that changes devices.
func (s *Service) iamCaller(t target) awsissuer.Caller {
	c := s.caller(t.asker)
	if t.signing != (sts.Keys{}) {
		c.Keys = t.signing
	}
	return c
}

// Identify asks AWS whose the asker's keys are, and thereby what time it is.
func (s *Service) Identify(ctx context.Context, a Asker) (sts.Identity, error) {
	id, err := s.AWS.Identity(ctx, s.caller(a))
	s.observe(a.Endpoint, id.Date, err)
	if err != nil {
		return id, fmt.Errorf("ask AWS whose the keys of profile %s are: %w", a.Profile, err)
	}
	return id, nil
}

// observe takes AWS's time from an answer, whichever way it went.
func (s *Service) observe(e sts.Endpoint, date time.Time, err error) {
	var refusal *sts.Refusal
	if errors.As(err, &refusal) {
		date = refusal.Date
	}
	s.Clock.Observe(e.Name(), date)
}

// locate finds the token for the asker's device and checks that it may serve.
func (s *Service) locate(ctx context.Context, a Asker) (target, error) {
	id, err := s.Identify(ctx, a)
	if err != nil {
		return target{}, err
	}
	if err := binding.CheckSerial(a.MFASerial, id); err != nil {
		return target{}, &api.Error{Code: api.MFARefused, Message: fmt.Sprintf("profile %s: %v", a.Profile, err),
			Hint: "correct mfa_serial; 'aws iam list-mfa-devices' shows the user's devices"}
	}
	t := target{asker: a, id: id, purpose: "session", device: sts.Device{Endpoint: a.Endpoint.Name(), Account: id.Account, Serial: a.MFASerial}}
	b, err := s.Bindings.OfDevice(ctx, t.device)
	switch {
	case err == nil:
		err = s.findBound(ctx, &t, b)
	case errors.Is(err, broker.ErrUnbound):
		err = s.findUnbound(ctx, &t)
	}
	var absent *api.Error
	if errors.As(err, &absent) && (absent.Code == api.NoToken || absent.Code == api.WrongToken || absent.Code == api.Unbound) {
		err = s.takePresent(ctx, &t, err)
	}
	if err != nil {
		return t, err
	}
	if err := t.serves(); err != nil {
		return t, err
	}
	return t, t.attestedEnough()
}

// serves checks what holds for every token, bound or not.
func (t target) serves() error {
	if t.emulated() && !t.asker.AllowEmulated {
		return &api.Error{Code: api.EmulatedToken,
			Message: fmt.Sprintf("token %s is emulated, and profile %s doesn't allow emulated tokens", t.token.Serial, t.asker.Profile),
			Hint:    "plug in the hardware token; for tests, set allow_emulated: true in fob.yaml and run 'fobd check'"}
	}
	if why := Unusable(t.credential); why != "" {
		return &api.Error{Code: api.UnusableToken, Message: fmt.Sprintf("%v: %s", t, why),
			Hint: fmt.Sprintf("'fob enroll --profile %s' puts a credential on the token that AWS takes", t.asker.Profile)}
	}
	return nil
}

// emulated reports whether no hardware stands behind the token: by the way it
// is reached, or by who vouches for its key.
func (t target) emulated() bool { return t.token.Slot.Emulated || t.attested.Emulated }

// Unusable says in a sentence why AWS can't take a credential's codes; "" if it
// can.
func Unusable(c devices.Credential) string {
	return binding.Unusable(binding.Credential{Type: string(c.Type), Algorithm: string(c.Algorithm), Digits: c.Digits, Period: c.Period})
}

// findBound finds the token of a binding, and refuses any other that has a
// credential of the same name.
func (s *Service) findBound(ctx context.Context, t *target, b broker.Binding) error {
	if err := s.plugBound(ctx, b); err != nil {
		return err
	}
	found, err := s.find(b.Credential, "")
	if err != nil {
		return err
	}
	var stranger error
	for _, f := range found {
		present := binding.Present{Token: f.Token.Serial, Emulated: f.Token.Slot.Emulated, Credential: f.Credential.ID}
		err := binding.Check(binding.Binding{Device: b.Device, Token: b.Token, Credential: b.Credential, Emulated: b.Emulated}, present)
		if err == nil {
			t.token, t.credential, t.attested = f.Token, f.Credential, b.Attestation
			return nil
		}
		stranger = err
	}
	if stranger != nil {
		return &api.Error{Code: api.WrongToken, Message: fmt.Sprintf("take a code for profile %s: %v", t.asker.Profile, stranger),
			Hint: fmt.Sprintf("plug in token %s, or run 'fob bind --profile %s' to take the new one", b.Token, t.asker.Profile)}
	}
	return &api.Error{Code: api.NoToken,
		Message: fmt.Sprintf("take a code for profile %s: token %s with credential %q isn't plugged in", t.asker.Profile, b.Token, b.Credential),
		Hint:    "plug it in; 'fob tokens' shows what is there"}
}

// findUnbound finds the token that the profile's own words lead to: the one
// with the credential it names, or the fob that carries the device's serial. A
// ledger that was lost takes no such word.
func (s *Service) findUnbound(ctx context.Context, t *target) error {
	a := t.asker
	unbound := &api.Error{Code: api.Unbound, Message: fmt.Sprintf("no token is bound to MFA device %s of profile %s", a.MFASerial, a.Profile),
		Hint: fmt.Sprintf("run 'fob bind --profile %s'", a.Profile)}
	if s.Opening.Closure.Closed() {
		unbound.Message = fmt.Sprintf("%s: the agent's state file was found %s, so each token is asked for anew", unbound.Message, s.Opening.Closure.Kind)
		return unbound
	}
	token, err := s.typedToken(ctx, a, "")
	if err != nil {
		return err
	}
	if a.isHardware() && s.typing() != nil {
		unbound.Hint += fmt.Sprintf("; for a fob that has only a display, 'fob bind --profile %s --token %s'", a.Profile, prompt.Name)
	}
	found, err := s.candidates(ctx, a, token, "")
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		if a.Credential != "" {
			return &api.Error{Code: api.NoToken, Message: fmt.Sprintf("take a code for profile %s: no token that is plugged in has credential %q", a.Profile, a.Credential),
				Hint: "plug it in; 'fob list' shows what is there"}
		}
		return unbound
	case 1:
	default:
		return ambiguous(a, found)
	}
	t.token, t.credential, t.firstUse = found[0].Token, found[0].Credential, true
	return s.notTaken(ctx, *t)
}

// notTaken refuses a credential whose codes are another device's.
func (s *Service) notTaken(ctx context.Context, t target) error {
	other, err := s.Bindings.OfCredential(ctx, t.token.Serial, t.credential.ID)
	switch {
	case errors.Is(err, broker.ErrUnbound) || err == nil && other.Device == t.device:
		return nil
	case err != nil:
		return err
	}
	return &binding.TakenError{Token: other.Token, Credential: other.Credential, By: other.Device, For: t.device}
}

// candidates returns the credentials that may be meant by what an asker says,
// narrowed to a token and a credential where they are named.
func (s *Service) candidates(ctx context.Context, a Asker, token, credential string) ([]broker.Found, error) {
	if _, typed := prompt.Typed(token); typed {
		return s.find(credential, token)
	}
	if credential == "" {
		credential = a.Credential
	}
	if credential == "" && token == "" && binding.Hardware(a.MFASerial) {
		token = a.MFASerial
	}
	if credential == "" && token == "" {
		return nil, nil
	}
	return orNone(s.Broker.Seek(ctx, credential, token))
}

// find is the broker's, with nothing found as an empty list.
func (s *Service) find(credential, token string) ([]broker.Found, error) {
	return orNone(s.Broker.Find(credential, token))
}

func orNone(found []broker.Found, err error) ([]broker.Found, error) {
	var noToken *broker.NoTokenError
	var notFound *broker.NotFoundError
	if errors.As(err, &noToken) || errors.As(err, &notFound) {
		return nil, nil
	}
	return found, err
}

func ambiguous(a Asker, found []broker.Found) error {
	msg := fmt.Sprintf("more than one credential may be meant by profile %s:", a.Profile)
	for i, f := range found {
		if i > 0 {
			msg += ","
		}
		msg += fmt.Sprintf(" %q on token %s", f.Credential.ID, f.Token.Serial)
	}
	return &api.Error{Code: api.Ambiguous, Message: msg,
		Hint: fmt.Sprintf("name one: 'fob bind --profile %s --token SERIAL --credential NAME'", a.Profile)}
}
