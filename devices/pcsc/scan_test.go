package pcsc

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/fob-auth/fob/devices"
)

// TestScanWithoutItsService: whether it is PC/SC's code or its service that is
// missing, a listing says which, and that is all.
func TestScanWithoutItsService(t *testing.T) {
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(t.TempDir(), "nobody"))
	want := devices.ErrNotBuilt
	if Built() {
		want = devices.ErrNoService
	}
	d := New()
	for range 3 {
		infos, err := d.Scan(t.Context())
		if !errors.Is(err, want) || len(infos) != 0 {
			t.Errorf("scan: %v, %v", infos, err)
		}
	}
}
