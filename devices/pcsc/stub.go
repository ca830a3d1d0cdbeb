//go:build !(pcsc && (cgo || windows))

package pcsc

import (
	"context"
	"fmt"

	"github.com/fob-auth/fob/devices"
)

// Built says whether PC/SC is supported in this build.
func Built() bool { return false }

var errNotBuilt = fmt.Errorf("PC/SC readers: %w", devices.ErrNotBuilt)

var _ devices.Driver = (*Driver)(nil)

func (d *Driver) list() ([]devices.Info, error) { return nil, errNotBuilt }

// Watch says that this program was built without PC/SC.
func (d *Driver) Watch(context.Context, chan<- []devices.Slot) error { return errNotBuilt }

// Open says that this program was built without PC/SC.
func (d *Driver) Open(_ context.Context, s devices.Slot) (devices.Token, error) {
	return nil, &devices.Error{Op: "open", Token: s.Path, Err: errNotBuilt}
}
