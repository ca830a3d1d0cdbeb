package awsfile

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const text = `# mine
[default]
region = eu-west-1   # home

[profile dev]
; the old way
mfa_serial: arn:aws:iam::111122223333:mfa/carol
Role_ARN = arn:aws:iam::111122223333:role/Deploy
s3 =
  max_concurrent_requests = 20
  addressing_style = path
output=json

[profile "two words"]
region=us-east-1
[dev]
# of the credentials file
aws_access_key_id = AKIA`

func parse(t *testing.T, s string) *File {
	t.Helper()
	f, err := Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRead(t *testing.T) {
	f := parse(t, text)
	if got := string(f.Bytes()); got != text {
		t.Errorf("came back as %q", got)
	}
	if got, want := f.Sections(), []string{"default", "profile dev", `profile "two words"`, "dev"}; !slices.Equal(got, want) {
		t.Errorf("sections %q", got)
	}
	for _, c := range []struct{ section, key, want string }{
		{"default", "region", "eu-west-1"},
		{"profile dev", "mfa_serial", "arn:aws:iam::111122223333:mfa/carol"},
		{"profile dev", "role_arn", "arn:aws:iam::111122223333:role/Deploy"},
		{"profile dev", "s3", ""},
		{"dev", "aws_access_key_id", "AKIA"},
	} {
		if got, ok := f.Get(c.section, c.key); !ok || got != c.want {
			t.Errorf("%s of %s is %q, %t", c.key, c.section, got, ok)
		}
	}
	for _, c := range [][2]string{{"profile dev", "max_concurrent_requests"}, {"dev", "region"}, {"none", "region"}} {
		if got, ok := f.Get(c[0], c[1]); ok {
			t.Errorf("%s of %s is there: %q", c[1], c[0], got)
		}
	}
	for section, want := range map[string]string{"default": "default", "profile dev": "dev", `profile "two words"`: "two words", "profile\tdev": "dev", "profiles": "", "profile": "", "sso-session x": "", "dev": ""} {
		if got, ok := Profile(section); ok != (want != "") || ok && got != want {
			t.Errorf("profile of [%s] is %q, %t", section, got, ok)
		}
	}
}

func TestEdit(t *testing.T) {
	f := parse(t, text)
	if !f.Remove("profile dev", "s3") || !f.Remove("profile dev", "role_arn") || f.Remove("profile dev", "role_arn") {
		t.Error("removed the wrong number of times")
	}
	f.Set("profile dev", "credential_process", "fob credentials --profile dev")
	f.Set("default", "region", "eu-central-1")
	if !f.Rename("dev", "dev-keys") || f.Rename("dev", "x") {
		t.Error("renamed the wrong number of times")
	}
	f.Set("dev-keys", "aws_secret_access_key", "secret")
	f.Set("profile new", "region", "x")
	want := `# mine
[default]
region = eu-central-1

[profile dev]
; the old way
mfa_serial: arn:aws:iam::111122223333:mfa/carol
output=json
credential_process = fob credentials --profile dev

[profile "two words"]
region=us-east-1
[dev-keys]
# of the credentials file
aws_access_key_id = AKIA
aws_secret_access_key = secret

[profile new]
region = x
`
	if got := string(f.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	f = parse(t, "[a]\r\nx = 1\r\nx = 2\r\n")
	f.Set("a", "x", "3")
	f.Set("a", "y", "4")
	if got := string(f.Bytes()); got != "[a]\r\nx = 3\r\ny = 4\r\n" {
		t.Errorf("%q", got)
	}
	f = parse(t, "")
	f.Set("a", "x", "1")
	if got := string(f.Bytes()); got != "[a]\nx = 1\n" {
		t.Errorf("%q", got)
	}
}

func TestRefused(t *testing.T) {
	for _, b := range [][]byte{bytes.Repeat([]byte("a"), MaxSize+1), []byte("[a]\x00"), []byte("\xEF\xBB\xBF[a]\n")} {
		if f, err := Parse(b); err == nil {
			t.Errorf("taken: %v", f)
		}
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "aws", "config"), filepath.Join(dir, "link")
	if f, err := Load(path); err != nil || len(f.Bytes()) != 0 {
		t.Fatalf("%v %v", f, err)
	}
	if name, err := Backup(path, time.Unix(0, 0)); err != nil || name != "" {
		t.Errorf("backup of nothing: %q %v", name, err)
	}
	if err := Save(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	name, err := Backup(link, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || name != link+".before-fob-20260901T000000Z" {
		t.Errorf("%q %v", name, err)
	}
	if err := Save(link, []byte("two")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	b, _ := os.ReadFile(path)
	old, _ := os.ReadFile(name)
	if err != nil || info.Mode().Perm() != 0o640 || string(b) != "two" || string(old) != "one" {
		t.Errorf("%v %q %q %v", info, b, old, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v %v", info, err)
	}
	left, _ := os.ReadDir(filepath.Join(dir, "aws"))
	if len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

// FuzzParse: what isn't changed comes back as it was, and a value that was set
// is read back.
func FuzzParse(f *testing.F) {
	for _, s := range []string{text, "", "[", "[a", "[a]x=1", "=", ":\n", "[a]\n =\n  b\n", "\r\n[a]\r\n", "[profile x] # y\nk=v ; c\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(file.Bytes(), b) {
			t.Fatalf("%q came back as %q", b, file.Bytes())
		}
		for _, section := range append(file.Sections(), "new") {
			file.Set(section, "fob_key", "value")
			if got, ok := file.Get(section, "fob_key"); !ok || got != "value" {
				t.Fatalf("section %q: %q %t in %q", section, got, ok, file.Bytes())
			}
			if !file.Remove(section, "fob_key") {
				t.Fatalf("section %q: can't be removed", section)
			}
		}
	})
}
