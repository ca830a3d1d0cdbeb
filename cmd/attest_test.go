//go:build pcsc && linux

package cmd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebfe/scard"
	pivgo "github.com/go-piv/piv-go/v2/piv"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/pcsc"
	"github.com/fob-auth/fob/devices/piv"
	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/benchtest"
)

// openKeys opens all keys in a bench's readers, by their serials.
func openKeys(t *testing.T, want int) map[string]devices.Token {
	t.Helper()
	driver := pcsc.New()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sets, ended := make(chan []devices.Slot), make(chan error, 1)
	go func() { ended <- driver.Watch(ctx, sets) }()
	var slots []devices.Slot
	for len(slots) != want {
		select {
		case slots = <-sets:
		case err := <-ended:
			t.Fatalf("%d keys, want %d: %v", len(slots), want, err)
		}
	}
	cancel()
	<-ended
	keys := map[string]devices.Token{}
	for _, s := range slots {
		token, err := driver.Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { token.Close() })
		keys[token.Info().Serial] = token
	}
	return keys
}

// onPIV has piv-go do something to the key in a token's reader.
func onPIV(t *testing.T, token devices.Token, do func(*pivgo.YubiKey) error) {
	t.Helper()
	key, err := pivgo.Open(token.Info().Slot.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(key), key.Close()); err != nil {
		t.Fatal(err)
	}
}

var untouched = pivgo.Key{Algorithm: pivgo.AlgorithmEC256, PINPolicy: pivgo.PINPolicyNever, TouchPolicy: pivgo.TouchPolicyNever}

func makeKey(t *testing.T, token devices.Token, slot pivgo.Slot, k pivgo.Key) {
	t.Helper()
	onPIV(t, token, func(key *pivgo.YubiKey) error {
		_, err := key.GenerateKey(pivgo.DefaultManagementKey, slot, k)
		return err
	})
}

// rootOf reads a bench's root, as from the file that the agent's config names.
func rootOf(b *emulator.Bench) func() ([]byte, error) {
	return func() ([]byte, error) {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.AttestationRoot()}), nil
	}
}

