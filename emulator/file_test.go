package emulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/firmware/otp"
)

// The RFC 6238 test key, "12345678901234567890", and its Base32.
const (
	rfcKey    = "12345678901234567890"
	rfcBase32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
)

const goodBench = `tokens:
  - kind: yubikey
    name: yk1
    serial: 12345678
    firmware: 5.7.1
    attach: socket
    touch: manual
    state: yk1.state
    credentials:
      - {name: "AWS:carol", secret: ` + rfcBase32 + `}
      - {name: "AWS:dave", secret: "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", digits: 8, period: 60, algorithm: SHA256, touch: true}
  - kind: yubikey
    name: yk2
    serial: 1
  - kind: fob
    name: fob1
    serial: GAHT12345678
    seed: ` + rfcBase32 + `
    attach: pty:lines/fob1
    button: never
    clock: {offset: -40s, ppm: 20}
    state: /var/lib/fob1.state
`

func TestParse(t *testing.T) {
	got, err := Parse("/bench/bench.yaml", []byte(goodBench))
	if err != nil {
		t.Fatal(err)
	}
	want := []Spec{{
		Kind: api.YubiKey, Name: "yk1", Serial: "12345678", Attach: "socket", Button: ButtonManual,
		State: "/bench/yk1.state", Firmware: [3]byte{5, 7, 1}, FormFactor: 1,
		Credentials: []Credential{
			{Name: "AWS:carol", Secret: Secret(rfcKey), Digits: 6, Period: 30, Algorithm: otp.SHA1},
			{Name: "AWS:dave", Secret: Secret(rfcKey), Digits: 8, Period: 60, Algorithm: otp.SHA256, Touch: true},
		},
	}, {
		Kind: api.YubiKey, Name: "yk2", Serial: "1", Attach: "socket", Button: ButtonAuto, Firmware: [3]byte{5, 4, 3}, FormFactor: 1,
	}, {
		Kind: api.Fob, Name: "fob1", Serial: "GAHT12345678", Attach: "pty:/bench/lines/fob1", Button: ButtonNever,
		State: "/var/lib/fob1.state", Seed: Secret(rfcKey), Offset: -40 * time.Second, PPM: 20,
	}}
	if !reflect.DeepEqual(got.Tokens, want) {
		t.Errorf("got  %+v\nwant %+v", got.Tokens, want)
	}
}

func TestBase32AsPeopleHaveIt(t *testing.T) {
	// 17 bytes, so that padding is due: 28 letters and four signs.
	const plain = "GEZDGNBVGY3TQOJQGEZDGNBVGY3Q"
	for _, seed := range []string{
		plain, plain + "====", strings.ToLower(plain), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3Q ====",
		"gezd\tgnbv gy3tqojqgezd  gnbvgy3q",
	} {
		file, err := Parse("b", []byte(fobBench("seed: \""+seed+"\"")))
		if err != nil {
			t.Errorf("%q: %v", seed, err)
		} else if got := string(file.Tokens[0].Seed); got != rfcKey[:17] {
			t.Errorf("%q gave %q", seed, got)
		}
	}
}

// fobBench is a bench of one fob, with the lines given in the place of those
// with the same key or beside them. The fob's mapping begins in line 2.
func fobBench(lines ...string) string {
	return tokenBench([]string{
		"kind: fob", "name: fob1", "serial: GAHT12345678", "seed: " + rfcBase32, "attach: pty:/tmp/fob1",
	}, lines)
}

// yubikeyBench is the same of a YubiKey.
func yubikeyBench(lines ...string) string {
	return tokenBench([]string{"kind: yubikey", "name: yk1", "serial: 12345678"}, lines)
}

func tokenBench(standard, lines []string) string {
	out := "tokens:\n"
	key := func(line string) string { k, _, _ := strings.Cut(line, ":"); return k }
	sign := "- "
	for _, l := range standard {
		for i, other := range lines {
			if key(other) == key(l) {
				l, lines = other, append(append([]string(nil), lines[:i]...), lines[i+1:]...)
				break
			}
		}
		if strings.HasSuffix(l, ":") {
			continue // left out
		}
		out += sign + l + "\n"
		sign = "  "
	}
	for _, l := range lines {
		out += "  " + l + "\n"
	}
	return out
}

