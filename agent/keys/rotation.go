package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
)

// IAM is what a rotation asks of AWS, as the user whose key it is: on the
// session that the user's policies want, or on the key itself.
type IAM interface {
	List(ctx context.Context) ([]awsissuer.AccessKey, time.Time, error)
	Create(ctx context.Context) (sts.Keys, error)
	Disable(ctx context.Context, id string) error
	Delete(ctx context.Context, id string) error
}

// A Journal remembers a rotation over a crash.
type Journal interface {
	// Keep writes how far it is, in place of what was there.
	Keep(ctx context.Context, r store.Rotation) error
	// Current returns what was kept, and whether there is anything.
	Current(ctx context.Context) (store.Rotation, bool, error)
	End(ctx context.Context) error
}

// A Rotation replaces a profile's access key. Until the new one is proved, the
// old one stays where it is; then they change places in one step, and the old
// one is switched off and deleted. Run goes on where an earlier run broke off.
type Rotation struct {
	Place   Place
	IAM     IAM
	Journal Journal
	// Prove asks AWS whose a key is, and fails where it isn't the user's.
	Prove func(ctx context.Context, k sts.Keys) error
	Log   *slog.Logger
}

// A Rotated is what a rotation came to.
type Rotated struct {
	Old, New string
	// Resumed says that an earlier run had begun it.
	Resumed bool
}

// A LimitError says that the user has two access keys, which are all that AWS
// allows, so that no third can be made.
type LimitError struct {
	// Other is the key that isn't the profile's.
	Other    string
	Inactive bool
}

func (e *LimitError) Error() string {
	state := "active"
	if e.Inactive {
		state = "inactive"
	}
	return fmt.Sprintf("the user has two access keys, which is AWS's limit: beside the profile's own %s (%s)", e.Other, state)
}

// AWS needs some seconds until a new key is known everywhere (IAM User Guide,
// "Troubleshoot IAM", eventual consistency); a key that isn't proved by then
// waits for the next run.
const (
	provePatience = 2 * time.Minute
	proveEvery    = 2 * time.Second
)

// leftBehind is how long after the journal's beginning a key may have been made
// that counts as the one whose secret a crash lost.
const leftBehind = time.Minute

// Run replaces the key, or finishes an earlier run.
func (r *Rotation) Run(ctx context.Context) (Rotated, error) {
	main, next, err := r.Place.Keys(ctx)
	if err != nil {
		return Rotated{}, err
	}
	begun, resumed, err := r.Journal.Current(ctx)
	if err != nil {
		return Rotated{}, err
	}
	old := main.AccessKeyID
	if resumed && !begun.Of(old) {
		// Somebody changed the key since, and may use the old one elsewhere.
		if err := r.Journal.End(ctx); err != nil {
			return Rotated{}, err
		}
		begun, resumed = store.Rotation{}, false
	}
	switch {
	case resumed && begun.Old != old:
		// They have changed places; the old one is still to be retired.
		old = begun.Old
	case next.AccessKeyID == "":
		if next, err = r.make(ctx, main, begun, resumed); err != nil {
			return Rotated{}, err
		}
		err = r.change(ctx, old, next)
	default:
		resumed = true
		err = r.change(ctx, old, next)
	}
	if err != nil {
		return Rotated{}, err
	}
	now, err := r.retire(ctx, old)
	if err != nil {
		return Rotated{}, err
	}
	return Rotated{Old: old, New: now, Resumed: resumed}, nil
}

// make has AWS make a key and keeps it beside the old one.
func (r *Rotation) make(ctx context.Context, main sts.Keys, begun store.Rotation, resumed bool) (sts.Keys, error) {
	list, date, err := r.IAM.List(ctx)
	if err != nil {
		return sts.Keys{}, fmt.Errorf("list the user's access keys: %w", err)
	}
	if resumed {
		if list, err = r.sweep(ctx, list, begun); err != nil {
			return sts.Keys{}, err
		}
	}
	others := slices.DeleteFunc(list, func(k awsissuer.AccessKey) bool { return k.ID == main.AccessKeyID })
	if len(others) >= awsissuer.MaxAccessKeys-1 {
		return sts.Keys{}, &LimitError{Other: others[0].ID, Inactive: others[0].Inactive}
	}
	if err := r.Journal.Keep(ctx, store.Rotation{Old: main.AccessKeyID, Begun: date}); err != nil {
		return sts.Keys{}, err
	}
	r.Log.Debug("rotation begun")
	next, err := r.IAM.Create(ctx)
	if err != nil {
		err = fmt.Errorf("make a new access key: %w", err)
		if refused(err) { // and no secret was lost
			err = errors.Join(err, r.Journal.End(context.WithoutCancel(ctx)))
		}
		return sts.Keys{}, err
	}
	r.Log.Debug("access key made")
	if err := r.Place.SetNext(ctx, next); err != nil {
		err = fmt.Errorf("keep the new access key %s: %w", next.AccessKeyID, err)
		return sts.Keys{}, errors.Join(err, r.IAM.Delete(context.WithoutCancel(ctx), next.AccessKeyID))
	}
	r.Log.Debug("access key kept")
	return next, nil
}

