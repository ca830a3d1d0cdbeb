package mfa

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
)

// A provingToken shows something for its serial. Its certificates and its
// signatures are texts that softVerifier reads.
type provingToken struct {
	writableToken
	// says is the serial in its certificates, maker who signed them, and key
	// the one in its slot.
	says, maker, key string
	// replay, when set, is shown in place of a signature.
	replay []byte
	// refuses, when set, is why it shows nothing.
	refuses error

	challenges [][]byte
}

// The makers that softVerifier knows.
const (
	hardwareMaker = "hardware"
	benchMaker    = "bench"
)

func proving(serial string) *provingToken {
	return &provingToken{writableToken: yubikey(serial, totp("AWS:carol", carolSeed)), says: serial, maker: hardwareMaker, key: "key of " + serial}
}

func (p *provingToken) Attest(_ context.Context, slot string, challenge []byte) (devices.Attestation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses != nil {
		return devices.Attestation{}, &devices.Error{Op: "prove the serial", Token: p.info.Serial, Err: p.refuses}
	}
	p.challenges = append(p.challenges, challenge)
	a := devices.Attestation{Slot: slot, Certificate: []byte(p.says + "\n" + p.key), Issuer: []byte(p.maker), Signature: signature(p.key, challenge)}
	if p.replay != nil {
		a.Signature = p.replay
	}
	return a, nil
}

func (p *provingToken) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *provingToken) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.challenges)
}

func signature(key string, challenge []byte) []byte { return append([]byte(key), challenge...) }

type softVerifier struct{}

func (softVerifier) Verify(a devices.Attestation, challenge []byte) (devices.Proof, error) {
	serial, key, _ := strings.Cut(string(a.Certificate), "\n")
	maker := string(a.Issuer)
	if maker != hardwareMaker && maker != benchMaker || !bytes.Equal(a.Signature, signature(key, challenge)) {
		return devices.Proof{}, fmt.Errorf("%w: forged", devices.ErrUnattested)
	}
	return devices.Proof{Serial: serial, Slot: a.Slot, Key: key, Emulated: maker == benchMaker}, nil
}

// reconnect has the keeper open a token anew.
func (r *rig) reconnect(serial string) {
	r.t.Helper()
	gone := r.Broker.Do(r.t.Context(), serial, "pull", func(context.Context, devices.Token) error { return devices.ErrRemoved })
	back := r.Broker.Do(r.t.Context(), serial, "look", func(context.Context, devices.Token) error { return nil })
	if !errors.Is(gone, devices.ErrRemoved) || back != nil {
		r.t.Fatalf("reconnect: %v, %v", gone, back)
	}
}

func attestedAsker() Asker {
	a := asker("carol", carolARN, "AWS:carol")
	a.Attested = true
	return a
}

// TestAttestedAtEveryConnect: a token proves its serial when it is bound and
// whenever it is connected, each time for another challenge, and not again for
// each code.
func TestAttestedAtEveryConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := proving("12345678")
		r := newRig(t, softDriver{"a": yk})
		carol := attestedAsker()
		told := r.refused(carol, api.Unattested)
		if !strings.Contains(told.Message, "12345678") || !strings.Contains(told.Hint, "fob bind --profile carol --attest") {
			t.Errorf("refused with %+v", told)
		}
		if n := yk.asked(); n != 0 {
			t.Errorf("asked for %d proofs that no binding wants", n)
		}
		b, err := r.Bind(t.Context(), carol, Choice{})
		if err != nil || b.Attestation != (broker.Attestation{Slot: "9a", Key: "key of 12345678"}) {
			t.Fatalf("bound %+v, %v", b, err)
		}
		for range 3 {
			if _, err := r.make(carol); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Prove(t.Context(), carol); err != nil {
			t.Error(err)
		}
		if n := yk.asked(); n != 1 {
			t.Errorf("asked for %d proofs, want one", n)
		}
		for range 3 {
			r.reconnect("12345678")
		}
		if n := yk.asked(); n != 4 || !r.Proved("12345678") {
			t.Errorf("asked for %d proofs after three more connects", n)
		}
		for i, c := range yk.challenges {
			if len(c) != challengeSize || slices.ContainsFunc(yk.challenges[:i], func(d []byte) bool { return bytes.Equal(c, d) }) {
				t.Errorf("challenge %d is no fresh one: %x", i, c)
			}
		}
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhatProvesNothing: no code leaves a token whose proof fails at a connect,
// whatever was proved before, whoever asks, and no proof binds another token.
func TestWhatProvesNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*provingToken)
		says   string
	}{
		{"claims the serial, and proves another", func(p *provingToken) { p.says = "87654321" }, "it says that it is token 12345678, and proves to be token 87654321"},
		{"shows the certificates without the key", func(p *provingToken) { p.replay = []byte("nonsense") }, "forged"},
		{"repeats an old signature", func(p *provingToken) { p.replay = signature(p.key, bytes.Repeat([]byte{1}, challengeSize)) }, "forged"},
		{"has another maker", func(p *provingToken) { p.maker = "me" }, "forged"},
		{"is the bench's now", func(p *provingToken) { p.maker = benchMaker }, "who made it isn't who made the token that was bound"},
		{"has another key", func(p *provingToken) { p.key = "new" }, "isn't the one that was there when it was bound"},
		{"has no key any more", func(p *provingToken) { p.refuses = fmt.Errorf("%w: no key", devices.ErrUnattested) }, "no key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				yk := proving("12345678")
				r := newRig(t, softDriver{"a": yk})
				carol := asker("carol", carolARN, "AWS:carol")
				if _, err := r.Bind(t.Context(), carol, Choice{Slot: "82"}); err != nil {
					t.Fatal(err)
				}
				if _, err := r.make(carol); err != nil {
					t.Fatal(err)
				}
				yk.change(func() { test.change(yk) })
				r.reconnect("12345678")
				if r.Proved("12345678") || !r.noted(api.EventRefused) {
					t.Error("nobody is told at the connect")
				}
				found, err := r.Broker.Find("AWS:carol", "12345678")
				if err != nil {
					t.Fatal(err)
				}
				before := len(r.aws.Requests("GetSessionToken"))
				_, session := r.make(carol)
				_, code := r.Code(t.Context(), carol, found[0], false)
				_, peek := r.Code(t.Context(), Asker{}, found[0], true)
				_, resynced := r.Resync(t.Context(), carol)
				proved := r.Prove(t.Context(), carol)
				_, bound := r.Bind(t.Context(), carol, Choice{}) // as before: with a proof
				if test.name == "has another key" || test.name == "is the bench's now" {
					bound = code // what is proved can be bound anew, if the profile allows it
				}
				for _, err := range []error{session, code, peek, resynced, proved, bound} {
					if !errors.Is(err, devices.ErrUnattested) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "12345678") {
						t.Errorf("got %v, want it to say %q", err, test.says)
					}
				}
				if n := len(r.aws.Requests("GetSessionToken")); n != before {
					t.Error("a code went to AWS")
				}
				state, err := r.Ledger.Spent(t.Context(), mustDevice(t, r), "12345678", "AWS:carol", 0, 1<<40)
				if err != nil || len(state) != 1 {
					t.Errorf("counters spent: %d, %v; want the one of the first session", len(state), err)
				}
			})
		})
	}
}

