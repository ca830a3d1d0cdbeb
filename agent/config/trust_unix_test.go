//go:build unix

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fob.yaml")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	plain, endpoint := "profiles: [{name: a}]\n", "profiles: [{name: a, endpoint_url: https://x.example}]\n"
	for _, tt := range []struct {
		name string
		text string
		mode os.FileMode
		want string
	}{
		{"ours alone", endpoint, 0o600, ""},
		{"readable by all", endpoint, 0o644, ""},
		{"writable by the group", plain, 0o664, ""},
		{"writable by the group, with an endpoint", endpoint, 0o664, "can be written by its group (mode 0664); chmod 600 it"},
		{"writable by all", plain, 0o606, "can be written by everybody (mode 0606); chmod 600 it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write(tt.text, tt.mode)
			_, err := Load(path)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	write(plain, 0o600)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() > 0 { // a file of root is everybody's to trust
		if err := trustedBy(info, false, os.Getuid()+1); err == nil {
			t.Error("a file of another user is trusted")
		}
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "isn't a regular file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestReadTrusted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.pem")
	for mode, want := range map[os.FileMode]string{0o600: "", 0o644: "", 0o664: "by its group", 0o606: "by everybody"} {
		if err := errors.Join(os.WriteFile(path, []byte("PEM"), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		b, err := ReadTrusted(path)
		if want == "" && (err != nil || string(b) != "PEM") || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("mode %04o: %q, %v; want %q", mode, b, err, want)
		}
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, make([]byte, MaxFile+1), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTrusted(path); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("too large a file: %v", err)
	}
	if _, err := ReadTrusted(filepath.Dir(path)); err == nil {
		t.Error("a folder was read")
	}
	if _, err := ReadTrusted(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