func TestFileErrors(t *testing.T) {
	cred := func(fields string) string { return yubikeyBench("credentials: [{" + fields + "}]") }
	for _, c := range []struct {
		name, bench string
		line        int
		message     string
	}{
		{"empty", "", 0, "empty"},
		{"nothing but a comment", "# tokens\n", 0, "empty"},
		{"no YAML", "tokens:\n  - {kind: fob\n", 1, "no YAML near here: did not find expected"},
		{"two documents", fobBench() + "---\ntokens: []\n", 0, "more than one YAML document"},
		{"not a mapping", "- kind: fob\n", 1, "the bench must be a mapping"},
		{"no tokens", "{}\n", 1, `the bench has no "tokens"`},
		{"tokens no list", "tokens: {kind: fob}\n", 1, "tokens must be a list"},
		{"unknown key on top", fobBench() + "colour: red\n", 7, `unknown key "colour" of the bench`},
		{"token no mapping", "tokens:\n  - fob\n", 2, "a token must be a mapping"},
		{"no kind", "tokens:\n  - name: fob1\n", 2, `a token has no "kind"`},
		{"unknown kind", fobBench("kind: toaster"), 2, "kind must be one of yubikey, fob"},
		{"key there twice", fobBench("name: fob1", "name: fob2"), 7, `key "name" is there twice`},
		{"key of the other kind", fobBench("touch: auto"), 7, `unknown key "touch" of a fob`},
		{"key of the other kind too", yubikeyBench("button: auto"), 5, `unknown key "button" of a yubikey`},
		{"key in another case", yubikeyBench("Touch: auto"), 5, `unknown key "Touch" of a yubikey`},
		{"no name", fobBench("name:"), 2, `a fob has no "name"`},
		{"bad name", fobBench("name: a/b"), 3, "name must be"},
		{"name null", fobBench("name: ~"), 3, "name must be one word"},
		{"name twice", fobBench() + yubikeyBench("name: fob1")[len("tokens:\n"):], 7, `a second token called "fob1"`},
		{"place twice", fobBench() + fobBench("name: fob2")[len("tokens:\n"):], 7, "attached at the same place"},
		{"state twice", yubikeyBench("state: /s") + yubikeyBench("name: yk2", "state: /s")[len("tokens:\n"):], 6, "same state file"},
		{"empty state", fobBench(`state: ""`), 7, "state is empty"},
		{"no serial", yubikeyBench("serial:"), 2, `a yubikey has no "serial"`},
		{"serial of letters", yubikeyBench("serial: GAHT12345678"), 4, "serial of a yubikey must be a number"},
		{"serial of zero", yubikeyBench("serial: 0"), 4, "serial of a yubikey must be a number"},
		{"serial with a zero before", yubikeyBench("serial: 01234"), 4, "serial of a yubikey must be a number"},
		{"serial too big", yubikeyBench("serial: 4294967296"), 4, "from 1 to 4294967295"},
		{"fob serial with a space", fobBench("serial: GAHT 1"), 4, "serial of a fob must be"},
		{"fob serial too long", fobBench("serial: " + strings.Repeat("A", 21)), 4, "serial of a fob must be up to 20"},
		{"firmware of two numbers", yubikeyBench("firmware: 5.4"), 5, "firmware must be a version"},
		{"firmware too big", yubikeyBench("firmware: 5.4.256"), 5, "firmware must be a version"},
		{"interface without a reader", yubikeyBench("interface: nfc"), 5, "interface is for a yubikey with attach: reader"},
		{"no form", yubikeyBench("form_factor: usb-b"), 5, "form_factor must be one of usb-a, nano, usb-c, c-nano, ci"},
		{"nano with NFC", yubikeyBench("form_factor: nano", "nfc: true"), 6, "a yubikey of form_factor nano has no NFC"},
		{"two plugs in a contactless reader", yubikeyBench("attach: reader", "form_factor: ci", "interface: nfc"), 7, "a yubikey of form_factor ci has no NFC"},
		{"YubiKey 4 with NFC", yubikeyBench("firmware: 4.3.7", "nfc: true"), 6, "a yubikey of firmware 4.3.7 has no NFC"},
		{"no NFC in a contactless reader", yubikeyBench("attach: reader", "nfc: false", "interface: nfc"), 7, "interface is nfc, and nfc is false"},
		{"nfc", yubikeyBench("nfc: usb"), 5, "nfc must be true or false"},
		{"no patience", yubikeyBench("touch_timeout: 0s"), 5, "touch_timeout must be more than 0s"},
		{"attached nowhere", yubikeyBench("attach: usb"), 5, "attach must be one of socket, reader"},
		{"vpcd without a port", yubikeyBench("attach: 'vpcd:127.0.0.1'"), 5, "attach must be vpcd:HOST:PORT"},
		{"vpcd on no port", yubikeyBench("attach: 'vpcd:127.0.0.1:0'"), 5, "attach must be vpcd:HOST:PORT"},
		{"vpcd on no host", yubikeyBench("attach: 'vpcd::35963'"), 5, "attach must be vpcd:HOST:PORT"},
		{"fob without a line", fobBench("attach:"), 2, `a fob has no "attach"`},
		{"fob on the socket", fobBench("attach: socket"), 6, "attach of a fob must be pty:PATH"},
		{"fob on no path", fobBench("attach: 'pty:'"), 6, "attach of a fob must be pty:PATH"},
		{"touch", yubikeyBench("touch: sometimes"), 5, "touch must be one of auto, manual, never"},
		{"button", fobBench("button: [auto]"), 7, "button must be one word"},
		{"serial without a seed", fobBench("seed:"), 4, "a fob without a seed has no serial"},
		{"seed without a serial", fobBench("serial:"), 2, `a fob with a seed has no "serial"`},
		{"a fob that gives codes by the thousand", fobBench("codes_per_minute: 1001"), 7, "codes_per_minute must be a whole number from 0 to 1000"},
		{"battery of a car", fobBench("battery: 12000"), 7, "battery must be a whole number from 0 to 9999"},
		{"temperature of an oven", fobBench("clock: {temperature: {mean: 80, swing: 10}}"), 7, "out of -40 to 85"},
		{"temperature key", fobBench("clock: {temperature: {max: 80}}"), 7, `unknown key "max" of a temperature`},
		{"no series", fobBench(`clock: {series: ""}`), 7, "series is empty"},
		{"more than all bytes", fobBench("line: {drop: 1.5}"), 7, "drop must be"},
		{"fewer than no bytes", fobBench("line: {flip: -0.5}"), 7, "no share"},
		{"merge of an hour", fobBench("line: {merge: 1h}"), 7, "merge must be from"},
		{"a rate of 3", fobBench("line: {baud: 3}"), 7, "baud must be"},
		{"line key", fobBench("line: {noise: 1}"), 7, `unknown key "noise" of a line`},
		{"seed no Base32", fobBench("seed: 1890"), 5, "seed must be Base32"},
		{"seed too short", fobBench("seed: GEZDGNBVGY3TQOJQ"), 5, "seed must be Base32 of 16 to 64 bytes"},
		{"seed a mapping", fobBench("seed: {a: b}"), 5, "seed must be one word"},
		{"clock no mapping", fobBench("clock: -40s"), 7, "a clock must be a mapping"},
		{"offset without unit", fobBench("clock: {offset: -40}"), 7, "offset must be a time with its unit"},
		{"offset of centuries", fobBench("clock: {offset: 2000000h}"), 7, "offset must be from"},
		{"ppm no number", fobBench("clock: {ppm: fast}"), 7, "ppm must be a number"},
		{"ppm not a number", fobBench("clock: {ppm: NaN}"), 7, "ppm must be a number from -100000 to 100000"},
		{"clock key", fobBench("clock: {drift: 3}"), 7, `unknown key "drift" of a clock`},
		{"credentials no list", yubikeyBench("credentials: {}"), 5, "credentials must be a list"},
		{"credential without name", cred("secret: " + rfcBase32), 5, `a credential has no "name"`},
		{"credential without secret", cred("name: x"), 5, `a credential has no "secret"`},
		{"credential twice", yubikeyBench("credentials:", "  - {name: x, secret: AAAA}", "  - {name: x, secret: AAAA}"), 7, `a second credential called "x"`},
		{"digits", cred("name: x, secret: AAAA, digits: 9"), 5, "digits must be a whole number from 6 to 8"},
		{"period", cred("name: x, secret: AAAA, period: 30s"), 5, "period must be a whole number"},
		{"algorithm", cred("name: x, secret: AAAA, algorithm: MD5"), 5, "algorithm must be one of SHA1, SHA256, SHA512"},
		{"credential touch", cred("name: x, secret: AAAA, touch: 1"), 5, "touch must be true or false"},
		{"secret too long", cred("name: x, secret: " + strings.Repeat("A", 104)), 5, "secret must be Base32 of 1 to 64 bytes"},
		{"credential key", cred("name: x, secret: AAAA, issuer: AWS"), 5, `unknown key "issuer" of a credential`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("bench.yaml", []byte(c.bench))
			var fe *FileError
			if !errors.As(err, &fe) {
				t.Fatalf("got %v, want a FileError; the file:\n%s", err, c.bench)
			}
			if fe.Line != c.line || !strings.Contains(fe.Message, c.message) {
				t.Errorf("got %v, want line %d with %q; the file:\n%s", err, c.line, c.message, c.bench)
			}
			if want := "bench.yaml:"; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q doesn't begin with %q", err, want)
			}
		})
	}
}

