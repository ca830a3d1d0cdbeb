package world

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contract is the world of the contract, with values for its placeholders.
const contract = `hardware:                          # fobs the vendor has delivered seeds for
  - {serial: GAHT87654321, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}
accounts:
  - id: "111122223333"
    partition: aws
    alias: example
    root:
      access_keys: [{id: AKIAROOTEXAMPLE00001, secret: "root secret"}]
      mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/root-account-mfa-device", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA}]
    managed_policies: [{name: ReadOnly, path: /, document: {Version: "2012-10-17", Statement: []}}]
    groups: [{name: EC2-Admins, policies: [{name: inline, document: {}}], attached: [arn:aws:iam::111122223333:policy/ReadOnly]}]
    users:
      - name: carol
        path: /
        groups: [EC2-Admins]
        access_keys: [{id: AKIACAROLEXAMPLE0001, secret: "carol secret"}]
        policies: []
        attached: []
        boundary: ""
        mfa_devices:
          - {serial: GAHT12345678, kind: hardware, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXB, adjustment: 0}
          - {serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXC}
    roles: [{name: CrossAccountRole, path: /, trust: {}, policies: [], attached: [], max_session_seconds: 3600}]
    buckets: [{name: account-a-bucket, policy: {}, versioning: false, mfa_delete: false}]
`

func TestTheContractsWorld(t *testing.T) {
	w, err := Decode("world.yaml", []byte(contract))
	if err != nil {
		t.Fatal(err)
	}
	a := w.Accounts[0]
	u := a.Users[0]
	if len(w.Hardware) != 1 || a.ID.Value != "111122223333" || a.Alias != "example" || len(a.Root.AccessKeys) != 1 ||
		len(a.Root.MFADevices) != 1 || a.ManagedPolicies[0].Document.JSON != `{"Version":"2012-10-17","Statement":[]}` ||
		a.Groups[0].Policies[0].Document.JSON != "{}" || u.Groups[0].Value != "EC2-Admins" || len(u.MFADevices) != 2 ||
		a.Roles[0].MaxSessionSeconds != 3600 || a.Buckets[0].Name.Value != "account-a-bucket" {
		t.Errorf("got %+v", w)
	}
}

func TestDefaults(t *testing.T) {
	w, err := Decode("world.yaml", []byte(`accounts: [{id: "000000000001", users: [{name: a}], roles: [{name: r, trust: {}}], groups: [{name: g}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	a := w.Accounts[0]
	if a.Partition.Value != "aws" || a.Users[0].Path.Value != "/" || a.Groups[0].Path.Value != "/" || a.Roles[0].Path.Value != "/" || a.Roles[0].MaxSessionSeconds != 3600 {
		t.Errorf("got %+v", a)
	}
	if w, err := Decode("world.yaml", nil); err != nil || len(w.Accounts) != 0 {
		t.Errorf("an empty file: %+v, %v", w, err)
	}
}

// TestDocuments: YAML becomes the JSON that is meant, and JSON text stays.
func TestDocuments(t *testing.T) {
	for yaml, want := range map[string]string{
		`{Version: 2012-10-17, Statement: []}`: `{"Version":"2012-10-17","Statement":[]}`,
		`'{"Statement": []}'`:                  `{"Statement": []}`,
		`{Statement: {Effect: Deny, Action: "*", Resource: "*", Condition: {Bool: {"aws:SecureTransport": False}, NumericLessThan: {"aws:MultiFactorAuthAge": 300}}}}`: `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false},"NumericLessThan":{"aws:MultiFactorAuthAge":300}}}}`,
		`{Statement: {Effect: Deny, Action: &a ["iam:*"], Resource: "*", Condition: {StringEquals: {"aws:RequestTag/a": *a}}}}`:                                        `{"Statement":{"Effect":"Deny","Action":["iam:*"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/a":["iam:*"]}}}}`,
		`{Statement: {Effect: Deny, Action: "*", Resource: "*", Condition: {StringEquals: {"aws:PrincipalAccount": 0o17, "aws:username": 0x1F}}}}`:                     `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"0o17","aws:username":"0x1F"}}}}`,
	} {
		w, err := Decode("world.yaml", []byte(`accounts: [{id: "000000000001", users: [{name: a, policies: [{name: p, document: `+yaml+`}]}]}]`))
		if err != nil {
			t.Errorf("%s: %v", yaml, err)
			continue
		}
		if got := w.Accounts[0].Users[0].Policies[0].Document.JSON; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", yaml, got, want)
		}
	}
}

