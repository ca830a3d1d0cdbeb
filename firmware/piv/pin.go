package piv

import (
	"crypto/subtle"
	"slices"

	"github.com/fob-auth/fob/firmware/apdu"
)

// Key references of the PIN and the PUK (SP 800-73-4 part 1, 4.3, table 4b).
const (
	refPIN = 0x80
	refPUK = 0x81
)

// p1Forget is VERIFY's P1 that takes the PIN's verification back (SP 800-73-4
// part 2, 3.2.1).
const p1Forget = 0xFF

// minPIN is the shortest PIN or PUK, in bytes before its padding.
const minPIN = 6

// maxShownTries is the most tries that a status word can tell.
const maxShownTries = 15

// verify proves the PIN, or tells whether it is proven and how many tries it
// has (SP 800-73-4 part 2, 3.2.1).
func (a *Applet) verify(cmd apdu.Command) apdu.SW {
	switch {
	case cmd.P2 != refPIN:
		return apdu.ReferenceNotFound
	case cmd.P1 == p1Forget && len(cmd.Data) == 0:
		a.submitted(false)
		return apdu.OK
	case cmd.P1 != 0:
		return apdu.WrongP1P2
	case len(cmd.Data) == 0:
		if a.session.pin {
			return apdu.OK
		}
		return a.state.pin.refusal()
	case len(cmd.Data) != pinSize:
		return apdu.WrongData
	}
	next := a.state
	sw := a.prove(&next, &next.pin, cmd.Data)
	a.submitted(sw == apdu.OK)
	return sw
}

// submitted sets what the session knows of the PIN: proven just now, or not.
func (a *Applet) submitted(proven bool) {
	a.session.pin, a.session.fresh = proven, proven
}

// refusal is the status word that tells how many tries are left.
func (s secret) refusal() apdu.SW {
	if s.left == 0 {
		return apdu.AuthBlocked
	}
	return apdu.VerifyFailed | apdu.SW(min(s.left, maxShownTries))
}

// prove compares a PIN or PUK, which is part of next, and stores its counter if
// that changed.
func (a *Applet) prove(next *state, s *secret, value []byte) apdu.SW {
	if s.left == 0 {
		return apdu.AuthBlocked
	}
	before := s.left
	good := subtle.ConstantTimeCompare(s.value[:], value) == 1
	if good {
		s.left = s.tries
	} else {
		s.left--
	}
	if s.left != before && a.commit(*next) != nil {
		return apdu.MemoryFailure
	}
	if !good {
		return s.refusal()
	}
	return apdu.OK
}

// change sets a new PIN or PUK by the old one. The PIN counts as proven then; a
// wrong old PIN takes back that it was (SP 800-73-4 part 2, 3.2.2).
func (a *Applet) change(cmd apdu.Command) apdu.SW {
	next := a.state
	s := &next.pin
	switch {
	case cmd.P1 != 0:
		return apdu.WrongP1P2
	case cmd.P2 == refPUK:
		s = &next.puk
	case cmd.P2 != refPIN:
		return apdu.ReferenceNotFound
	}
	sw := a.replace(&next, s, s, cmd)
	if cmd.P2 == refPIN && sw != apdu.WrongData {
		a.submitted(sw == apdu.OK)
	}
	return sw
}

// unblock sets a new PIN by the PUK. A wrong PUK takes back that the PIN was
// proven; a right one leaves it (SP 800-73-4 part 2, 3.2.3).
func (a *Applet) unblock(cmd apdu.Command) apdu.SW {
	switch {
	case cmd.P1 != 0:
		return apdu.WrongP1P2
	case cmd.P2 != refPIN:
		return apdu.ReferenceNotFound
	}
	next := a.state
	sw := a.replace(&next, &next.puk, &next.pin, cmd)
	if sw != apdu.OK && sw != apdu.WrongData {
		a.submitted(false)
	}
	return sw
}

// replace sets target, once proof is shown; both are part of next. The data is
// the old value and the new one. The old one is looked at first, though 6A80
// for the new one then follows a counter that was reset: clients block a PUK by
// sixteen bytes of padding (ykman, "piv reset").
func (a *Applet) replace(next *state, proof, target *secret, cmd apdu.Command) apdu.SW {
	if len(cmd.Data) != 2*pinSize {
		return apdu.WrongData
	}
	if sw := a.prove(next, proof, cmd.Data[:pinSize]); sw != apdu.OK {
		return sw
	}
	value := cmd.Data[pinSize:]
	if !a.accepts(cmd.P2, value) {
		return apdu.WrongData
	}
	target.left = target.tries
	copy(target.value[:], value)
	return a.store(*next)
}

// padding fills a PIN or PUK up to pinSize (SP 800-73-4 part 2, 2.4.3).
const padding = 0xFF

// accepts says whether a padded value may become the PIN or PUK. The bytes of a
// PIN may be any but the padding's; those of a PUK any before 5.7.0, and 00 to
// 7F since (Yubico .NET SDK manual, "Change reference data").
func (a *Applet) accepts(ref byte, value []byte) bool {
	for len(value) > 0 && value[len(value)-1] == padding {
		value = value[:len(value)-1]
	}
	highest := byte(0xFF)
	switch {
	case ref == refPIN:
		highest = padding - 1
	case a.options.Version.Since(5, 7, 0):
		highest = 0x7F
	}
	return len(value) >= minPIN && slices.Max(value) <= highest
}

// setRetries sets how many tries PIN and PUK have, and both to their factory
// values (Yubico extensions, "SET PIN RETRIES").
func (a *Applet) setRetries(cmd apdu.Command) apdu.SW {
	switch {
	case !a.session.management || !a.session.pin:
		return apdu.SecurityStatus
	case cmd.P1 == 0 || cmd.P2 == 0:
		return apdu.WrongP1P2
	}
	fresh, next := a.factory(), a.state
	next.pin, next.puk = fresh.pin, fresh.puk
	next.pin.tries, next.pin.left = cmd.P1, cmd.P1
	next.puk.tries, next.puk.left = cmd.P2, cmd.P2
	return a.store(next)
}