func TestAllErrorsAreReported(t *testing.T) {
	_, err := Parse("b", []byte(fobBench("name: a/b", "seed: 18", "colour: red")))
	for _, want := range []string{"b:3: name", "b:5: seed", "b:7: unknown key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestBigFilesAreRefused(t *testing.T) {
	many := "tokens:\n"
	for i := range maxTokens + 1 {
		many += fmt.Sprintf("  - {kind: yubikey, name: y%d, serial: %d}\n", i, i+1)
	}
	keys := "tokens: []\n"
	for i := range maxKeys {
		keys += fmt.Sprintf("k%d: 0\n", i)
	}
	creds := "credentials:\n"
	for i := range maxCredentials + 1 {
		creds += fmt.Sprintf("    - {name: c%d, secret: AAAA}\n", i)
	}
	for bench, want := range map[string]string{
		many:                                    "over the bound of 1024 tokens",
		keys:                                    "more than 64 keys",
		yubikeyBench(creds):                     "over the bound of 64 credentials",
		strings.Repeat(" ", maxFileBytes) + " ": "over the bound",
	} {
		if _, err := Parse("b", []byte(bench)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestLoadWarnsOfReadableSecrets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bench.yaml")
	state := filepath.Join(dir, "fob1.state")
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	withState := fobBench("state: fob1.state")
	without := yubikeyBench()
	for _, c := range []struct {
		bench           string
		mode, stateMode os.FileMode
		want            []string
	}{
		{withState, 0o600, 0o600, nil},
		{withState, 0o640, 0o600, []string{path}},
		{withState, 0o604, 0o644, []string{path, state}},
		{without, 0o644, 0o644, nil},
	} {
		write(path, c.bench, c.mode)
		write(state, "{}", c.stateMode)
		file, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(file.Warnings) != len(c.want) {
			t.Fatalf("mode %v: warnings %q, want %d", c.mode, file.Warnings, len(c.want))
		}
		for i, w := range file.Warnings {
			if !strings.HasPrefix(w, c.want[i]+" ") {
				t.Errorf("warning %q, want one of %s", w, c.want[i])
			}
		}
	}
	if _, err := Load(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file gave %v", err)
	}
}

func TestSecretsDontShow(t *testing.T) {
	file, err := Parse("b", []byte(goodBench))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		out := fmt.Sprintf(verb, file.Tokens)
		for _, secret := range []string{rfcKey, fmt.Sprintf("%x", rfcKey), "49 50 51 52", "0x31, 0x32"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s shows the secret: %s", verb, out)
			}
		}
	}
}

// FuzzParse decodes any bytes: no crash, errors are FileErrors, and what is
// accepted is within bounds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(goodBench))
	f.Add([]byte(fobBench()))
	f.Add([]byte(yubikeyBench("credentials: [{name: x, secret: AAAA}]")))
	f.Add([]byte("tokens: &a [*a]\n"))
	f.Add([]byte("a: &a {tokens: []}\n<<: *a\n"))
	f.Add([]byte("tokens:\n- &t {kind: fob}\n- *t\n"))
	f.Add([]byte("tokens: [{? {a: b} : c}]\n"))
	f.Add([]byte("tokens: !!binary gIGC\n"))
	f.Add([]byte("---\n---\n"))
	f.Add([]byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("bench.yaml", data)
		if err != nil {
			var fe *FileError
			if !errors.As(err, &fe) || fe.File != "bench.yaml" || fe.Line < 0 {
				t.Fatalf("%v is no FileError", err)
			}
			return
		}
		if len(file.Tokens) > maxTokens {
			t.Fatalf("%d tokens", len(file.Tokens))
		}
		for _, s := range file.Tokens {
			if !tokenName.MatchString(s.Name) || s.Kind == api.Fob && len(s.Seed) == 0 {
				t.Fatalf("accepted %+v", s)
			}
		}
	})
}
