package seal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Names of the Secret Service API 0.2 (freedesktop.org).
const (
	serviceName    = "org.freedesktop.secrets"
	servicePath    = dbus.ObjectPath("/org/freedesktop/secrets")
	ifaceService   = "org.freedesktop.Secret.Service"
	ifaceCollected = "org.freedesktop.Secret.Collection"
	ifaceItem      = "org.freedesktop.Secret.Item"
	ifaceSession   = "org.freedesktop.Secret.Session"
	// nothing is the path that stands for no object.
	nothing = dbus.ObjectPath("/")
)

// A secret is the service's Secret structure (Secret Service API, "Secrets").
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// secretServiceKey keeps the key as an item of the service's default
// collection. The session is of the kind "plain": who can read the user's bus
// can ask the service as well.
func secretServiceKey(ctx context.Context, o Options) ([]byte, error) {
	if o.Bus == "" {
		return nil, errors.New("no session bus")
	}
	conn, err := dbus.Connect(o.Bus, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("session bus: %w", err)
	}
	defer conn.Close()
	s := service{ctx: ctx, conn: conn, attributes: map[string]string{"application": "fob", "name": o.Name}}
	return s.key()
}

// A service is a talk with the Secret Service.
type service struct {
	ctx        context.Context
	conn       *dbus.Conn
	attributes map[string]string
	session    dbus.ObjectPath
}

// call calls a method and stores its results.
func (s *service) call(path dbus.ObjectPath, method string, args []any, results ...any) error {
	call := s.conn.Object(serviceName, path).CallWithContext(s.ctx, method, 0, args...)
	if call.Err != nil {
		return fmt.Errorf("%s: %w", method[strings.LastIndexByte(method, '.')+1:], call.Err)
	}
	if err := call.Store(results...); err != nil {
		return fmt.Errorf("%s: %w", method[strings.LastIndexByte(method, '.')+1:], err)
	}
	return nil
}

func (s *service) key() ([]byte, error) {
	var output dbus.Variant
	if err := s.call(servicePath, ifaceService+".OpenSession", []any{"plain", dbus.MakeVariant("")}, &output, &s.session); err != nil {
		return nil, err
	}
	defer func() { _ = s.call(s.session, ifaceSession+".Close", nil) }() // it ends with the connection too
	item, err := s.find()
	if err != nil {
		return nil, err
	}
	if item == nothing {
		if item, err = s.create(); err != nil {
			return nil, err
		}
	}
	var kept secret
	if err := s.call(item, ifaceItem+".GetSecret", []any{s.session}, &kept); err != nil {
		return nil, err
	}
	return checked(kept.Value)
}

// find returns the key's item; nothing where there is none.
func (s *service) find() (dbus.ObjectPath, error) {
	var unlocked, locked []dbus.ObjectPath
	if err := s.call(servicePath, ifaceService+".SearchItems", []any{s.attributes}, &unlocked, &locked); err != nil {
		return nothing, err
	}
	switch {
	case len(unlocked) > 0:
		return oldest(unlocked), nil
	case len(locked) > 0:
		return nothing, ErrLocked
	}
	return nothing, nil
}

// oldest is the item that was made first, by the number that the services name
// it with: should two agents have made one each, both take the same from then
// on.
func oldest(items []dbus.ObjectPath) dbus.ObjectPath {
	return slices.MinFunc(items, func(a, b dbus.ObjectPath) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
}

// create makes a key in the default collection.
func (s *service) create() (dbus.ObjectPath, error) {
	var collection dbus.ObjectPath
	if err := s.call(servicePath, ifaceService+".ReadAlias", []any{"default"}, &collection); err != nil {
		return nothing, err
	}
	if collection == nothing {
		return nothing, errors.New("it has no default collection yet")
	}
	properties := map[string]dbus.Variant{
		ifaceItem + ".Label":      dbus.MakeVariant("fob: sealing key of the agent"),
		ifaceItem + ".Attributes": dbus.MakeVariant(s.attributes),
	}
	made := secret{Session: s.session, Parameters: []byte{}, Value: newKey(), ContentType: "application/octet-stream"}
	var item, prompt dbus.ObjectPath
	if err := s.call(collection, ifaceCollected+".CreateItem", []any{properties, made, false}, &item, &prompt); err != nil {
		var refused dbus.Error
		if errors.As(err, &refused) && refused.Name == "org.freedesktop.Secret.Error.IsLocked" {
			return nothing, ErrLocked
		}
		return nothing, err
	}
	if item == nothing {
		return nothing, ErrLocked // it would ask a person first
	}
	return item, nil
}
