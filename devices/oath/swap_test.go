package oath_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
	"github.com/fob-auth/fob/firmware/apdu"
)

// A place is a slot in which one key can be put in another's place while
// nobody looks.
type place struct{ devices.Transport }

// TestSwappedKey: a key that took the place of the one that was opened is told
// from it before it is asked for anything, and opened anew tells its own serial.
func TestSwappedKey(t *testing.T) {
	first, second := key(totp("a")), key(totp("a"))
	second.Serial, second.Name = 87654321, [8]byte{8, 8, 8}
	var asked []byte
	second.Tap = func(cmd apdu.Command) ([]byte, bool) {
		asked = append(asked, cmd.INS)
		return nil, false
	}
	p := &place{first}
	token := open(t, p)
	if _, err := token.Code(t.Context(), "a", time.Unix(59, 0)); err != nil {
		t.Fatal(err)
	}
	p.Transport = second
	_, list := token.Credentials(t.Context())
	_, code := token.Code(t.Context(), "a", time.Unix(59, 0))
	for op, err := range map[string]error{"list": list, "code": code,
		"put": token.Put(t.Context(), account("b", 6, 30*time.Second)), "delete": token.Delete(t.Context(), "a")} {
		var named *devices.Error
		if !errors.Is(err, devices.ErrRemoved) || !errors.As(err, &named) || named.Token != "12345678" {
			t.Errorf("%s: %v", op, err)
		}
	}
	for _, ins := range asked {
		if ins != 0xA4 || len(asked) != 4 {
			t.Fatalf("the other key was asked %x, want four SELECTs", asked)
		}
	}
	again, err := oath.Open(t.Context(), p, devices.Slot{Path: "here"})
	if err != nil || again.Info().Serial != "87654321" {
		t.Errorf("opened anew: %v, %v", again, err)
	}
}
