package broker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/fob-auth/fob/devices"
)

// TestSeek: what another program put on a token meanwhile is found, and what no
// token has is still not; a token that got a password says so.
func TestSeek(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token, later := newFakeToken("111"), newFakeToken("111", "AWS:carol")
		lists := 0
		other := newFakeToken("222", "AWS:bob")
		whole := other.list
		other.list = func(ctx context.Context) ([]devices.Credential, error) {
			lists++
			return whole(ctx)
		}
		d.plug("usb1", token)
		d.plug("usb2", other)
		synctest.Wait()
		token.list = later.list
		for _, serial := range []string{"", "111"} {
			if found, err := b.Seek(t.Context(), "AWS:carol", serial); err != nil || len(found) != 1 || found[0].Token.Serial != "111" {
				t.Errorf("on %q: %v, %v", serial, found, err)
			}
		}
		if lists != 2 {
			t.Errorf("the other token was listed %d times, want at its start and once more", lists)
		}
		var unknown *NotFoundError
		if _, err := b.Seek(t.Context(), "AWS:dora", ""); !errors.As(err, &unknown) {
			t.Errorf("nowhere: %v", err)
		}
		wiped := newFakeToken("111", "AWS:erin")
		token.list = func(context.Context) ([]devices.Credential, error) {
			token.list = wiped.list
			return nil, devices.ErrRemoved
		}
		if found, err := b.Seek(t.Context(), "AWS:erin", ""); err != nil || len(found) != 1 {
			t.Errorf("after a reset: %v, %v", found, err)
		}
		token.list = func(context.Context) ([]devices.Credential, error) { return nil, devices.ErrPassword }
		if _, err := b.Seek(t.Context(), "AWS:dora", "111"); !errors.Is(err, devices.ErrPassword) {
			t.Errorf("behind a password: %v", err)
		}
	})
}