func mustDevice(t *testing.T, r *rig) (d sts.Device) {
	t.Helper()
	all, err := r.Bindings.All(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d bindings, %v", len(all), err)
	}
	return all[0].Device
}

// TestProofsByOtherDoors: a token that can't be asked, one of the bench where
// none is allowed, and a binding that was made without a proof.
func TestProofsByOtherDoors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain := yubikey("12345678", totp("AWS:carol", carolSeed))
		r := newRig(t, softDriver{"a": plain})
		carol := attestedAsker()
		if _, err := r.Bind(t.Context(), carol, Choice{}); !errors.Is(err, devices.ErrUnattested) || !strings.Contains(err.Error(), "PC/SC") {
			t.Errorf("bound a token that can't be asked: %v", err)
		}
		r.bindOK(asker("carol", carolARN, "AWS:carol"), "", "")
		r.refused(carol, api.Unattested)
		found, err := r.Broker.Find("AWS:carol", "")
		if err != nil {
			t.Fatal(err)
		}
		var told *api.Error
		if _, err := r.Code(t.Context(), carol, found[0], true); !errors.As(err, &told) || told.Code != api.Unattested {
			t.Errorf("a code for a profile that wants a proof: %v", err)
		}
		if _, err := r.Resync(t.Context(), carol); !errors.As(err, &told) || told.Code != api.Unattested {
			t.Errorf("a resync for a profile that wants a proof: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		yk := proving("12345678")
		yk.maker = benchMaker
		r := newRig(t, softDriver{"a": yk})
		carol := attestedAsker()
		var told *api.Error
		if _, err := r.Bind(t.Context(), carol, Choice{}); !errors.As(err, &told) || told.Code != api.EmulatedToken {
			t.Errorf("bound a token that the bench vouches for: %v", err)
		}
		carol.AllowEmulated = true
		if _, err := r.Bind(t.Context(), carol, Choice{}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		carol.AllowEmulated = false
		r.refused(carol, api.EmulatedToken)
	})
}

// TestEnrolProved: where the profile wants a proof, it comes before the device
// is made, and stands in the binding.
func TestEnrolProved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := proving("12345678")
		yk.replay = []byte("nonsense")
		r := newRig(t, softDriver{"a": yk})
		erin := asker("erin", "", "AWS:erin")
		erin.Attested = true
		if _, err := r.Enroll(t.Context(), erin, Enrolment{}); !errors.Is(err, devices.ErrUnattested) {
			t.Errorf("enrolled: %v", err)
		}
		if n := len(r.aws.Requests("CreateVirtualMFADevice")); n != 0 {
			t.Errorf("%d devices made for a token that proves nothing", n)
		}
		yk.change(func() { yk.replay = nil })
		b, err := r.enrol(erin, Enrolment{Slot: "82"})
		if err != nil || b.Attestation.Slot != "82" {
			t.Fatalf("enrolled %+v, %v", b, err)
		}
		erin.MFASerial = b.Device.Serial
		if _, err := r.make(erin); err != nil {
			t.Fatal(err)
		}
	})
}
