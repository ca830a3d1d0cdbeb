package devices_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fob-auth/fob/devices"
)

const (
	digits = "481516"
	secret = "quite a secret key"
)

// leaks says whether text holds the digits or the secret in any spelling that
// an encoder may have chosen.
func leaks(text string) bool {
	lower := strings.ToLower(text)
	for _, plain := range []string{digits, secret} {
		b64, _ := json.Marshal([]byte(plain))
		for _, spelt := range []string{
			plain, hex.EncodeToString([]byte(plain)), strings.Trim(string(b64), `"`),
			strings.Trim(fmt.Sprint([]byte(plain)), "[]"), fmt.Sprintf("% x", plain),
		} {
			if strings.Contains(lower, strings.ToLower(spelt)) {
				return true
			}
		}
	}
	return false
}

// A holder carries both as the agent's structs do.
type holder struct {
	Code devices.Code
	New  devices.NewCredential
	Map  map[string]devices.Digits
	List []devices.Secret
	Any  any
}

func held() holder {
	code := devices.Code{Digits: devices.Digits(digits), Counter: 1}
	return holder{
		Code: code,
		New:  devices.NewCredential{Secret: devices.Secret(secret)},
		Map:  map[string]devices.Digits{"k": devices.Digits(digits)},
		List: []devices.Secret{devices.Secret(secret)},
		Any:  code.Digits,
	}
}

func TestEveryVerbRedacts(t *testing.T) {
	values := map[string]any{
		"digits": devices.Digits(digits), "secret": devices.Secret(secret),
		"holder": held(), "pointer": func() any { h := held(); return &h }(),
	}
	for name, v := range values {
		for verb := 'A'; verb <= 'z'; verb++ {
			if strings.ContainsRune("Tpw", verb) || 'Z' < verb && verb < 'a' {
				continue // for these fmt asks no method of a value; vet refuses p and w
			}
			for _, flags := range []string{"", "+", "#", "-20", "020", " ", "# ", ".3"} {
				format := "%" + flags + string(verb)
				if got := fmt.Sprintf(format, v); leaks(got) {
					t.Errorf("%s under %s leaks: %s", name, format, got)
				}
			}
		}
		if got := fmt.Sprint(v) + fmt.Sprintln(v); leaks(got) {
			t.Errorf("%s printed leaks: %s", name, got)
		}
		format := strings.Clone("no verb") // so that vet lets the superfluous argument through
		if got := fmt.Sprintf(format, v); leaks(got) {
			t.Errorf("%s as a superfluous argument leaks: %s", name, got)
		}
	}
}

func TestEveryLogRedacts(t *testing.T) {
	var out bytes.Buffer
	// Without times, whose fractions of a second may be any digits.
	timeless := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, timeless), slog.NewJSONHandler(&out, timeless)} {
		log := slog.New(h)
		held := held()
		log.Info("values", "digits", held.Code.Digits, "secret", held.New.Secret, "holder", held, "pointer", &held)
		log.With("digits", held.Code.Digits).WithGroup("g").Info("attributes", slog.Any("secret", held.New.Secret))
		log.Info("error", "err", fmt.Errorf("code %v, key %x", held.Code.Digits, held.New.Secret))
	}
	if leaks(out.String()) {
		t.Errorf("the log leaks: %s", out.String())
	}
	if strings.Count(out.String(), "[redacted]") < 6 {
		t.Errorf("the log lacks its values: %s", out.String())
	}
}

func TestEveryEncoderRedacts(t *testing.T) {
	held := held()
	held.Any = nil // gob wants interface values registered
	if got, err := json.Marshal(held); err != nil || leaks(string(got)) {
		t.Errorf("JSON: %s, %v", got, err)
	}
	type element struct {
		Digits devices.Digits
		Secret devices.Secret
	}
	if got, err := xml.Marshal(element{held.Code.Digits, held.New.Secret}); err != nil || leaks(string(got)) {
		t.Errorf("XML: %s, %v", got, err)
	}
	var out bytes.Buffer
	if err := gob.NewEncoder(&out).Encode(held); err != nil || leaks(out.String()) {
		t.Errorf("gob: %q, %v", out.String(), err)
	}
	if got, err := held.Code.Digits.MarshalText(); err != nil || leaks(string(got)) {
		t.Errorf("text: %s, %v", got, err)
	}
}

func TestRevealGivesTheValue(t *testing.T) {
	if got := devices.Digits(digits).Reveal(); got != digits {
		t.Errorf("digits reveal %q", got)
	}
	s := devices.Secret(secret)
	if got := string(s.Reveal()); got != secret {
		t.Errorf("secret reveals %q", got)
	}
	s.Clear()
	if !bytes.Equal(s.Reveal(), make([]byte, len(secret))) {
		t.Error("a cleared secret is still there")
	}
}
