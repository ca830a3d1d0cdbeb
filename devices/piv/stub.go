//go:build !(pcsc && (cgo || windows))

package piv

import (
	"fmt"

	"github.com/fob-auth/fob/devices"
)

var errNotBuilt = fmt.Errorf("PIV through PC/SC: %w", devices.ErrNotBuilt)

// Read says that this program was built without PC/SC.
func Read(string) (Identity, error) { return Identity{}, errNotBuilt }

// Attest says that this program was built without PC/SC.
func Attest(string, string, []byte) (devices.Attestation, error) {
	return devices.Attestation{}, errNotBuilt
}

// Verify says that this program was built without PC/SC.
func (Verifier) Verify(devices.Attestation, []byte) (devices.Proof, error) {
	return devices.Proof{}, errNotBuilt
}
