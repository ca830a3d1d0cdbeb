package keys

import (
	"context"
	"errors"

	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/sts"
)

// A Place is where a profile's access key is kept, and with it, during a
// rotation, the next one. Every change is on the disk, and whole, when it
// returns.
type Place interface {
	// Keys returns the key and the next one; an empty next one where there is
	// none.
	Keys(ctx context.Context) (main, next sts.Keys, err error)
	// SetNext keeps the next key beside the key.
	SetNext(ctx context.Context, next sts.Keys) error
	// Swap makes the next key the key.
	Swap(ctx context.Context) error
}

// InStore is the place of a profile's key in the agent's store.
func InStore(s *Store, profile string) Place { return storePlace{s, profile} }

type storePlace struct {
	store   *Store
	profile string
}

func (p storePlace) Keys(context.Context) (main, next sts.Keys, err error) {
	r, err := p.store.record(p.profile)
	return sts.Keys{AccessKeyID: r.ID, SecretAccessKey: sts.Secret(r.Secret)},
		sts.Keys{AccessKeyID: r.NextID, SecretAccessKey: sts.Secret(r.NextSecret)}, err
}

func (p storePlace) change(f func(*record)) error {
	r, err := p.store.record(p.profile)
	if err != nil {
		return err
	}
	f(&r)
	return p.store.save(r)
}

func (p storePlace) SetNext(_ context.Context, next sts.Keys) error {
	return p.change(func(r *record) { r.NextID, r.NextSecret = next.AccessKeyID, next.SecretAccessKey.Reveal() })
}

func (p storePlace) Swap(context.Context) error {
	return p.change(func(r *record) {
		if r.NextID != "" {
			r.ID, r.Secret, r.NextID, r.NextSecret = r.NextID, r.NextSecret, "", ""
		}
	})
}

// InFile is the place of a key in a section of an AWS file.
func InFile(path, section string) Place { return filePlace{path, section} }

type filePlace struct{ path, section string }

func (p filePlace) Keys(context.Context) (main, next sts.Keys, err error) {
	f, err := awsfile.Load(p.path)
	if err != nil {
		return main, next, err
	}
	m, err := f.Keys(p.section)
	if err != nil {
		return main, next, err
	}
	n, err := f.NextKeys(p.section)
	if errors.Is(err, awsfile.ErrNoKeys) {
		err = nil
	}
	return fromFile(m), fromFile(n), err
}

func fromFile(k awsfile.Keys) sts.Keys {
	return sts.Keys{AccessKeyID: k.ID, SecretAccessKey: sts.Secret(k.Secret)}
}

func (p filePlace) SetNext(_ context.Context, next sts.Keys) error {
	return awsfile.Change(p.path, func(f *awsfile.File) error {
		return f.SetNextKeys(p.section, awsfile.Keys{ID: next.AccessKeyID, Secret: next.SecretAccessKey.Reveal()})
	})
}

func (p filePlace) Swap(context.Context) error {
	return awsfile.Change(p.path, func(f *awsfile.File) error { return f.SwapKeys(p.section) })
}
