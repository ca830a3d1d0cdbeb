package awsfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// credentials is written as people write it.
const credentials = "# my keys; don't lose them\r\n" +
	"[default]\n" +
	"aws_access_key_id=AKIADEFAULT\n" +
	"aws_secret_access_key=default-secret\n" +
	"\n" +
	"[dev-keys]   ; the team's\n" +
	"# made in May\n" +
	"aws_secret_access_key  =\tdev/secret+1=   # of carol\n" +
	"region = eu-central-1\n" +
	"s3 =\n" +
	"  aws_access_key_id = NESTED\n" +
	"AWS_Access_Key_ID = AKIADEV\n" +
	"\n" +
	"[other]\n" +
	"aws_access_key_id = AKIAOTHER\n" +
	"aws_secret_access_key = other" // no line's end

func TestKeys(t *testing.T) {
	f := parse(t, credentials)
	for profile, want := range map[string]Keys{
		"default": {"AKIADEFAULT", "default-secret"}, "dev-keys": {"AKIADEV", "dev/secret+1="}, "other": {"AKIAOTHER", "other"},
	} {
		if got, err := f.Keys(profile); err != nil || got != want {
			t.Errorf("%s: %+v, %v", profile, got, err)
		}
	}
	if _, err := f.Keys("nobody"); !errors.Is(err, ErrNoKeys) {
		t.Errorf("nobody: %v", err)
	}
	twice := parse(t, credentials+"\n[dev-keys]\naws_access_key_id = AKIA2\n")
	if _, err := twice.Keys("dev-keys"); !errors.Is(err, ErrTwice) {
		t.Errorf("twice: %v", err)
	}
}

func TestRemoveLeavesTheRest(t *testing.T) {
	f := parse(t, credentials)
	if err := f.RemoveKeys("dev-keys"); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(credentials, "aws_secret_access_key  =\tdev/secret+1=   # of carol\n", "", 1)
	want = strings.Replace(want, "AWS_Access_Key_ID = AKIADEV\n", "", 1)
	if got := string(f.Bytes()); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestRotationLeavesTheRest(t *testing.T) {
	f := parse(t, credentials)
	fresh := Keys{"AKIANEXT", "next$1secret"}
	for _, profile := range []string{"dev-keys", "other", "default"} {
		if err := f.SetNextKeys(profile, fresh); err != nil {
			t.Fatal(err)
		}
		if got, err := f.NextKeys(profile); err != nil || got != fresh {
			t.Fatalf("%s: next %+v, %v", profile, got, err)
		}
		if got, err := f.Keys(profile); err != nil || got == fresh {
			t.Fatalf("%s: %+v, %v before the swap", profile, got, err)
		}
		if err := f.SwapKeys(profile); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Keys(profile); err != nil || got != fresh {
			t.Fatalf("%s: %+v, %v after the swap", profile, got, err)
		}
		if _, err := f.NextKeys(profile); !errors.Is(err, ErrNoKeys) {
			t.Errorf("%s: %v, want no next key", profile, err)
		}
	}
	want := credentials
	for _, pair := range [][2]string{{"AKIADEFAULT", fresh.ID}, {"default-secret", fresh.Secret}, {"AKIADEV", fresh.ID}, {"dev/secret+1=", fresh.Secret},
		{"AKIAOTHER", fresh.ID}, {"aws_secret_access_key = other", "aws_secret_access_key = " + fresh.Secret}} {
		want = strings.Replace(want, pair[0], pair[1], 1)
	}
	if got := string(f.Bytes()); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestNextSectionThatAPersonWroteIn(t *testing.T) {
	f := parse(t, credentials)
	if err := f.SetNextKeys("other", Keys{"AKIANEXT", "next"}); err != nil {
		t.Fatal(err)
	}
	f = parse(t, string(f.Bytes())+"region = eu-west-1\n")
	if err := f.SwapKeys("other"); err != nil {
		t.Fatal(err)
	}
	if got := string(f.Bytes()); !strings.Contains(got, "region = eu-west-1") || strings.Count(got, "AKIANEXT") != 1 {
		t.Errorf("got\n%s", got)
	}
}

func TestChangeOnDisk(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "real"), filepath.Join(dir, "credentials")
	if err := os.WriteFile(path, []byte(credentials), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	if err := Change(link, func(f *File) error { return f.RemoveKeys("other") }); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is gone: %v", err)
	}
	f, err := Load(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Keys("other"); !errors.Is(err, ErrNoKeys) {
		t.Errorf("keys are left: %v", err)
	}
	refused := errors.New("refused")
	if err := Change(link, func(*File) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("%v, want the change's error", err)
	}
	err = Change(link, func(*File) error { return os.WriteFile(path, []byte("# else\n"), 0o600) })
	if !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// FuzzKeys holds a change to the lines that are meant, whatever is in the file.
func FuzzKeys(f *testing.F) {
	f.Add(credentials, "dev-keys")
	f.Add("[profile a b]\naws_access_key_id=\naws_secret_access_key:x", "profile a b")
	f.Add("[\n=\n[]\n", "")
	f.Fuzz(func(t *testing.T, text, section string) {
		file, err := Parse([]byte(text))
		if err != nil {
			return
		}
		before, err := file.Keys(section)
		if err != nil {
			return
		}
		fresh := Keys{"AKIANEXT", "next-secret"}
		if err := file.ReplaceKeys(section, fresh); err != nil {
			t.Fatal(err)
		}
		if got, err := file.Keys(section); err != nil || got != fresh {
			t.Fatalf("replaced: %+v, %v in %q", got, err, file.Bytes())
		}
		if err := file.ReplaceKeys(section, before); err != nil || string(file.Bytes()) != text {
			t.Fatalf("put back: %v\n%q\n%q", err, file.Bytes(), text)
		}
		if err := file.RemoveKeys(section); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Keys(section); !errors.Is(err, ErrNoKeys) {
			t.Fatalf("removed: %v", err)
		}
	})
}