// sweep deletes the key that an earlier run had AWS make and whose secret was
// lost in a crash before it was on the disk. Only a key that came right after
// the journal's beginning can be that.
func (r *Rotation) sweep(ctx context.Context, list []awsissuer.AccessKey, begun store.Rotation) ([]awsissuer.AccessKey, error) {
	var left []awsissuer.AccessKey
	for _, k := range list {
		age := k.Created.Sub(begun.Begun.Truncate(time.Second))
		if k.ID == begun.Old || age < 0 || age > leftBehind {
			left = append(left, k)
			continue
		}
		if err := r.IAM.Delete(ctx, k.ID); err != nil && !gone(err) {
			return nil, fmt.Errorf("delete access key %s, whose secret was lost: %w", k.ID, err)
		}
		r.Log.Info("an access key whose secret was lost is deleted", "key", k.ID)
	}
	return left, nil
}

// change proves the next key and puts it in the old one's place.
func (r *Rotation) change(ctx context.Context, old string, next sts.Keys) error {
	if err := r.prove(ctx, next); err != nil {
		return fmt.Errorf("prove the new access key %s; the old one stays in use, and the next run goes on from here: %w", next.AccessKeyID, err)
	}
	r.Log.Debug("access key proved")
	if err := r.Journal.Keep(ctx, store.Rotation{Old: old, Next: next.AccessKeyID}); err != nil {
		return err
	}
	if err := r.Place.Swap(ctx); err != nil {
		return fmt.Errorf("put the new access key in the old one's place: %w", err)
	}
	r.Log.Debug("access keys changed")
	return nil
}

// retire switches the old key off and deletes it, once the key that is in place
// works. It returns that one's ID.
func (r *Rotation) retire(ctx context.Context, old string) (string, error) {
	main, _, err := r.Place.Keys(ctx)
	if err != nil {
		return "", err
	}
	if err := r.prove(ctx, main); err != nil {
		return "", fmt.Errorf("prove the access key in place, %s: %w", main.AccessKeyID, err)
	}
	if err := r.IAM.Disable(ctx, old); err != nil && !gone(err) {
		return "", fmt.Errorf("switch the old access key %s off: %w", old, err)
	}
	r.Log.Debug("old access key off")
	if err := r.prove(ctx, main); err != nil {
		return "", fmt.Errorf("prove the access key %s once more; the old one, %s, is switched off and not deleted: %w", main.AccessKeyID, old, err)
	}
	if err := r.IAM.Delete(ctx, old); err != nil && !gone(err) {
		return "", fmt.Errorf("delete the old access key %s: %w", old, err)
	}
	r.Log.Debug("old access key deleted")
	return main.AccessKeyID, r.Journal.End(ctx)
}

// prove waits until AWS knows a key.
func (r *Rotation) prove(ctx context.Context, k sts.Keys) error {
	ctx, cancel := context.WithTimeout(ctx, provePatience)
	defer cancel()
	for {
		err := r.Prove(ctx, k)
		var refusal *sts.Refusal
		if !errors.As(err, &refusal) || refusal.Class != sts.BadKeys {
			return err
		}
		select {
		case <-time.After(proveEvery):
		case <-ctx.Done():
			return err
		}
	}
}

// refused reports whether AWS said no, so that nothing came of a call.
func refused(err error) bool {
	var refusal *sts.Refusal
	return errors.As(err, &refusal) && refusal.Status >= 400 && refusal.Status < 500
}

// gone reports whether AWS says that a key isn't there.
func gone(err error) bool {
	var refusal *sts.Refusal
	return errors.As(err, &refusal) && refusal.Class == sts.Missing
}
