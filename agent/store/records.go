package store

import (
	"fmt"
	"math"
	"time"

	"github.com/fob-auth/fob/sts"
)

// maxCounter is the highest counter that the file holds.
const maxCounter = math.MaxInt64

// A Device is what is known of an MFA device.
type Device struct {
	Device sts.Device
	// Known says that Low and High hold: AWS's adjustment for the device, in
	// steps, lies between them.
	Known     bool
	Low, High int
	// LastPair is the second counter of the last pair that AWS accepted; 0
	// where none is known.
	LastPair uint64
	// Floor is the highest counter that counts as used though it isn't
	// written, beside what a [Closure] says.
	Floor uint64
	// Fresh says that the device got its seed after the last loss, which
	// therefore doesn't matter to it.
	Fresh bool
}

// Device returns what is known of a device. One that was never written is
// known by nothing but its name.
func (tx *Tx) Device(d sts.Device) (Device, error) {
	rows, err := selectRows(tx.ctx, tx.conn, devices, " WHERE device = ?", deviceName(d))
	if err != nil {
		return Device{}, err
	}
	if len(rows) == 0 {
		return Device{Device: d}, nil
	}
	r := reader{row: rows[0]}
	rec := Device{Device: r.device(), Known: r.bool(), Low: int(r.int()), High: int(r.int()), LastPair: r.counter(), Floor: r.counter(), Fresh: r.bool()}
	return rec, r.err
}

// PutDevice writes what is known of a device.
func (tx *Tx) PutDevice(d Device) error {
	if d.Device == (sts.Device{}) {
		return fmt.Errorf("write %s: no device named", devices.name)
	}
	if d.LastPair > maxCounter || d.Floor > maxCounter {
		return fmt.Errorf("write %s: counter out of range", devices.name)
	}
	return tx.put(devices, []any{deviceName(d.Device), number(d.Known), int64(d.Low), int64(d.High), int64(d.LastPair), int64(d.Floor), number(d.Fresh)})
}

// A State is what became of a counter.
type State string

// The states of a counter. In all of them it is used up.
const (
	// Reserved: taken, and not settled.
	Reserved State = "reserved"
	// Accepted and Refused: AWS looked at its code.
	Accepted State = "accepted"
	Refused  State = "refused"
	// Unknown: its code was sent or shown, and what came of it isn't known.
	Unknown State = "unknown"
)

// A Counter is one that was taken.
type Counter struct {
	// Fence is the number of the transaction that took it.
	Fence   int64
	Counter uint64
	// Device is zero for a credential that no device is bound to.
	Device     sts.Device
	Token      string
	Credential string
	State      State
	Purpose    string
	// Window is the number of the verification window that the counter's
	// reservation counts in; 0 where it counts in none.
	Window int64
	// Time is AWS's time when it was taken.
	Time time.Time
}

func (c Counter) row() []any {
	return []any{c.Fence, int64(c.Counter), deviceName(c.Device), c.Token, c.Credential, string(c.State), c.Purpose, c.Window, c.Time.UnixMilli()}
}

func readCounters(rows [][]any, err error) ([]Counter, error) {
	if err != nil {
		return nil, err
	}
	list := make([]Counter, 0, len(rows))
	for _, row := range rows {
		r := reader{row: row}
		c := Counter{Fence: r.int(), Counter: r.counter(), Device: r.device(), Token: r.text(), Credential: r.text(),
			State: State(r.text()), Purpose: r.text(), Window: r.int(), Time: r.time()}
		if r.err != nil {
			return nil, r.err
		}
		list = append(list, c)
	}
	return list, nil
}

// Taken returns the counters from low to high that were taken for a device
// (unless it is zero) or for a credential on a token, in ascending order.
func (tx *Tx) Taken(d sts.Device, token, credential string, low, high uint64) ([]Counter, error) {
	return readCounters(selectRows(tx.ctx, tx.conn, counters,
		` WHERE counter BETWEEN ? AND ? AND ((token = ? AND credential = ?) OR (device <> '' AND device = ?)) ORDER BY counter`,
		int64(min(low, maxCounter)), int64(min(high, maxCounter)), token, credential, deviceName(d)))
}

// AddCounter takes a counter.
func (tx *Tx) AddCounter(c Counter) error {
	if c.Counter > maxCounter {
		return fmt.Errorf("write %s: counter out of range", counters.name)
	}
	tx.vital = true
	return tx.insert(counters, c.row())
}

