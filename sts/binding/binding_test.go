package binding_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/binding"
)

func device(serial string) sts.Device {
	return sts.Device{Endpoint: "aws", Account: "111122223333", Serial: serial}
}

func TestCheck(t *testing.T) {
	bound := binding.Binding{Device: device("GAHT12345678"), Token: "12345678", Credential: "AWS:carol"}
	emulated := bound
	emulated.Emulated = true
	for _, test := range []struct {
		name    string
		binding binding.Binding
		present binding.Present
		want    []string // what the error names; nil where it fits
	}{
		{"same", bound, binding.Present{Token: "12345678", Credential: "AWS:carol"}, nil},
		{"other token", bound, binding.Present{Token: "87654321", Credential: "AWS:carol"}, []string{"GAHT12345678", "12345678", "87654321"}},
		{"serial unreadable", bound, binding.Present{Credential: "AWS:carol"}, []string{"12345678", "serial unknown"}},
		{"other credential", bound, binding.Present{Token: "12345678", Credential: "AWS:dave"}, []string{"AWS:carol", "AWS:dave"}},
		{"emulated in place of hardware", bound, binding.Present{Token: "12345678", Emulated: true, Credential: "AWS:carol"}, []string{"an emulated one"}},
		{"hardware in place of emulated", emulated, binding.Present{Token: "12345678", Credential: "AWS:carol"}, []string{"isn't emulated"}},
		{"emulated as bound", emulated, binding.Present{Token: "12345678", Emulated: true, Credential: "AWS:carol"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := binding.Check(test.binding, test.present)
			if test.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var mismatch *binding.MismatchError
			if !errors.As(err, &mismatch) {
				t.Fatalf("error %v, want a *MismatchError", err)
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q doesn't name %q", err, word)
				}
			}
		})
	}
}

func TestUnusable(t *testing.T) {
	good := binding.Credential{Type: "TOTP", Algorithm: "SHA1", Digits: 6, Period: 30 * time.Second}
	with := func(change func(*binding.Credential)) binding.Credential {
		c := good
		change(&c)
		return c
	}
	for _, test := range []struct {
		name string
		c    binding.Credential
		want string // a word of the sentence
	}{
		{"AWS's own", good, ""},
		{"spelled otherwise", with(func(c *binding.Credential) { c.Type, c.Algorithm = "totp", "SHA-1" }), ""},
		{"event based", with(func(c *binding.Credential) { c.Type, c.Period = "HOTP", 0 }), "HOTP"},
		{"SHA256", with(func(c *binding.Credential) { c.Algorithm = "SHA256" }), "SHA256"},
		{"eight digits", with(func(c *binding.Credential) { c.Digits = 8 }), "8 digits"},
		{"minute", with(func(c *binding.Credential) { c.Period = time.Minute }), "1m0s"},
		{"nothing known", binding.Credential{}, "time-based"},
	} {
		got := binding.Unusable(test.c)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want it to say %q", test.name, got, test.want)
		}
	}
}

func TestCheckSerial(t *testing.T) {
	carol := sts.Identity{Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/carol"}
	gov := sts.Identity{Account: "111122223333", ARN: "arn:aws-us-gov:iam::111122223333:user/carol"}
	china := sts.Identity{Account: "111122223333", ARN: "arn:aws-cn:iam::111122223333:user/carol"}
	for _, test := range []struct {
		name, serial string
		id           sts.Identity
		want         string
	}{
		{"virtual", "arn:aws:iam::111122223333:mfa/carol", carol, ""},
		{"virtual with path", "arn:aws:iam::111122223333:mfa/team/carol", carol, ""},
		{"root's", "arn:aws:iam::111122223333:mfa/root-account-mfa-device", carol, ""},
		{"hardware", "GAHT12345678", carol, ""},
		{"hardware in China", "GAHT12345678", china, ""},
		{"hardware in GovCloud", "GAHT12345678", gov, "GovCloud"},
		{"virtual in GovCloud", "arn:aws-us-gov:iam::111122223333:mfa/carol", gov, ""},
		{"other account", "arn:aws:iam::444455556666:mfa/carol", carol, "444455556666"},
		{"other partition", "arn:aws-cn:iam::111122223333:mfa/carol", carol, "aws-cn"},
		{"FIDO", "arn:aws:iam::111122223333:u2f/user/carol/key-ABC", carol, "FIDO"},
		{"text message", "arn:aws:iam::111122223333:sms-mfa/carol", carol, "text message"},
		{"a user's ARN", "arn:aws:iam::111122223333:user/carol", carol, "neither"},
		{"no name", "arn:aws:iam::111122223333:mfa/", carol, "neither"},
		{"short serial", "GAHT1234", carol, "neither"},
		{"empty", "", carol, "neither"},
		{"identity unknown", "GAHT12345678", sts.Identity{}, "can't be checked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := binding.CheckSerial(test.serial, test.id)
			var bad *binding.SerialError
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (!errors.As(err, &bad) || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want a *SerialError that says %q", err, test.want)
			}
		})
	}
}

func TestUserName(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::111122223333:user/carol":         "carol",
		"arn:aws:iam::111122223333:user/team/a/carol":  "carol",
		"arn:aws:iam::111122223333:root":               "",
		"arn:aws:sts::111122223333:assumed-role/R/x":   "",
		"arn:aws:sts::111122223333:federated-user/bob": "",
		"arn:aws:iam::111122223333:user/":              "",
		"":                                             "",
	} {
		if name, ok := binding.UserName(sts.Identity{ARN: arn}); name != want || ok != (want != "") {
			t.Errorf("%q: %q %t, want %q", arn, name, ok, want)
		}
	}
}

func FuzzCheckSerial(f *testing.F) {
	for _, serial := range []string{"", "GAHT12345678", "arn:aws:iam::111122223333:mfa/carol", "arn:::::", "arn:aws:iam::1:mfa/"} {
		for _, arn := range []string{"", "arn:aws:iam::111122223333:user/carol", "arn:aws-us-gov:iam::111122223333:root"} {
			f.Add(serial, arn)
		}
	}
	f.Fuzz(func(t *testing.T, serial, arn string) {
		id := sts.Identity{Account: "111122223333", ARN: arn}
		if binding.CheckSerial(serial, id) == nil && len(serial) < 9 {
			t.Errorf("%q is shorter than AWS takes", serial)
		}
		if name, ok := binding.UserName(id); ok && name == "" {
			t.Errorf("%q: user %q", arn, name)
		}
	})
}

// TestTakenElsewhere: an MFA device of the same serial at another endpoint is
// another one, and both endpoints are told.
func TestTakenElsewhere(t *testing.T) {
	here := sts.Device{Endpoint: "aws", Account: "111122223333", Serial: "arn:aws:iam::111122223333:mfa/carol"}
	there := here
	there.Endpoint = "http://127.0.0.1:4599"
	e := &binding.TakenError{Token: "12345678", Credential: "AWS:carol", By: there, For: here}
	if got := e.Error(); !strings.Contains(got, "to the one at http://127.0.0.1:4599, and this is at aws") {
		t.Errorf("%q names no endpoints", got)
	}
}
