// Package pcsc is the way in to YubiKeys by the system's PC/SC service: what is
// in the readers comes from the service's status changes, and each operation
// on a card is a transaction of its own in shared mode, after which the card
// is let go. Package oath does the rest.
//
// Other programs use the same cards. One that comes and goes, such as ykman, is
// waited for; one that stays connected is told by a reset of the card that it
// must select its applet, and log in, anew. A call of the PC/SC library can't be given up:
// one that hangs costs a goroutine for its reader, and callers no more than
// their deadline.
//
// It is built with the tag pcsc, where the PC/SC library is; without, it says
// devices.ErrNotBuilt.
package pcsc

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/internal/scan"
)

// Name is the driver's name in the slots of what is found.
const Name = "pcsc"

// redirect is the variable by which libpcsclite is sent to another service than
// the system's. What stands there may well be emulated.
const redirect = "PCSCLITE_CSOCK_NAME"

// A Driver reaches the YubiKeys in the PC/SC service's readers.
type Driver struct {
	// Tap, where it isn't nil, is put between the driver and each card: what it
	// returns has to pass on what goes over t, and to have transactions.
	Tap func(t devices.Transport, s devices.Slot) devices.Transport

	now     func() time.Time
	scanner scan.Worker
	crowd   *crowd
	// changed holds a value when foreign grew.
	changed chan struct{}

	mu sync.Mutex
	// foreign are the cards that turned out not to be tokens. Those that are
	// gone are forgotten.
	foreign map[devices.Slot]bool
	lanes   map[string]*lane
	// here are the readers that were there last, and came how often each came.
	here []string
	came map[string]uint64
}

// New returns a driver. Nothing is asked of PC/SC before Watch, Open or Scan.
func New() *Driver {
	return &Driver{now: time.Now, crowd: newCrowd(), changed: make(chan struct{}, 1), foreign: make(map[devices.Slot]bool), lanes: make(map[string]*lane), came: make(map[string]uint64)}
}

// Scan lists the readers in which the driver finds no token: empty ones, and
// those whose card computes no codes; their Notes say what there is to say. A
// PC/SC service that isn't running is devices.ErrNoService: a state to be told,
// which breaks no listing of others. The service may hang: then Scan ends with
// ctx, or after five seconds as devices.ErrSilent, and is devices.ErrBusy until
// the service comes back.
func (d *Driver) Scan(ctx context.Context) ([]devices.Info, error) {
	return d.scanner.Run(ctx, d.list)
}

// emulated says whether no hardware may stand behind the readers.
func emulated() bool { return os.Getenv(redirect) != "" }

// isYubiKey tells by its reader's name, or by what the card says of itself at
// power-up (the historical bytes of its ATR, ISO/IEC 7816-3, 8.2), whether a
// card is one. Nothing is sent to a card that isn't: it may be in somebody's
// use.
func isYubiKey(reader string, atr []byte) bool {
	const name = "yubikey"
	return strings.Contains(strings.ToLower(reader), name) || strings.Contains(strings.ToLower(string(atr)), name)
}

// disown keeps a card that is no token out of the sets from now on.
func (d *Driver) disown(s devices.Slot) {
	d.mu.Lock()
	d.foreign[s] = true
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// tokens are those of the YubiKeys at hand that may be tokens.
func (d *Driver) tokens(cards []devices.Slot) []devices.Slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	still := make(map[devices.Slot]bool)
	var list []devices.Slot
	for _, s := range cards {
		if d.foreign[s] {
			still[s] = true
			continue
		}
		list = append(list, s)
	}
	d.foreign = still
	return list
}
