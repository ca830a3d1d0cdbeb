package seal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/fob-auth/fob/agent/bustest"
)

// A fakeService is a Secret Service with one collection.
type fakeService struct {
	mu sync.Mutex
	// locked has every item in SearchItems' second list, and CreateItem
	// refused; prompting has CreateItem ask a person first.
	locked, prompting, empty bool
	items                    map[dbus.ObjectPath]*fakeItem
	conn                     *dbus.Conn
}

type fakeItem struct {
	attributes map[string]string
	value      []byte
}

const fakeCollection = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")

func serve(t *testing.T, address string) *fakeService {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f := &fakeService{items: map[dbus.ObjectPath]*fakeItem{}, conn: conn}
	for _, o := range []struct {
		methods map[string]any
		path    dbus.ObjectPath
		iface   string
	}{
		{map[string]any{"OpenSession": f.openSession, "SearchItems": f.searchItems, "ReadAlias": f.readAlias}, servicePath, ifaceService},
		{map[string]any{"CreateItem": f.createItem}, fakeCollection, ifaceCollected},
		{map[string]any{"Close": func() *dbus.Error { return nil }}, "/org/freedesktop/secrets/session/1", ifaceSession},
	} {
		if err := conn.ExportMethodTable(o.methods, o.path, o.iface); err != nil {
			t.Fatal(err)
		}
	}
	if reply, err := conn.RequestName(serviceName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("name: %v, %v", reply, err)
	}
	return f
}

func (f *fakeService) openSession(algorithm string, _ dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	if algorithm != "plain" {
		return dbus.MakeVariant(""), nothing, dbus.NewError("org.freedesktop.DBus.Error.NotSupported", nil)
	}
	return dbus.MakeVariant(""), "/org/freedesktop/secrets/session/1", nil
}

func (f *fakeService) searchItems(attributes map[string]string) ([]dbus.ObjectPath, []dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []dbus.ObjectPath{}
	for path, item := range f.items {
		if maps.Equal(item.attributes, attributes) {
			found = append(found, path)
		}
	}
	if f.locked {
		return []dbus.ObjectPath{}, found, nil
	}
	return found, []dbus.ObjectPath{}, nil
}

func (f *fakeService) readAlias(name string) (dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name != "default" || f.empty {
		return nothing, nil
	}
	return fakeCollection, nil
}

func (f *fakeService) createItem(properties map[string]dbus.Variant, s secret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked {
		return nothing, nothing, dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
	}
	if f.prompting {
		return nothing, "/org/freedesktop/secrets/prompt/1", nil
	}
	var attributes map[string]string
	if err := properties[ifaceItem+".Attributes"].Store(&attributes); err != nil {
		return nothing, nothing, dbus.MakeFailedError(err)
	}
	path := dbus.ObjectPath(fmt.Sprintf("%s/%d", fakeCollection, len(f.items)+1))
	item := &fakeItem{attributes, s.Value}
	f.items[path] = item
	get := func(session dbus.ObjectPath) (secret, *dbus.Error) {
		return secret{session, []byte{}, item.value, "application/octet-stream"}, nil
	}
	if err := f.conn.ExportMethodTable(map[string]any{"GetSecret": get}, path, ifaceItem); err != nil {
		return nothing, nothing, dbus.MakeFailedError(err)
	}
	return path, nothing, nil
}

func TestSecretServiceKeepsTheKey(t *testing.T) {
	address := bustest.Start(t)
	service := serve(t, address)
	o := Options{Bus: address, Name: "key of a test"}
	a, err := Find(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	box, err := a.Seal("name", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Find(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := again.Open("name", box)
	if err != nil || !bytes.Equal(text, []byte("text")) || again.Place() != SecretService {
		t.Errorf("second run, by the %s: %q, %v", again.Place(), text, err)
	}
	o.Name = "another key"
	if _, err := Find(t.Context(), o); err != nil {
		t.Error(err)
	}
	service.mu.Lock()
	defer service.mu.Unlock()
	if len(service.items) != 2 {
		t.Errorf("%d items, want one for each name", len(service.items))
	}
}

// Where a person would have to be asked, nobody is.
func TestSecretServiceThatIsLocked(t *testing.T) {
	address := bustest.Start(t)
	service := serve(t, address)
	o := Options{Place: SecretService, Bus: address, Name: "key of a test"}
	set := func(locked, prompting, empty bool) {
		service.mu.Lock()
		defer service.mu.Unlock()
		service.locked, service.prompting, service.empty = locked, prompting, empty
	}
	for _, c := range []struct{ locked, prompting bool }{{true, false}, {false, true}} {
		set(c.locked, c.prompting, false)
		if _, err := Find(t.Context(), o); !errors.Is(err, ErrNone) || !errors.Is(err, ErrLocked) {
			t.Errorf("%+v, no key yet: %v, want ErrLocked", c, err)
		}
	}
	set(false, false, true)
	if _, err := Find(t.Context(), o); !errors.Is(err, ErrNone) || errors.Is(err, ErrLocked) {
		t.Errorf("no collection: %v, want ErrNone", err)
	}
	set(false, false, false)
	if _, err := Find(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	set(true, false, false)
	if _, err := Find(t.Context(), o); !errors.Is(err, ErrLocked) {
		t.Errorf("a key is there: %v, want ErrLocked", err)
	}
}

func TestBusWithoutTheService(t *testing.T) {
	if _, err := Find(t.Context(), Options{Place: SecretService, Bus: bustest.Start(t)}); !errors.Is(err, ErrNone) {
		t.Errorf("%v, want ErrNone", err)
	}
	if _, err := Find(t.Context(), Options{Place: SecretService, Bus: "unix:path=/nowhere/bus"}); !errors.Is(err, ErrNone) {
		t.Errorf("no bus at the address: %v, want ErrNone", err)
	}
}
