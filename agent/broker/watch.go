package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/devices"
)

// watch keeps a driver watching until ctx ends.
func (b *Broker) watch(ctx context.Context, d NamedDriver, w *watch) {
	retry := firstRetry
	said := ""
	for ctx.Err() == nil {
		heard, err := b.watchOnce(ctx, d, w)
		if ctx.Err() != nil {
			return
		}
		if heard {
			retry = firstRetry
		}
		if said != err.Error() {
			said = err.Error()
			b.log.Warn("driver failed", "driver", d.Name, "error", err)
		}
		// What can't be seen can't be used: the driver's tokens are gone until
		// it tells of them again.
		b.reconcile(ctx, d, w, nil, err)
		pause(ctx, retry)
		retry = min(2*retry, lastRetry)
	}
}

var errWatchEnded = errors.New("driver stopped watching")

// watchOnce runs the driver's Watch, and reports whether it told anything.
func (b *Broker) watchOnce(ctx context.Context, d NamedDriver, w *watch) (heard bool, err error) {
	sets := make(chan []devices.Slot)
	ended := make(chan error, 1)
	go func() {
		ended <- contain("watch", func() error { return d.Watch(ctx, sets) })
	}()
	for {
		select {
		case slots := <-sets:
			heard = true
			b.reconcile(ctx, d, w, slots, nil)
		case err := <-ended:
			if err == nil {
				err = errWatchEnded
			}
			return heard, err
		}
	}
}

// reconcile compares a whole set with the keepers there are. A driver whose
// place another has taken has nothing to tell any more.
func (b *Broker) reconcile(ctx context.Context, d NamedDriver, w *watch, slots []devices.Slot, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.watches[d.Name] != w {
		return
	}
	w.heard, w.err = w.heard || err == nil, err
	want := map[string]devices.Slot{}
	for _, s := range slots[:min(len(slots), maxSlots)] {
		if s.Driver == "" {
			s.Driver = d.Name
		}
		want[s.Path] = s
	}
	for at, k := range b.keepers {
		if at.driver == d.Name && want[at.path] != k.slot {
			b.remove(k, devices.ErrRemoved)
		}
	}
	for path, s := range want {
		at := place{d.Name, path}
		if _, kept := b.keepers[at]; !kept {
			b.keep(ctx, at, s, d)
		}
	}
	b.announce()
}

// keep begins a keeper for a slot. b.mu is held.
func (b *Broker) keep(ctx context.Context, at place, s devices.Slot, d devices.Driver) {
	l, ok := b.lines[at]
	if !ok {
		l = &line{turn: make(chan struct{}, 1)}
		b.lines[at] = l
	}
	l.users++
	k := &keeper{broker: b, at: at, slot: s, driver: d, line: l, state: StateBusy, info: devices.Info{Slot: s}}
	// The end of ctx comes by way of stop, which gives it its cause.
	k.ctx, k.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	b.keepers[at] = k
	b.work.Go(k.run)
}

// remove ends a keeper: its callers are answered now, whatever the token's
// call does. b.mu is held.
func (b *Broker) remove(k *keeper, cause error) {
	delete(b.keepers, k.at)
	b.yield(k)
	k.cancel(cause)
	if k.announced {
		b.note(Unplugged, k)
	}
	k.gone = true
	b.announce()
}

// yield gives up a keeper's claim to its serial. b.mu is held.
func (b *Broker) yield(k *keeper) {
	if b.serials[k.info.Serial] == k {
		delete(b.serials, k.info.Serial)
	}
}

// note keeps a change for OnChange, of which only the latest matter to one
// that is far behind. b.mu is held.
func (b *Broker) note(kind ChangeKind, k *keeper) {
	if len(b.changes) == maxChanges {
		b.changes = b.changes[1:]
	}
	b.changes = append(b.changes, Change{kind, k.snapshot()})
}

// announce wakes all who wait for a change. b.mu is held.
func (b *Broker) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// update changes a keeper and tells of it, unless its token is gone.
func (b *Broker) update(k *keeper, change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.gone {
		return
	}
	before := fmt.Sprint(k.info.Troubles)
	change()
	kind := Changed
	switch {
	case !k.announced && k.tenure != nil:
		k.announced, kind = true, Plugged
	case fmt.Sprint(k.info.Troubles) != before:
		kind = Troubled
	}
	if k.announced {
		b.note(kind, k)
	}
	b.announce()
}

// tell hands changes to OnChange, until stop and no change is left.
func (b *Broker) tell(stop <-chan struct{}) {
	for {
		b.mu.Lock()
		list, changed := b.changes, b.changed
		b.changes = nil
		b.mu.Unlock()
		for _, c := range list {
			if b.onChange != nil {
				b.onChange(c)
			}
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-stop:
			b.mu.Lock()
			left := len(b.changes)
			b.mu.Unlock()
			if left == 0 {
				return
			}
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
