//go:build fido2 && cgo

package fido2

import (
	"slices"
	"testing"

	"github.com/fob-auth/fob/devices"
)

func TestWhatIsNoKeyIsTold(t *testing.T) {
	for _, path := range []string{"/dev/null", "/nowhere", ""} {
		info := describe(path, "Maker Model")
		if info.Model != "Maker Model" || info.Slot != (devices.Slot{Driver: Name, Path: path}) || !slices.Equal(info.Notes, []string{"key doesn't answer"}) {
			t.Errorf("%q is %+v", path, info)
		}
	}
}
