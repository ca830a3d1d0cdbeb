package firmware_test

import (
	"testing"

	"github.com/fob-auth/fob/firmware"
)

func TestVersion(t *testing.T) {
	v := firmware.Version{5, 4, 3}
	if v.String() != "5.4.3" {
		t.Error(v.String())
	}
	for _, c := range []struct {
		major, minor, patch byte
		want                bool
	}{
		{5, 4, 3, true}, {5, 4, 2, true}, {5, 4, 4, false}, {5, 3, 9, true}, {5, 5, 0, false}, {4, 9, 9, true}, {6, 0, 0, false},
	} {
		if v.Since(c.major, c.minor, c.patch) != c.want {
			t.Errorf("%v since %d.%d.%d: want %v", v, c.major, c.minor, c.patch, c.want)
		}
	}
}
