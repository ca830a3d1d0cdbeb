package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzStrict: a body is taken where encoding/json's own reader of tokens, which
// is ten times as slow, finds nothing to refuse in it either, and what is refused
// is refused for the same reason where the body is JSON.
func FuzzStrict(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` {"a":1} `, `{"a":1,"a":2}`, `{"a":1,"\u0041":2}`, `{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, `{"a":"b","b":"a"}`,
		`{"\ud800":1,"\udc00":2}`, `{"a\"b":[",","{"]}`, `{"a":[[[[[[[1]]]]]]]}`, `{"a":[[[[[[[[1]]]]]]]]}`, `{"a":1}{}`, `{"a":1}]`,
		`[1]`, ``, ` `, `null`, `{"a"`, `{"a":}`, `{"a":1,}`, `{]`, `{"a":1]`, `{"\x":1}`, `{a:1}`, "{\"\xff\":1}", `{"K":1,"\u212a":2}`, `{"a":1e999}`,
		"\v{}", "{}\u00a0", `{"a" 1}`, `{,"a":1}`, `{"a":"\\"}`, `{"a":"` + "\n" + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Add(members(maxMembers))
	f.Add(members(maxMembers + 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, want := checkJSON(b), checkTokens(b)
		if (got == nil) != (want == nil) || json.Valid(b) && got != nil && got.Error() != want.Error() {
			t.Errorf("%q: %v, by its tokens %v", b, got, want)
		}
	})
}

// members is an object of so many members.
func members(n int) []byte {
	b := []byte("{")
	for i := range n {
		b = fmt.Appendf(b, `"m%d":0,`, i)
	}
	return append(b[:len(b)-1], '}')
}

// TestManyMembers: an object's names aren't held against each other without end.
func TestManyMembers(t *testing.T) {
	if err := checkJSON(members(maxMembers)); err != nil {
		t.Error(err)
	}
	if err := checkJSON(members(maxMembers + 1)); !errors.Is(err, errMembers) {
		t.Errorf("one more: %v", err)
	}
}

// checkTokens is checkJSON by encoding/json's tokens.
func checkTokens(b []byte) error {
	if len(bytes.Trim(b, " \t\r\n")) == 0 {
		return errors.New("the request has no body")
	}
	if !utf8.Valid(b) {
		return errors.New("the body isn't UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the body isn't a JSON object")
	}
	if err := checkMembers(d, 1); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// checkMembers reads an object's members up to its closing brace. Names that
// differ in case alone count as the same, since encoding/json takes them so.
func checkMembers(d *json.Decoder, depth int) error {
	var seen []string
	for {
		t, err := d.Token()
		if err != nil {
			return errNotJSON
		}
		name, ok := t.(string)
		if !ok { // the closing brace: the decoder lets nothing else through
			return nil
		}
		for _, s := range seen {
			if strings.EqualFold(s, name) {
				return fmt.Errorf("%q stands there twice", clip(name))
			}
		}
		if len(seen) == maxMembers {
			return errMembers
		}
		seen = append(seen, name)
		if err := checkValue(d, depth); err != nil {
			return err
		}
	}
}

// checkValue reads one value at depth.
func checkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return errNotJSON
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth >= maxDepth {
		return fmt.Errorf("the body nests deeper than %d levels", maxDepth)
	}
	if open == '{' {
		return checkMembers(d, depth+1)
	}
	for d.More() {
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return errNotJSON
	}
	return nil
}