// Open returns the reserved counters of a reservation; ErrStale where there
// are none.
func (tx *Tx) Open(fence int64) ([]Counter, error) {
	list, err := readCounters(selectRows(tx.ctx, tx.conn, counters, " WHERE fence = ? AND state = ?", fence, string(Reserved)))
	if err == nil && len(list) == 0 {
		err = ErrStale
	}
	return list, err
}

// Settle says what became of a counter.
func (tx *Tx) Settle(c Counter, s State) error {
	c.State = s
	return tx.put(counters, c.row())
}

// Free gives a counter back, whose code never left.
func (tx *Tx) Free(c Counter) error { return tx.remove(counters, c.row()) }

// orphan settles what an earlier run left open: its codes may have been sent.
func (tx *Tx) orphan() error {
	list, err := readCounters(selectRows(tx.ctx, tx.conn, counters, " WHERE state = ?", string(Reserved)))
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := tx.Settle(c, Unknown); err != nil {
			return err
		}
	}
	return nil
}

// Prune forgets counters that were taken before a time, and in a transaction
// before a fence.
func (tx *Tx) Prune(before time.Time, fence int64) error {
	return tx.removeWhere(counters, " WHERE time < ? AND fence < ?", before.UnixMilli(), fence)
}

// ForgetSeed forgets the counters of a device and of a credential, and the
// device's clock: they have a new seed. The attempts stay, since AWS counts
// them by the device's name.
func (tx *Tx) ForgetSeed(d sts.Device, token, credential string) error {
	err := tx.removeWhere(counters, " WHERE (device <> '' AND device = ?) OR (token = ? AND credential = ?)", deviceName(d), token, credential)
	if err != nil {
		return err
	}
	return tx.PutDevice(Device{Device: d, Fresh: true})
}

// Attempts returns how many verifications of a device count in a window.
func (tx *Tx) Attempts(d sts.Device, window int64) (int, error) {
	rows, err := selectRows(tx.ctx, tx.conn, attempts, " WHERE device = ? AND window = ?", deviceName(d), window)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	r := reader{row: rows[0]}
	r.text()
	r.int()
	n := int(r.int())
	return n, r.err
}

// SetAttempts writes how many verifications of a device count in a window, and
// forgets its windows that lie more than a day back.
func (tx *Tx) SetAttempts(d sts.Device, window int64, n int) error {
	const day = 24 * 60 / 3
	if err := tx.removeWhere(attempts, " WHERE device = ? AND window < ?", deviceName(d), window-day); err != nil {
		return err
	}
	return tx.put(attempts, []any{deviceName(d), window, int64(n)})
}

// A Drift is one reading of a token's clock.
type Drift struct {
	Device sts.Device
	Token  string
	// Time is AWS's time of the reading, to the millisecond.
	Time time.Time
	// Offset is the token's clock less AWS's time, to the millisecond.
	Offset time.Duration
}

// maxDrifts is how many readings are kept of a device on a token.
const maxDrifts = 512

// AddDrift keeps a reading, in place of one of the same moment.
func (tx *Tx) AddDrift(d Drift) error {
	name := deviceName(d.Device)
	if err := tx.put(drifts, []any{name, d.Token, d.Time.UnixMilli(), d.Offset.Milliseconds()}); err != nil {
		return err
	}
	return tx.removeWhere(drifts, ` WHERE device = ? AND token = ? AND time <=
		(SELECT time FROM drifts WHERE device = ? AND token = ? ORDER BY time DESC LIMIT 1 OFFSET ?)`, name, d.Token, name, d.Token, maxDrifts)
}

// Drifts returns the newest readings of a device on a token, newest first.
func (tx *Tx) Drifts(d sts.Device, token string, limit int) ([]Drift, error) {
	rows, err := selectRows(tx.ctx, tx.conn, drifts, " WHERE device = ? AND token = ? ORDER BY time DESC LIMIT ?", deviceName(d), token, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Drift, 0, len(rows))
	for _, row := range rows {
		r := reader{row: row}
		rec := Drift{Device: r.device(), Token: r.text(), Time: r.time(), Offset: time.Duration(r.int()) * time.Millisecond}
		if r.err != nil {
			return nil, r.err
		}
		list = append(list, rec)
	}
	return list, nil
}
