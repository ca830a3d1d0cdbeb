package fido2

import (
	"errors"
	"strings"
	"testing"

	"github.com/fob-auth/fob/devices"
)

// TestScan lists whatever keys this machine has; without libfido2 it says so.
func TestScan(t *testing.T) {
	var s Scanner
	infos, err := s.Scan(t.Context())
	if !Built() {
		if !errors.Is(err, devices.ErrNotBuilt) || len(infos) != 0 {
			t.Errorf("scan: %v, %v", infos, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	for _, info := range infos {
		if info.Slot.Driver != Name || !strings.HasPrefix(info.Slot.Path, "/") || len(info.Notes) == 0 {
			t.Errorf("scan found %+v", info)
		}
	}
}
