package broker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

func TestBindings(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	bind := func(dev sts.Device, token, cred string) (Binding, error) {
		return d.bindings.Bind(ctx, Binding{Device: dev, Token: token, Credential: cred, Emulated: true, Bound: noon()}, 0)
	}
	first, err := bind(device("carol"), "111", "AWS:carol")
	if err != nil || first.ID == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	// A credential serves one device.
	var bound *BoundError
	if _, err := bind(device("bob"), "111", "AWS:carol"); !errors.As(err, &bound) || bound.To != device("carol") {
		t.Errorf("%v", err)
	}
	// A device has one credential: the new one takes the old one's place.
	second, err := bind(device("carol"), "222", "AWS:carol")
	if err != nil || second.ID == first.ID {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := d.bindings.OfCredential(ctx, "111", "AWS:carol"); !errors.Is(err, ErrUnbound) {
		t.Errorf("old binding: %v", err)
	}
	other, err := bind(device("bob"), "111", "AWS:carol")
	if err != nil {
		t.Fatal(err)
	}
	d.reopen(t, func() {})
	if got, err := d.bindings.OfDevice(ctx, device("carol")); err != nil || got != second {
		t.Errorf("wrote %+v, read %+v, %v", second, got, err)
	}
	if got, err := d.bindings.OfCredential(ctx, "111", "AWS:carol"); err != nil || got != other {
		t.Errorf("wrote %+v, read %+v, %v", other, got, err)
	}
	if gone, err := d.bindings.Unbind(ctx, second.ID); err != nil || gone != second {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := d.bindings.Unbind(ctx, second.ID); !errors.Is(err, ErrUnbound) {
		t.Errorf("twice: %v", err)
	}
	if _, err := d.bindings.OfDevice(ctx, device("carol")); !errors.Is(err, ErrUnbound) {
		t.Errorf("%v", err)
	}
	if list, err := d.bindings.All(ctx); err != nil || len(list) != 1 || list[0] != other {
		t.Errorf("%v, %v", list, err)
	}
	for name, b := range map[string]Binding{
		"no device": {Token: "1", Credential: "c", Bound: time.Now()}, "no token": {Device: device("x"), Credential: "c"}, "no credential": {Device: device("x"), Token: "1"},
	} {
		if _, err := d.bindings.Bind(ctx, b, 0); err == nil {
			t.Errorf("%s was bound", name)
		}
	}
}