// TestErrors: each names file and line, and none a secret.
func TestErrors(t *testing.T) {
	replace := func(from, to string) string {
		if !strings.Contains(contract, from) {
			t.Fatalf("%q is not in the contract's world", from)
		}
		return strings.Replace(contract, from, to, 1)
	}
	const statement = `document: {Version: "2012-10-17", Statement: []}`
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", replace("alias: example", "alias: example\n    aliass: x"), `world.yaml:7: unknown key "aliass" in account`},
		{"unknown key of a device", replace("adjustment: 0", "drift: 0"), `world.yaml:21: unknown key "drift" in mfadevice`},
		{"unknown key at the top", contract + "acounts: []\n", `world.yaml:25: unknown key "acounts" in world`},
		{"wrong type", replace("adjustment: 0", "adjustment: soon"), "world.yaml:21: cannot unmarshal !!str into int64"},
		{"a list for a text", replace("id: \"111122223333\"", "id: [1]"), "world.yaml:4: want a text"},
		{"not YAML", "accounts: [", "world.yaml:1: did not find expected node content"},
		{"a key twice", replace("alias: example", "alias: example\n    alias: again"), `world.yaml:7: mapping key "alias" already defined at line 6`},
		{"two documents", contract + "---\n{}\n", "world.yaml: more than one document"},
		{"account id", replace(`"111122223333"`, `"11112222333"`), `world.yaml:4: account id "11112222333" is not 12 digits`},
		{"partition", replace("partition: aws", "partition: azure"), `world.yaml:5: unknown partition "azure"`},
		{"root key", replace("AKIAROOTEXAMPLE00001", "AKIA"), "world.yaml:8: access key id of the root user is shorter than 8 characters"},
		{"user key", replace("AKIACAROLEXAMPLE0001", "AKIACAROL"), "world.yaml:16: access key id is not one (16 to 128 of A-Z, a-z, 0-9 and _)"},
		{"secret", replace("carol secret", "carol"), `world.yaml:16: secret of access key "AKIACAROLEXAMPLE0001" is shorter than 8 characters`},
		{"key twice", replace("AKIACAROLEXAMPLE0001", "AKIAROOTEXAMPLE00001"), `world.yaml:16: access key "AKIAROOTEXAMPLE00001" is there twice`},
		{"policy", replace(statement, `document: {Version: "2012-10-17", Statement: [{Effect: allow, Action: "*", Resource: "*"}]}`), `world.yaml:10: policy: invalid value at Statement[0].Effect`},
		{"policy's principal", replace(statement, `document: {Statement: [{Effect: Allow, Principal: "*", Action: "*", Resource: "*"}]}`), `world.yaml:10: Policy document should not specify a principal.`},
		{"no document", replace(", "+statement, ""), `world.yaml:10: policy: invalid JSON`},
		{"group", replace("groups: [EC2-Admins]", "groups: [EC3-Admins]"), `world.yaml:15: no group "EC3-Admins" in account 111122223333`},
		{"attached", replace("111122223333:policy/ReadOnly", "111122223333:policy/WriteOnly"), `world.yaml:11: no managed policy "arn:aws:iam::111122223333:policy/WriteOnly" in account 111122223333`},
		{"boundary", replace(`boundary: ""`, `boundary: arn:aws:iam::aws:policy/Nothing`), `world.yaml:19: no managed policy "arn:aws:iam::aws:policy/Nothing" in account 111122223333`},
		{"user name", replace("name: carol", "name: car ol"), `world.yaml:13: user name "car ol" is not one`},
		{"path", replace("path: /\n        groups", "path: x\n        groups"), `world.yaml:14: path "x" of user "carol" does not begin and end with /`},
		{"kind", replace("kind: hardware", "kind: sms"), `world.yaml:21: kind "sms" of MFA device "GAHT12345678" is neither virtual nor hardware`},
		{"virtual serial", replace("arn:aws:iam::111122223333:mfa/carol", "arn:aws:iam::111122223334:mfa/carol"), `world.yaml:22: serial "arn:aws:iam::111122223334:mfa/carol" of a virtual device does not begin with arn:aws:iam::111122223333:mfa/`},
		{"hardware serial", replace("GAHT12345678", "GAHT1234"), `world.yaml:21: serial "GAHT1234" of a hardware device is not one`},
		{"serial twice", replace("GAHT12345678", "GAHT87654321"), `world.yaml:21: MFA device "GAHT87654321" is there twice`},
		{"seed", replace("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXB", "JBSWY3DPEHPK3PX1"), `world.yaml:21: seed of MFA device "GAHT12345678": mfa seed is not base32`},
		{"gov", strings.ReplaceAll(strings.Replace(contract, "partition: aws", "partition: aws-us-gov", 1), "arn:aws:", "arn:aws-us-gov:"), "world.yaml:21: hardware MFA devices don't exist in aws-us-gov"},
		{"role without trust", replace("trust: {}, ", ""), `world.yaml:23: role "CrossAccountRole" has no trust policy`},
		{"trust with a resource", replace("trust: {}", `trust: {Statement: [{Effect: Allow, Principal: "*", Action: "sts:AssumeRole", Resource: "*"}]}`), `world.yaml:23: Has prohibited field Resource`},
		{"session", replace("max_session_seconds: 3600", "max_session_seconds: 60"), `world.yaml:23: max_session_seconds of role "CrossAccountRole" is not 3600 to 43200`},
		{"MFA Delete without versions", replace("mfa_delete: false", "mfa_delete: true"), `world.yaml:24: bucket "account-a-bucket" has mfa_delete without versioning`},
		{"bucket", replace("account-a-bucket", "Account-A-bucket"), `world.yaml:24: bucket name "Account-A-bucket" is not one`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode("world.yaml", []byte(c.text))
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			for _, secret := range []string{"secret\"", "JBSWY", "soon"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%v holds %q", err, secret)
				}
			}
		})
	}
}

func TestManyErrorsAreTold(t *testing.T) {
	_, err := Decode("w", []byte(`accounts: [{id: "1", partition: x, users: [{name: ""}]}, {id: "1", users: [`+strings.Repeat(`{name: "a b"},`, 50)+`]}]`))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxErrors {
		t.Errorf("%d errors are told: %v", len(lines), err)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.yaml")
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: true, 0o604: true} {
		if err := os.WriteFile(path, []byte(contract), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if w, shared, err := Load(path); err != nil || shared != want || len(w.Accounts) != 1 {
			t.Errorf("%v: shared %v, %v", mode, shared, err)
		}
	}
	if err := os.WriteFile(path, []byte("x: y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+":1: ") {
		t.Errorf("got %v", err)
	}
	if _, _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(contract)
	f.Add("a: &a [*a]\n")
	f.Add("accounts: [{id: 1, users: [{name: a, policies: [{name: p, document: &x {a: [1, 2.5, yes, ~, 2012-10-17], <<: *x}}]}]}]")
	f.Add("hardware: [{serial: !!binary AAAA, seed: !!int 7}]")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Decode("w", []byte(text))
		if (w == nil) != (err != nil) {
			t.Fatalf("got %v and %v", w, err)
		}
	})
}
