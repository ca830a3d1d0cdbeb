package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
)

// A fakeUser is a user's access keys at AWS, and the journal, which outlive
// what a rotation does wrong.
type fakeUser struct {
	keys    []awsissuer.AccessKey
	secrets map[string]sts.Secret
	made    int
	// denies says no to a new key.
	denies  bool
	now     time.Time
	journal *store.Rotation
}

func (u *fakeUser) List(context.Context) ([]awsissuer.AccessKey, time.Time, error) {
	return slices.Clone(u.keys), u.now, nil
}

func (u *fakeUser) Create(context.Context) (sts.Keys, error) {
	if u.denies {
		return sts.Keys{}, &sts.Refusal{Class: sts.Denied, Status: 403}
	}
	if len(u.keys) >= awsissuer.MaxAccessKeys {
		return sts.Keys{}, &sts.Refusal{Class: sts.Limit}
	}
	u.made++
	k := sts.Keys{AccessKeyID: fmt.Sprintf("AKIANEW%d", u.made), SecretAccessKey: sts.Secret(fmt.Sprintf("secret %d", u.made))}
	u.keys = append(u.keys, awsissuer.AccessKey{ID: k.AccessKeyID, Created: u.now})
	u.secrets[k.AccessKeyID] = k.SecretAccessKey
	return k, nil
}

func (u *fakeUser) at(id string) int {
	return slices.IndexFunc(u.keys, func(k awsissuer.AccessKey) bool { return k.ID == id })
}

func (u *fakeUser) Disable(_ context.Context, id string) error {
	if u.at(id) < 0 {
		return &sts.Refusal{Class: sts.Missing}
	}
	u.keys[u.at(id)].Inactive = true
	return nil
}

func (u *fakeUser) Delete(_ context.Context, id string) error {
	if u.at(id) < 0 {
		return &sts.Refusal{Class: sts.Missing}
	}
	u.keys = slices.Delete(u.keys, u.at(id), u.at(id)+1)
	return nil
}

func (u *fakeUser) prove(_ context.Context, k sts.Keys) error {
	if i := u.at(k.AccessKeyID); i < 0 || u.keys[i].Inactive || u.secrets[k.AccessKeyID] != k.SecretAccessKey {
		return &sts.Refusal{Class: sts.Denied}
	}
	return nil
}

func (u *fakeUser) Keep(_ context.Context, r store.Rotation) error { u.journal = &r; return nil }

func (u *fakeUser) Current(context.Context) (store.Rotation, bool, error) {
	if u.journal == nil {
		return store.Rotation{}, false, nil
	}
	return *u.journal, true, nil
}

func (u *fakeUser) End(context.Context) error { u.journal = nil; return nil }

func newUser() *fakeUser {
	return &fakeUser{keys: []awsissuer.AccessKey{{ID: carols.AccessKeyID, Created: noon().Add(-time.Hour)}},
		secrets: map[string]sts.Secret{carols.AccessKeyID: carols.SecretAccessKey}, now: noon()}
}

// A crasher is a log that ends the rotation at one of its steps, as a crash
// would: what is on the disk and at AWS stays.
type crasher struct {
	slog.Handler
	at string
}

type crash struct{}

func (c crasher) Enabled(context.Context, slog.Level) bool { return true }

func (c crasher) Handle(_ context.Context, r slog.Record) error {
	if r.Message == c.at {
		panic(crash{})
	}
	return nil
}

func run(t *testing.T, u *fakeUser, place Place, at string) (out Rotated, err error, crashed bool) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(crash); !ok {
				panic(v)
			}
			crashed = true
		}
	}()
	r := &Rotation{Place: place, IAM: u, Journal: u, Prove: u.prove, Log: slog.New(crasher{slog.DiscardHandler, at})}
	out, err = r.Run(t.Context())
	return out, err, false
}

func inStore(t *testing.T) Place {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "keys"), sealer(t, seal.SecretService, 1))
	if err := errors.Join(s.Create(""), s.Put("dev-keys", carols, noon())); err != nil {
		t.Fatal(err)
	}
	return InStore(s, "dev-keys")
}

// After a crash at each step the profile has a key that works, and the next run
// leaves one key, a new one.
func TestRotationSurvivesACrash(t *testing.T) {
	for _, step := range []string{"", "rotation begun", "access key made", "access key kept", "access key proved",
		"access keys changed", "old access key off", "old access key deleted"} {
		t.Run(step, func(t *testing.T) {
			u, place := newUser(), inStore(t)
			_, err, crashed := run(t, u, place, step)
			if err != nil || crashed != (step != "") {
				t.Fatalf("crashed %t, %v", crashed, err)
			}
			main, _, err := place.Keys(t.Context())
			if err == nil {
				err = u.prove(t.Context(), main)
			}
			if err != nil {
				t.Fatalf("the key in place, %s: %v", main.AccessKeyID, err)
			}
			if step != "" {
				out, err, _ := run(t, u, place, "")
				if err != nil || !out.Resumed || out.Old != carols.AccessKeyID {
					t.Fatalf("%+v, %v", out, err)
				}
			}
			main, next, err := place.Keys(t.Context())
			if err != nil || next != (sts.Keys{}) || len(u.keys) != 1 || u.keys[0].ID != main.AccessKeyID || main == carols {
				t.Errorf("in place %s, next %s, at AWS %+v, %v", main.AccessKeyID, next.AccessKeyID, u.keys, err)
			}
			if err := u.prove(t.Context(), main); err != nil || u.journal != nil {
				t.Errorf("%v; journal %+v", err, u.journal)
			}
		})
	}
}