func attest(t *testing.T, token devices.Token, slot, challenge string) devices.Attestation {
	t.Helper()
	a, err := token.(devices.Attester).Attest(t.Context(), slot, []byte(challenge))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestAttestation: a key in a reader proves its serial, with every kind of key
// that signs; and whatever else is shown for a proof is none.
func TestAttestation(t *testing.T) {
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader}
  - {kind: yubikey, name: yk2, serial: 87654321, firmware: 5.7.1, attach: reader}
  - {kind: yubikey, name: yk3, serial: 5270000, firmware: 5.2.7, attach: reader}
  - {kind: yubikey, name: yk4, serial: 4370000, firmware: 4.3.7, attach: reader}
`)
	keys := openKeys(t, 4)
	one, two := keys["12345678"], keys["87654321"]
	retired, _ := pivgo.RetiredKeyManagementSlot(0x82)
	for slot, kind := range map[pivgo.Slot]pivgo.Algorithm{pivgo.SlotAuthentication: pivgo.AlgorithmEC256, pivgo.SlotSignature: pivgo.AlgorithmEC384,
		pivgo.SlotCardAuthentication: pivgo.AlgorithmRSA2048, retired: pivgo.AlgorithmEd25519} {
		k := untouched
		k.Algorithm = kind
		makeKey(t, two, slot, k)
	}
	makeKey(t, one, pivgo.SlotAuthentication, untouched)
	bench := piv.Verifier{EmulatedRoot: rootOf(b)}
	proofs := map[string]bool{}
	for _, slot := range []string{"9a", "9c", "9e", "82"} {
		proof, err := bench.Verify(attest(t, two, slot, "nonce"), []byte("nonce"))
		if err != nil || proof.Serial != "87654321" || proof.Slot != slot || !proof.Emulated || len(proof.Key) != 64 {
			t.Errorf("slot %s: %+v, %v", slot, proof, err)
		}
		proofs[proof.Key] = true
	}
	if len(proofs) != 4 {
		t.Errorf("%d different keys, want 4", len(proofs))
	}

	for _, serial := range []string{"5270000", "4370000"} {
		makeKey(t, keys[serial], pivgo.SlotAuthentication, untouched)
		if proof, err := bench.Verify(attest(t, keys[serial], "9a", "nonce"), []byte("nonce")); err != nil || proof.Serial != serial {
			t.Errorf("firmware %s: %+v, %v", keys[serial].Info().Firmware, proof, err)
		}
	}

	mine, theirs, older := attest(t, one, "9a", "nonce"), attest(t, two, "9a", "nonce"), attest(t, one, "9a", "an older nonce")
	other := benchtest.StartFile(t, "tokens:\n  - {kind: yubikey, name: yk3, serial: 12345678, firmware: 5.4.3, attach: socket}\n").Emulator
	for _, test := range []struct {
		name   string
		by     piv.Verifier
		change func(*devices.Attestation)
		says   string
	}{
		{"another's certificates, without the key", bench, func(a *devices.Attestation) { a.Signature = theirs.Signature }, "hasn't got the key"},
		{"a signature of before", bench, func(a *devices.Attestation) { a.Signature = older.Signature }, "hasn't got the key"},
		{"no signature", bench, func(a *devices.Attestation) { a.Signature = nil }, "hasn't got the key"},
		{"a signature for another slot", bench, func(a *devices.Attestation) { a.Slot = "9c" }, "is of slot 9a, not of slot 9c"},
		{"another token's issuer", bench, func(a *devices.Attestation) { a.Issuer = theirs.Issuer }, "lead neither to Yubico's root nor to the bench's"},
		{"the statement for an issuer", bench, func(a *devices.Attestation) { a.Issuer = a.Certificate }, "lead neither"},
		{"the issuer for a statement", bench, func(a *devices.Attestation) { a.Certificate = a.Issuer }, "names no serial"},
		{"a bench that nobody trusts", piv.Verifier{}, func(*devices.Attestation) {}, "don't lead to Yubico's root"},
		{"another bench", piv.Verifier{EmulatedRoot: rootOf(other)}, func(*devices.Attestation) {}, "lead neither"},
		{"a root that isn't there", piv.Verifier{EmulatedRoot: func() ([]byte, error) { return nil, errors.New("no such file") }}, func(*devices.Attestation) {}, "no such file"},
		{"a root that is none", piv.Verifier{EmulatedRoot: func() ([]byte, error) { return []byte("PEM"), nil }}, func(*devices.Attestation) {}, "no certificate in"},
		{"half a statement", bench, func(a *devices.Attestation) { a.Certificate = a.Certificate[:100] }, "no certificate"},
		{"no issuer", bench, func(a *devices.Attestation) { a.Issuer = nil }, "no certificate"},
	} {
		a := mine
		test.change(&a)
		proof, err := test.by.Verify(a, []byte("nonce"))
		if !errors.Is(err, devices.ErrUnattested) || !strings.Contains(err.Error(), test.says) || proof != (devices.Proof{}) {
			t.Errorf("%s: %+v, %v; want ErrUnattested that says %q", test.name, proof, err, test.says)
		}
	}
}

// TestSlotsThatProveNothing: why a slot's key can't be used is said, and nobody
// waits for a touch to find out.
func TestSlotsThatProveNothing(t *testing.T) {
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, touch: manual}
`)
	token := openKeys(t, 1)["12345678"]
	pin, touch := untouched, untouched
	pin.PINPolicy, touch.TouchPolicy = pivgo.PINPolicyOnce, pivgo.TouchPolicyAlways
	makeKey(t, token, pivgo.SlotSignature, pin)
	makeKey(t, token, pivgo.SlotKeyManagement, touch)
	onPIV(t, token, func(key *pivgo.YubiKey) error {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		return key.SetPrivateKeyInsecure(pivgo.DefaultManagementKey, pivgo.SlotCardAuthentication, made, untouched)
	})
	for slot, says := range map[string]string{
		"9a": "no key was made on it", "9e": "no key was made on it", "9c": "wants its PIN for each signature", "9d": "wants a touch",
		"f9": "no slot", "9b": "no slot", "9A": "no slot", "": "no slot", "09a": "no slot",
	} {
		_, err := token.(devices.Attester).Attest(t.Context(), slot, []byte("nonce"))
		var named *devices.Error
		if err == nil || !strings.Contains(err.Error(), says) || !errors.As(err, &named) || named.Token != "12345678" {
			t.Errorf("slot %q: %v, want it to say %q", slot, err, says)
		}
	}
	key, err := b.Token("yk1")
	if err != nil {
		t.Fatal(err)
	}
	if s := key.State(); s.Presses != 0 || s.Waiting {
		t.Errorf("a touch was asked for: %+v", s)
	}
	if _, err := token.(devices.Coder).Credentials(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAttestationUnderFaults spoils each command of an attestation in turn, in
// each way. Nothing panics, nothing but the truth is proven, and the key isn't
// left to anybody's exclusive use: the next attestation succeeds.
func TestAttestationUnderFaults(t *testing.T) {
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, interface: nfc}
`)
	card, err := b.Token("yk1")
	if err != nil {
		t.Fatal(err)
	}
	token := openKeys(t, 1)["12345678"]
	makeKey(t, token, pivgo.SlotAuthentication, untouched)
	before := card.State().Commands
	attest(t, token, "9a", "nonce")
	commands := int(card.State().Commands - before)
	verifier := piv.Verifier{EmulatedRoot: rootOf(b)}
	kinds := []api.Fault{{Kind: api.FaultDrop}, {Kind: api.FaultStatus, SW: 0x6F00}, {Kind: api.FaultStatus, SW: 0x9000}, {Kind: api.FaultGarbage, Bytes: 64},
		{Kind: api.FaultTruncate}, {Kind: api.FaultTruncate, Bytes: 1}, {Kind: api.FaultTruncate, Bytes: 3}, {Kind: api.FaultRemove}}
	proven, refused := 0, 0
	for at := range commands {
		for _, fault := range kinds {
			name := fmt.Sprintf("command %d of %d: %s %04X, %d bytes", at, commands, fault.Kind, fault.SW, fault.Bytes)
			fault.After = at
			if err := card.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			a, err := token.(devices.Attester).Attest(t.Context(), "9a", []byte("nonce"))
			if err == nil {
				_, err = verifier.Verify(a, []byte("nonce"))
			}
			if err == nil {
				proven++ // on the second try
			} else {
				refused++
			}
			if fault.Kind == api.FaultRemove {
				if !errors.Is(err, devices.ErrRemoved) {
					t.Errorf("%s: %v, want ErrRemoved", name, err)
				}
				if err := card.Plug(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := token.(devices.Coder).Credentials(t.Context()); errors.Is(err, devices.ErrRemoved) {
				token = openKeys(t, 1)["12345678"]
			} else if err != nil {
				t.Errorf("%s: afterwards %v", name, err)
			}
			if _, err := verifier.Verify(attest(t, token, "9a", "next"), []byte("next")); err != nil {
				t.Fatalf("%s: the next one: %v", name, err)
			}
		}
	}
	t.Logf("%d commands, %d proven in spite of a fault, %d refused", commands, proven, refused)
}

// TestAttestationBesideOthers: a program that stays connected to the key is
// left alone, said so, and waited for.
func TestAttestationBesideOthers(t *testing.T) {
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader}
`)
	token := openKeys(t, 1)["12345678"]
	makeKey(t, token, pivgo.SlotAuthentication, untouched)
	service, err := scard.EstablishContext()
	if err != nil {
		t.Fatal(err)
	}
	defer service.Release()
	card, err := service.Connect(token.Info().Slot.Path, scard.ShareShared, scard.ProtocolT1)
	if err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := token.(devices.Attester).Attest(soon, "9a", []byte("nonce")); !errors.Is(err, devices.ErrBusy) {
		t.Errorf("while another program is connected: %v, want ErrBusy", err)
	}
	proofs := make(chan error, 1)
	go func() {
		a, err := token.(devices.Attester).Attest(t.Context(), "9a", []byte("nonce"))
		if err == nil {
			_, err = piv.Verifier{EmulatedRoot: rootOf(b)}.Verify(a, []byte("nonce"))
		}
		proofs <- err
	}()
	if err := errors.Join(card.Disconnect(scard.LeaveCard), <-proofs); err != nil {
		t.Errorf("once it is gone: %v", err)
	}
}

