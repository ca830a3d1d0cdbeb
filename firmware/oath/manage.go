package oath

import (
	"encoding/binary"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// An object is one data object of a command.
type object struct {
	tag   tlv.Tag
	value []byte
}

// maxObjects bounds the data objects of a command: PUT has four.
const maxObjects = 4

// objects takes a command's data apart. It is false where the data is no row
// of data objects, or too long a one.
func objects(data []byte) ([]object, bool) {
	out := make([]object, 0, maxObjects)
	r := tlv.NewReader(data, tagProperty)
	for r.Next() {
		if len(out) == maxObjects {
			return nil, false
		}
		out = append(out, object{r.Tag(), r.Value()})
	}
	return out, r.Err() == nil
}

// exactly takes a command's data apart that must hold these objects, in this
// order, and nothing else.
func exactly(data []byte, tags ...tlv.Tag) ([][]byte, bool) {
	found, ok := objects(data)
	if !ok || len(found) != len(tags) {
		return nil, false
	}
	values := make([][]byte, len(tags))
	for i, o := range found {
		if o.tag != tags[i] {
			return nil, false
		}
		values[i] = o.value
	}
	return values, true
}

// put adds a credential, or replaces the one of the same name ("PUT").
func (a *Applet) put(cmd apdu.Command) apdu.SW {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongP1P2
	}
	c, ok := parsePut(cmd.Data)
	if !ok || !a.supports(c) {
		return apdu.WrongData
	}
	if a.state.find(c.name) < 0 && len(a.state.credentials) >= a.limit() {
		return apdu.NoSpace
	}
	return a.change(a.state.with(c))
}

// parsePut reads name and key, then perhaps properties, then perhaps the
// initial moving factor of HOTP.
func parsePut(data []byte) (credential, bool) {
	found, ok := objects(data)
	if !ok || len(found) < 2 || found[0].tag != tagName || found[1].tag != tagKey ||
		len(found[1].value) < 2 {
		return credential{}, false
	}
	key := found[1].value
	c := credential{name: string(found[0].value), digits: int(key[1])}
	c.kind, c.algorithm = splitType(key[0])
	c.secret = append([]byte(nil), key[2:]...)
	rest := found[2:]
	if len(rest) > 0 && rest[0].tag == tagProperty {
		properties := rest[0].value[0] // a bare object has one byte
		if properties&^(propIncreasing|propTouch) != 0 {
			return credential{}, false
		}
		c.increasing, c.touch = properties&propIncreasing != 0, properties&propTouch != 0
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0].tag == tagIMF && len(rest[0].value) == 4 {
		c.counter = uint64(binary.BigEndian.Uint32(rest[0].value))
		rest = rest[1:]
	}
	return c, len(rest) == 0 && c.valid()
}

// change stores a new state for a command that answers no data.
func (a *Applet) change(next state) apdu.SW {
	if a.commit(next) != nil {
		return apdu.MemoryFailure
	}
	return apdu.OK
}

// delete removes a credential ("DELETE").
func (a *Applet) delete(cmd apdu.Command) apdu.SW {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongP1P2
	}
	v, ok := exactly(cmd.Data, tagName)
	if !ok {
		return apdu.WrongData
	}
	i := a.state.find(string(v[0]))
	if i < 0 {
		return apdu.DataInvalid
	}
	return a.change(a.state.without(i))
}

// rename gives a credential another name ("RENAME", since 5.3.1). A name that
// is taken is refused, so that no credential is lost.
func (a *Applet) rename(cmd apdu.Command) apdu.SW {
	if !a.version.Since(5, 3, 1) {
		return apdu.INSNotSupported
	}
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongP1P2
	}
	v, ok := exactly(cmd.Data, tagName, tagName)
	if !ok || len(v[1]) == 0 || len(v[1]) > MaxName {
		return apdu.WrongData
	}
	i := a.state.find(string(v[0]))
	if i < 0 {
		return apdu.DataInvalid
	}
	if a.state.find(string(v[1])) >= 0 {
		return apdu.WrongData
	}
	next := a.state
	next.credentials = append([]credential(nil), next.credentials...)
	next.credentials[i].name = string(v[1])
	return a.change(next)
}

// list names all credentials with their type and algorithm ("LIST").
func (a *Applet) list(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return nil, apdu.WrongP1P2
	}
	var w tlv.Writer
	for _, c := range a.state.credentials {
		w.Add(tagNameList, []byte{c.typeByte()}, []byte(c.name))
	}
	return answer(&w)
}
