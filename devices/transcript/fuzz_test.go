package transcript

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// FuzzDecode: what is taken as a transcript is written so that it is read as
// the same again.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no transcripts: %v", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range bytes.SplitAfter(text, []byte("--\n")) {
			part, _, _ = bytes.Cut(part, []byte("\n-- "))
			f.Add(part)
		}
	}
	for _, text := range []string{"", "session a", "session a\n> 00\n", "session a\n> 00\n< 1s 9000\n* x\n", "> 00\n", "session a\n> 0\n",
		"session a\n> 00\n! -1s removed", "session a\n> 00\n< 1h\n", "session \u00e9\n", "session a\n? b\n", "session a\n> 00\n> 00\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sessions, err := Decode(text)
		if err != nil {
			return
		}
		written := encode(sessions)
		again, err := Decode(written)
		if err != nil {
			t.Fatalf("%q was written of %q: %v", written, text, err)
		}
		if got := encode(again); !bytes.Equal(got, written) {
			t.Errorf("%q, and then %q", written, got)
		}
	})
}

func encode(sessions []Session) []byte {
	var text []byte
	for _, s := range sessions {
		text = s.Append(text)
	}
	return text
}

// FuzzRedact: what is shown of a session is the same whatever the key and the
// code in it, and as long as what there was.
func FuzzRedact(f *testing.F) {
	f.Add([]byte("a"), []byte("secretsecret"), []byte("abcd"), []byte{0, 0, 0, 0, 0, 0, 0, 1}, []byte{})
	f.Add([]byte("60/issuer:name"), bytes.Repeat([]byte("s"), 64), bytes.Repeat([]byte("c"), 20), []byte{}, []byte("\x00\x03\x00\x00\x02\x73\x00"))
	f.Add([]byte(""), []byte("s"), []byte("cc"), []byte{1}, []byte("\x10\x01\x00\x00\x01a"))
	f.Add([]byte("b"), []byte(""), bytes.Repeat([]byte("c"), 32), []byte{1, 2}, []byte("\x00\xA4\x04\x00\x05\xA0\x00\x00\x03\x08"))
	f.Fuzz(func(t *testing.T, name, key, code, challenge, before []byte) {
		first := shownOf(name, key, code, challenge, before)
		second := shownOf(name, bytes.Repeat([]byte{'x'}, len(key)), bytes.Repeat([]byte{'y'}, len(code)), challenge, before)
		if !bytes.Equal(first, second) {
			t.Errorf("one key and code show\n%X, others\n%X", first, second)
		}
	})
}

// shownOf is what is shown of a command, of a new account with a key, and of
// the code that is then computed.
func shownOf(name, key, code, challenge, before []byte) []byte {
	var r redactor
	var all []byte
	exchange := func(raw, data []byte) {
		shown, a := r.command(raw)
		answer := bytes.Clone(data)
		r.answer(a, answer, apdu.OK, true)
		all = append(append(all, shown...), answer...)
	}
	send := func(ins, p1 byte, data, answer []byte) {
		if raw, err := (apdu.Command{INS: ins, P1: p1, Data: data, Le: apdu.LeNone}).Bytes(); err == nil {
			exchange(raw, answer)
		}
	}
	object := func(tag tlv.Tag, parts ...[]byte) []byte {
		var w tlv.Writer
		w.Add(tag, parts...)
		b, err := w.Bytes()
		if err != nil {
			return nil
		}
		return b
	}
	send(insSelect, selectByName, []byte(aidOATH), nil)
	exchange(before, nil)
	send(oathPut, 0, append(object(tagName, name), object(tagKey, []byte{0x21, 6}, key)...), nil)
	send(oathCalculate, 0, append(object(tagName, name), object(tagChallenge, challenge)...), object(tagTruncated, []byte{6}, code))
	send(oathCalculateAll, 0, object(tagChallenge, challenge), append(object(tagName, name), object(tagFull, []byte{6}, code)...))
	return all
}