// TestPlugsBesideProofs takes a key out while it proves itself, at each command
// in turn or at any moment: each ends as a proof or as on a key that is gone, and the next one on
// the key that is back succeeds.
func TestPlugsBesideProofs(t *testing.T) {
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, interface: nfc}
`)
	key, err := b.Token("yk1")
	if err != nil {
		t.Fatal(err)
	}
	makeKey(t, openKeys(t, 1)["12345678"], pivgo.SlotAuthentication, untouched)
	driver := pcsc.New()
	ctx, cancel := context.WithCancel(t.Context())
	sets, ended := make(chan []devices.Slot), make(chan error, 1)
	go func() { ended <- driver.Watch(ctx, sets) }()
	defer func() { cancel(); <-ended }()
	verifier := piv.Verifier{EmulatedRoot: rootOf(b)}
	prove := func(token devices.Token, challenge string) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		a, err := token.(devices.Attester).Attest(ctx, "9a", []byte(challenge))
		if err == nil {
			_, err = verifier.Verify(a, []byte(challenge))
		}
		return err
	}
	proven, lost := 0, 0
	var last devices.Slot
	for i := range 200 {
		last = nextSlot(ctx, t, sets, last)
		token, err := driver.Open(ctx, last)
		if err == nil {
			err = prove(token, "undisturbed")
		}
		if err != nil {
			t.Fatalf("plug %d: %v", i, err)
		}
		out := make(chan error, 1)
		if i%2 == 0 {
			out <- key.AddFault(api.Fault{Kind: api.FaultRemove, After: i / 2 % 8}) // of the commands of a proof
		} else {
			go func() { out <- key.Unplug() }()
		}
		switch err := prove(token, "disturbed"); {
		case err == nil:
			proven++
		case errors.Is(err, devices.ErrRemoved):
			lost++
		default:
			t.Fatalf("plug %d: %v", i, err)
		}
		if err := errors.Join(<-out, token.Close(), key.Plug()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d proofs, %d on a key that was gone", proven, lost)
}