// A key that somebody else made is never deleted.
func TestRotationLeavesAnotherKeyAlone(t *testing.T) {
	u, place := newUser(), inStore(t)
	u.keys = append(u.keys, awsissuer.AccessKey{ID: "AKIAOTHER", Inactive: true, Created: noon().Add(-time.Minute)})
	var limit *LimitError
	if _, err, _ := run(t, u, place, ""); !errors.As(err, &limit) || limit.Other != "AKIAOTHER" || !limit.Inactive {
		t.Fatalf("%v, want a LimitError", err)
	}
	u.keys = u.keys[:1]
	if _, _, crashed := run(t, u, place, "rotation begun"); !crashed {
		t.Fatal("it didn't crash")
	}
	u.keys = append(u.keys, awsissuer.AccessKey{ID: "AKIALATER", Created: noon().Add(time.Hour)})
	if _, err, _ := run(t, u, place, ""); !errors.As(err, &limit) || limit.Other != "AKIALATER" {
		t.Errorf("%v, want a LimitError", err)
	}
}

// A key that the user makes after AWS refused one isn't taken for what a crash
// left behind.
func TestRotationThatAWSRefuses(t *testing.T) {
	u, place := newUser(), inStore(t)
	u.denies = true
	var refusal *sts.Refusal
	if _, err, _ := run(t, u, place, ""); !errors.As(err, &refusal) || u.journal != nil {
		t.Fatalf("%v; journal %+v", err, u.journal)
	}
	u.denies = false
	u.keys = append(u.keys, awsissuer.AccessKey{ID: "AKIAHAND", Created: noon().Add(time.Second)})
	var limit *LimitError
	if _, err, _ := run(t, u, place, ""); !errors.As(err, &limit) || limit.Other != "AKIAHAND" || u.at("AKIAHAND") < 0 {
		t.Errorf("%v, at AWS %+v", err, u.keys)
	}
}

// A key that the user took out of its place, after a crash, may be of use
// elsewhere: it isn't the rotation's any more.
func TestRotationOfAKeyThatWasChanged(t *testing.T) {
	u, place := newUser(), inStore(t)
	if _, _, crashed := run(t, u, place, "rotation begun"); !crashed {
		t.Fatal("it didn't crash")
	}
	hand := sts.Keys{AccessKeyID: "AKIAHAND", SecretAccessKey: "secret of a hand"}
	u.keys = append(u.keys, awsissuer.AccessKey{ID: hand.AccessKeyID, Created: noon().Add(time.Hour)})
	u.secrets[hand.AccessKeyID] = hand.SecretAccessKey
	if err := errors.Join(place.SetNext(t.Context(), hand), place.Swap(t.Context())); err != nil {
		t.Fatal(err)
	}
	var limit *LimitError
	if _, err, _ := run(t, u, place, ""); !errors.As(err, &limit) || limit.Other != carols.AccessKeyID {
		t.Errorf("%v, want a LimitError", err)
	}
	if at := u.at(carols.AccessKeyID); at < 0 || u.keys[at].Inactive || u.journal != nil {
		t.Errorf("at AWS %+v, journal %+v", u.keys, u.journal)
	}
}

// Where the new key can't be kept, it is taken back.
func TestRotationThatCantKeepTheKey(t *testing.T) {
	u, place := newUser(), inStore(t)
	full := errors.New("no space left on device")
	if _, err, _ := run(t, u, unwritable{place, full}, ""); !errors.Is(err, full) {
		t.Fatalf("%v, want %v", err, full)
	}
	if len(u.keys) != 1 || u.keys[0].ID != carols.AccessKeyID {
		t.Errorf("at AWS: %+v", u.keys)
	}
}

type unwritable struct {
	Place
	err error
}

func (u unwritable) SetNext(context.Context, sts.Keys) error { return u.err }

// A new key that AWS doesn't know yet is waited for; one that it never knows
// stays beside the old one, and the next run goes on from there.
func TestRotationWaitsUntilAWSKnowsTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, place := newUser(), inStore(t)
		known := time.Now().Add(14 * time.Second)
		late := func(ctx context.Context, k sts.Keys) error {
			if k != carols && time.Now().Before(known) {
				return &sts.Refusal{Class: sts.BadKeys}
			}
			return u.prove(ctx, k)
		}
		r := &Rotation{Place: place, IAM: u, Journal: u, Prove: late, Log: slog.New(slog.DiscardHandler)}
		begin := time.Now()
		if _, err := r.Run(t.Context()); err != nil || time.Since(begin) > 14*time.Second+proveEvery {
			t.Fatalf("%v after %v", err, time.Since(begin))
		}

		u, place = newUser(), inStore(t)
		known = time.Now().Add(time.Hour)
		r = &Rotation{Place: place, IAM: u, Journal: u, Prove: late, Log: slog.New(slog.DiscardHandler)}
		var refusal *sts.Refusal
		if _, err := r.Run(t.Context()); !errors.As(err, &refusal) || refusal.Class != sts.BadKeys {
			t.Fatalf("a key that AWS never knows: %v", err)
		}
		if main, next, err := place.Keys(t.Context()); err != nil || main != carols || next == (sts.Keys{}) || u.keys[0].Inactive {
			t.Errorf("in place %s, next %s, at AWS %+v, %v", main.AccessKeyID, next.AccessKeyID, u.keys, err)
		}
		known = time.Now()
		if out, err := r.Run(t.Context()); err != nil || !out.Resumed || u.made != 1 {
			t.Errorf("the next run: %+v, %v; keys made: %d", out, err, u.made)
		}
	})
}
