package piv

import (
	"time"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Key references of the slots (SP 800-73-4 part 1, 4.3, table 4b; Yubico
// extensions for the last one).
const (
	slotAuthentication     = 0x9A
	slotManagement         = 0x9B
	slotSignature          = 0x9C
	slotKeyManagement      = 0x9D
	slotCardAuthentication = 0x9E
	slotFirstRetired       = 0x82
	slotLastRetired        = 0x95
	slotAttestation        = 0xF9
)

// slotNone is MOVE KEY's destination that deletes.
const slotNone = 0xFF

// isSlot says whether a reference is that of an asymmetric key.
func isSlot(ref byte) bool {
	switch ref {
	case slotAuthentication, slotSignature, slotKeyManagement, slotCardAuthentication, slotAttestation:
		return true
	}
	return ref >= slotFirstRetired && ref <= slotLastRetired
}

// PIN policies (Yubico extensions, "PIN policy"). Two more exist on keys that
// read fingerprints.
const (
	pinNever  = 1
	pinOnce   = 2
	pinAlways = 3
)

// Touch policies (Yubico extensions, "Touch policy").
const (
	touchNever  = 1
	touchAlways = 2
	touchCached = 3 // since 4.3.0: one touch serves for touchCache
)

// touchCache is how long a touch serves keys of touchCached.
const touchCache = 15 * time.Second

// Tags of the policies in GENERATE and IMPORT.
const (
	tagPINPolicy   tlv.Tag = 0xAA
	tagTouchPolicy tlv.Tag = 0xAB
)

// A policy says what using a key takes.
type policy struct{ pin, touch byte }

// defaultPolicy is what a slot's keys have where a command names no policy
// (Yubico .NET SDK manual, "PIN, touch, and biometric policies").
func defaultPolicy(slot byte) policy {
	p := policy{pin: pinOnce, touch: touchNever}
	switch slot {
	case slotSignature:
		p.pin = pinAlways
	case slotCardAuthentication:
		p.pin = pinNever
	}
	return p
}

// offers says whether this firmware has a policy.
func (a *Applet) offers(p policy) bool {
	return p.pin >= pinNever && p.pin <= pinAlways && p.touch >= touchNever &&
		(p.touch <= touchAlways || p.touch == touchCached && a.options.Version.Since(4, 3, 0))
}

// policies reads the policies among a command's objects: one that is named is
// never 00, the default is what isn't named (Yubico .NET SDK manual, "Generate
// asymmetric key pair"). Any other object is passed to other, which says whether
// it belongs there.
func (a *Applet) policies(data []byte, slot byte, other func(tlv.Tag, []byte) bool) (policy, bool) {
	p := defaultPolicy(slot)
	r := tlv.NewReader(data)
	for r.Next() {
		v := r.Value()
		switch tag := r.Tag(); {
		case tag == tagPINPolicy && len(v) == 1:
			p.pin = v[0]
		case tag == tagTouchPolicy && len(v) == 1:
			p.touch = v[0]
		case tag == tagPINPolicy, tag == tagTouchPolicy, !other(tag, v):
			return policy{}, false
		}
	}
	return p, a.offers(p) && r.Err() == nil
}

// Tags of GENERATE (SP 800-73-4 part 2, 3.3.2, table 17).
const (
	tagGenerate  tlv.Tag = 0xAC
	tagAlgorithm tlv.Tag = 0x80
	tagPublic    tlv.Tag = 0x7F49
)

// generate makes a key in a slot and answers its public half (SP 800-73-4
// part 2, 3.3.2).
func (a *Applet) generate(cmd apdu.Command) ([]byte, apdu.SW) {
	switch {
	case cmd.P1 != 0 || !isSlot(cmd.P2):
		return nil, apdu.WrongP1P2
	case !a.session.management:
		return nil, apdu.SecurityStatus
	}
	template, ok, err := tlv.Find(cmd.Data, tagGenerate)
	if err != nil || !ok {
		return nil, apdu.WrongData
	}
	var alg algorithm
	p, ok := a.policies(template, cmd.P2, func(tag tlv.Tag, v []byte) bool {
		if tag != tagAlgorithm || len(v) != 1 {
			return false
		}
		alg = algorithm(v[0])
		return true
	})
	if !ok || !a.has(alg) {
		return nil, apdu.WrongData
	}
	k, err := generateKey(alg, random{a.hw})
	if err != nil {
		return nil, apdu.Unknown
	}
	k.policy, k.origin = p, originGenerated
	public, err := k.public()
	if err != nil {
		return nil, apdu.Unknown
	}
	if sw := a.store(a.state.withKey(cmd.P2, k)); sw != apdu.OK {
		return nil, sw
	}
	var w tlv.Writer
	w.Add(tagPublic, public)
	return answer(&w)
}

// importKey takes a private key into a slot (Yubico extensions, "IMPORT
// ASYMMETRIC KEY"): P1 is its algorithm.
func (a *Applet) importKey(cmd apdu.Command) apdu.SW {
	alg := algorithm(cmd.P1)
	switch {
	case !isSlot(cmd.P2):
		return apdu.WrongP1P2
	case !a.session.management:
		return apdu.SecurityStatus
	case !a.has(alg):
		return apdu.WrongData
	}
	parts := map[tlv.Tag][]byte{}
	p, ok := a.policies(cmd.Data, cmd.P2, func(tag tlv.Tag, v []byte) bool {
		parts[tag] = v
		return alg.hasPart(tag)
	})
	if !ok {
		return apdu.WrongData
	}
	k, ok := assembleKey(alg, parts)
	if !ok {
		return apdu.WrongData
	}
	k.policy, k.origin = p, originImported
	return a.store(a.state.withKey(cmd.P2, k))
}

// move puts a key into another, empty slot (P1), or deletes it (Yubico
// extensions, "MOVE KEY"). The attestation key can be deleted alone.
func (a *Applet) move(cmd apdu.Command) apdu.SW {
	to, from := cmd.P1, cmd.P2
	if !a.session.management {
		return apdu.SecurityStatus
	}
	if !isSlot(from) {
		return apdu.WrongP1P2
	}
	k, ok := a.state.keys[from]
	switch {
	case !ok:
		return apdu.ReferenceNotFound
	case to == slotNone:
		return a.store(a.state.withoutKey(from))
	case !isSlot(to) || to == slotAttestation || from == slotAttestation:
		return apdu.WrongP1P2
	}
	if _, taken := a.state.keys[to]; taken {
		return apdu.WrongData
	}
	return a.store(a.state.withoutKey(from).withKey(to, k))
}
