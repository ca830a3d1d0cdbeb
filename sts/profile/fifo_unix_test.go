//go:build unix

package profile

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestAFIFOIsRefusedAtOnce: password managers put a FIFO where the credentials
// file is wanted, which waits for its writer for as long as that asks a person.
func TestAFIFOIsRefusedAtOnce(t *testing.T) {
	r := write(t, "[profile dev]\n", "")
	r.CredentialsFile = filepath.Join(t.TempDir(), "credentials")
	if err := syscall.Mkfifo(r.CredentialsFile, 0o600); err != nil {
		t.Fatal(err)
	}
	var bad *FileError
	if _, err := r.Resolve(t.Context(), "dev"); !errors.As(err, &bad) || bad.File != r.CredentialsFile {
		t.Errorf("got %v", err)
	}
}
