package piv

import (
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Tags of GET DATA and PUT DATA (SP 800-73-4 part 2, 3.1.2 and 3.3.1).
const (
	tagList    tlv.Tag = 0x5C
	tagContent tlv.Tag = 0x53
)

// Objects that are more than plain data (SP 800-73-4 part 1, 4.3, table 3;
// Yubico extensions, "Attestation").
const (
	objectDiscovery   = 0x7E
	objectFingers     = 0x5FC103
	objectFace        = 0x5FC108
	objectPrinted     = 0x5FC109
	objectIris        = 0x5FC121
	objectAttestation = 0x5FFF01
)

// Bounds of the storage, in bytes (Yubico .NET SDK manual, "PIV data
// objects").
const (
	maxObject  = 3063  // content of one object
	maxObjects = 51200 // of all together
)

// isObject says whether a client may store data under an identifier: all of
// the interindustry class with three bytes that begin with 5F.
func isObject(id uint32) bool { return id>>16 == 0x5F }

// anyObject is the P1 and P2 of both commands: the current application's data.
func anyObject(cmd apdu.Command) bool { return cmd.P1 == 0x3F && cmd.P2 == 0xFF }

// Tags of the discovery object (SP 800-73-4 part 1, 3.3.2).
const (
	tagDiscovery tlv.Tag = 0x7E
	tagPINUsage  tlv.Tag = 0x5F2F
)

// discovery says which application this is and that its PIN is the PIV PIN.
func (a *Applet) discovery() ([]byte, apdu.SW) {
	var inner, w tlv.Writer
	inner.Add(tagAID, a.AID())
	inner.Add(tagPINUsage, []byte{0x40, 0x00})
	b, err := inner.Bytes()
	if err != nil {
		return nil, apdu.Unknown
	}
	w.Add(tagDiscovery, b)
	return answer(&w)
}

// getData answers an object's content. What identifies a person needs the PIN.
func (a *Applet) getData(cmd apdu.Command) ([]byte, apdu.SW) {
	if !anyObject(cmd) {
		return nil, apdu.WrongP1P2
	}
	tag, ok, err := tlv.Find(cmd.Data, tagList)
	if err != nil || !ok || len(tag) == 0 || len(tag) > 3 {
		return nil, apdu.WrongData
	}
	id := identifier(tag)
	switch id {
	case objectDiscovery:
		return a.discovery()
	case objectPrinted, objectFingers, objectFace, objectIris:
		if !a.session.pin {
			return nil, apdu.SecurityStatus
		}
	}
	content, ok := a.state.objects[id]
	if !ok {
		return nil, apdu.NotFound
	}
	var w tlv.Writer
	w.Add(tagContent, content)
	return answer(&w)
}

func identifier(tag []byte) (id uint32) {
	for _, b := range tag {
		id = id<<8 | uint32(b)
	}
	return id
}

// putData stores an object's content; none deletes it.
func (a *Applet) putData(cmd apdu.Command) apdu.SW {
	if !anyObject(cmd) {
		return apdu.WrongP1P2
	}
	if !a.session.management {
		return apdu.SecurityStatus
	}
	tag, named, err := tlv.Find(cmd.Data, tagList)
	if err != nil || !named || len(tag) != 3 || !isObject(identifier(tag)) {
		return apdu.WrongData
	}
	content, ok, err := tlv.Find(cmd.Data, tagContent)
	if err != nil || !ok {
		return apdu.WrongData
	}
	if len(content) > maxObject {
		return apdu.WrongLength
	}
	next := a.state.withObject(identifier(tag), content)
	sum := 0
	for _, o := range next.objects {
		sum += len(o)
	}
	if sum > maxObjects {
		return apdu.NoSpace
	}
	return a.store(next)
}

// Tags of metadata (Yubico extensions, "GET METADATA").
const (
	metaAlgorithm tlv.Tag = 0x01
	metaPolicy    tlv.Tag = 0x02
	metaOrigin    tlv.Tag = 0x03
	metaPublic    tlv.Tag = 0x04
	metaDefault   tlv.Tag = 0x05
	metaTries     tlv.Tag = 0x06
)

// metaPINAlgorithm is what stands for an algorithm with a PIN.
const metaPINAlgorithm = 0xFF

// metadata tells what may be known of a PIN or key. The algorithm comes first:
// clients read it there without looking at the tag.
func (a *Applet) metadata(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P1 != 0 {
		return nil, apdu.WrongP1P2
	}
	var w tlv.Writer
	fresh := a.factory()
	switch m := a.state.management; cmd.P2 {
	case refPIN:
		a.state.pin.describe(&w, fresh.pin)
	case refPUK:
		a.state.puk.describe(&w, fresh.puk)
	case slotManagement:
		w.Add(metaAlgorithm, []byte{byte(m.algorithm)})
		w.Add(metaPolicy, []byte{0, m.touch})
		w.Add(metaDefault, []byte{flag(m.algorithm == fresh.management.algorithm &&
			string(m.key) == string(fresh.management.key))})
	default:
		return a.describeKey(cmd.P2)
	}
	return answer(&w)
}

func (s secret) describe(w *tlv.Writer, fresh secret) {
	w.Add(metaAlgorithm, []byte{metaPINAlgorithm})
	w.Add(metaDefault, []byte{flag(s.value == fresh.value)})
	w.Add(metaTries, []byte{s.tries, s.left})
}

func (a *Applet) describeKey(slot byte) ([]byte, apdu.SW) {
	k, ok := a.state.keys[slot]
	if !ok {
		return nil, apdu.ReferenceNotFound
	}
	public, err := k.public()
	if err != nil {
		return nil, apdu.Unknown
	}
	var w tlv.Writer
	w.Add(metaAlgorithm, []byte{byte(k.algorithm)})
	w.Add(metaPolicy, []byte{k.pin, k.touch})
	w.Add(metaOrigin, []byte{k.origin})
	w.Add(metaPublic, public)
	return answer(&w)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
