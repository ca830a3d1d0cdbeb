package ask

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// fakePinentry writes a program that speaks as a pinentry does and keeps what
// it heard in a file. get is what it says to GETPIN and CONFIRM.
func fakePinentry(t *testing.T, get string) (p Pinentry, heard func() string) {
	t.Helper()
	dir := t.TempDir()
	program, log := filepath.Join(dir, "pinentry"), filepath.Join(dir, "heard")
	script := fmt.Sprintf(`#!/bin/sh
echo "# fake"
echo "OK Pleased to meet you"
while read -r line; do
	printf '%%s\n' "$line" >>%s
	case $line in
	GETPIN*|CONFIRM*) %s ;;
	SETTIMEOUT*) echo "ERR 67109139 Unknown IPC command <User defined source 1>" ;;
	BYE*) echo OK; exit 0 ;;
	*) echo OK ;;
	esac
done
`, log, get)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return Pinentry{Program: program}, func() string {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestPinentry(t *testing.T) {
	q := Question{Kind: api.PromptCode, Message: "Type the code\nof 100% GAHT1", Within: 90 * time.Second}
	for _, test := range []struct {
		name, get string
		kind      api.PromptKind
		digits    string
		err       error
	}{
		{"typed", `echo "S PASSPHRASE_FROM USER"; echo "D 123%20456"; echo OK`, api.PromptCode, "123 456", nil},
		{"cancelled", `echo "ERR 83886179 Operation cancelled <Pinentry>"`, api.PromptCode, "", ErrRefused},
		{"timed out", `echo "ERR 83886142 Timeout <Pinentry>"`, api.PromptCode, "", ErrUnanswered},
		{"allowed", `echo OK`, api.PromptConfirm, "", nil},
		{"refused", `echo "ERR 83886194 Not confirmed <Pinentry>"`, api.PromptConfirm, "", ErrRefused},
		{"no display", `echo "ERR 83918950 Inappropriate ioctl for device <Pinentry>"`, api.PromptCode, "", ErrCannot},
		{"dies", `exit 1`, api.PromptCode, "", ErrCannot},
		{"nonsense", `echo "HTTP/1.1 200 OK"`, api.PromptCode, "", ErrCannot},
		{"nonsense without end", `echo "HTTP/1.1 200 OK"; exec sleep 100`, api.PromptCode, "", ErrCannot},
		{"too long", `head -c 3000 /dev/zero | tr '\0' x; echo`, api.PromptCode, "", ErrCannot},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, heard := fakePinentry(t, test.get)
			q := q
			q.Kind = test.kind
			digits, err := p.Ask(t.Context(), q, "six digits")
			if digits != test.digits || !errors.Is(err, test.err) || test.err == nil && err != nil {
				t.Errorf("got %q, %v", digits, err)
			}
			for _, line := range []string{"SETDESC Type the code%0Aof 100%25 GAHT1\n", "SETTIMEOUT 90\n", "SETERROR six digits\n"} {
				if !strings.Contains(heard(), line) {
					t.Errorf("it heard %q, and not %q", heard(), line)
				}
			}
		})
	}
	if _, err := (Pinentry{Program: "/nowhere/pinentry"}).Ask(t.Context(), q, ""); !errors.Is(err, ErrCannot) {
		t.Errorf("no program: %v", err)
	}
}

func FuzzAssuan(f *testing.F) {
	for _, s := range []string{"OK\n", "OK hello\n", "D 123456\nOK\n", "D %31%32\nOK\n", "D %\nOK\n", "D %zz\nOK\n", "ERR 83886179 no\n", "ERR\n", "ERR x\n",
		"# comment\nOK\n", "S status\nOK\n", "\nOK\n", "D 1", "D 1\nD 2\nOK\n", strings.Repeat("S x\n", 2000), strings.Repeat("x", 2000) + "\n", "D " + strings.Repeat("1", 999) + "\nD 12\nOK\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		data, err := talk(strings.NewReader(s), &strings.Builder{}).hear()
		if err == nil && (len(data) > maxLine || !strings.Contains(s, "OK")) {
			t.Errorf("%q: %d bytes", s, len(data))
		}
		if err != nil && data != "" {
			t.Errorf("%q: data beside %v", s, err)
		}
		back, err := talk(strings.NewReader("D "+escaped(cut(s))+"\nOK\n"), &strings.Builder{}).hear()
		if err != nil || back != cut(s) {
			t.Errorf("%q comes back as %q, %v", s, back, err)
		}
	})
}
