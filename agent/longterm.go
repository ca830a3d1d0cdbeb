package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/agent/keys"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/profile"
)

// keysFolder is the folder of the key store within the data folder.
const keysFolder = "keys"

// openKeys opens the store of long-term keys.
func (a *agent) openKeys() (err error) {
	a.keys, err = keys.Open(filepath.Join(a.opts.DataDir, keysFolder), a.sealing.sealer)
	return err
}

// storedKeys is the profiles' way to the store.
func (a *agent) storedKeys(profile string) (sts.Keys, bool, error) {
	k, err := a.keys.Keys(profile)
	if errors.Is(err, keys.ErrNoKeys) {
		return sts.Keys{}, false, nil
	}
	return k, err == nil, err
}

// Keys says where the keys of fob's profiles are, and what the store has.
func (a *agent) Keys(ctx context.Context) (api.KeyStore, error) {
	kind, locked := a.keys.State()
	out := api.KeyStore{Sealed: string(kind), Locked: locked, Keys: []api.KeyPlace{}}
	if kind == keys.None {
		out.Sealed = api.KeyStoreNone
	}
	out.NeedsPassphrase = locked && kind == keys.Passphrase || kind == keys.None && !a.keys.BySystem()
	held, err := a.keys.List()
	if err != nil && !errors.Is(err, keys.ErrLocked) {
		return out, a.told(err, "")
	}
	for name, e := range held {
		out.Keys = append(out.Keys, api.KeyPlace{Profile: name, AccessKeyID: e.AccessKeyID, Imported: e.Imported})
	}
	conf, resolver := a.profiles.present()
	seen := map[string]bool{}
	for _, c := range conf.Profiles {
		ground, err := resolver.LongTerm(ctx, c.Name)
		if err != nil || seen[ground.Profile] {
			continue
		}
		seen[ground.Profile] = true
		if path, _, err := a.fileOf(ground); err == nil && held[ground.Profile] == (keys.Entry{}) {
			out.Keys = append(out.Keys, api.KeyPlace{Profile: ground.Profile, AccessKeyID: ground.Keys.AccessKeyID, File: path})
		}
	}
	slices.SortFunc(out.Keys, func(x, y api.KeyPlace) int { return strings.Compare(x.Profile, y.Profile) })
	return out, nil
}

// fileOf finds the AWS file, and the section in it, that a profile's keys stand
// in.
func (a *agent) fileOf(ground profile.LongTerm) (path, section string, err error) {
	for path, sectionIn := range map[string]func(*awsfile.File) string{
		a.opts.AWSCredentialsFile: func(*awsfile.File) string { return ground.Profile },
		a.opts.AWSConfigFile:      func(f *awsfile.File) string { return f.ProfileSection(ground.Profile) },
	} {
		f, err := awsfile.Load(path)
		if err != nil {
			return "", "", err
		}
		section := sectionIn(f)
		k, err := f.Keys(section)
		if errors.Is(err, awsfile.ErrNoKeys) || err == nil && k.ID != ground.Keys.AccessKeyID {
			continue
		}
		if err != nil {
			return "", "", fmt.Errorf("%s: profile %q: %w", path, ground.Profile, err)
		}
		return path, section, nil
	}
	return "", "", &profile.KeysError{Profile: ground.Profile, Files: []string{a.opts.AWSConfigFile, a.opts.AWSCredentialsFile},
		Reason: "has no access key in a section of its own"}
}

// UnlockKeys unlocks the store.
func (a *agent) UnlockKeys(ctx context.Context, req api.KeysUnlockRequest) (api.KeyStore, error) {
	if err := a.keys.Unlock(req.Passphrase); err != nil {
		return api.KeyStore{}, a.told(err, "")
	}
	a.profiles.forget()
	return a.Keys(ctx)
}

// ImportKeys moves a profile's keys into the store: they are proved, sealed, and
// read back; then, where that is wanted, they leave the AWS file.
func (a *agent) ImportKeys(ctx context.Context, req api.KeysImportRequest) (api.ImportedKeys, error) {
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.ImportedKeys{}, err
	}
	over, err := a.turn(ctx)
	if err != nil {
		return api.ImportedKeys{}, a.told(err, "")
	}
	defer over()
	out, err := a.importKeys(ctx, req)
	return out, a.told(err, "")
}

// turn waits until no other change of long-term keys is under way, and returns
// what ends the caller's: of two at once, each would take the other's key for
// left behind, or out of the file.
func (a *agent) turn(ctx context.Context) (over func(), err error) {
	select {
	case a.changing <- struct{}{}:
		return func() { <-a.changing }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another change of long-term keys: %w", context.Cause(ctx))
	}
}

func (a *agent) importKeys(ctx context.Context, req api.KeysImportRequest) (api.ImportedKeys, error) {
	if req.Passphrase != "" {
		if err := a.keys.Unlock(req.Passphrase); err != nil {
			return api.ImportedKeys{}, err
		}
	}
	// What stands in the file is meant, not what the store has already.
	_, resolver := a.profiles.present()
	resolver.Keys = nil
	ground, err := resolver.LongTerm(ctx, req.Profile)
	if err != nil {
		return api.ImportedKeys{}, err
	}
	path, section, err := a.fileOf(ground)
	if err != nil {
		return api.ImportedKeys{}, err
	}
	id, err := a.identity(ctx, ground, ground.Keys)
	if err != nil {
		return api.ImportedKeys{}, err
	}
	if err := a.keys.Create(req.Passphrase); err != nil {
		return api.ImportedKeys{}, err
	}
	if err := a.keys.Put(ground.Profile, ground.Keys, time.Now()); err != nil {
		return api.ImportedKeys{}, err
	}
	defer a.profiles.forget()
	out := api.ImportedKeys{Profile: ground.Profile, AccessKeyID: ground.Keys.AccessKeyID, ARN: id.ARN, File: path}
	if !req.Remove {
		return out, nil
	}
	if err := a.proveStored(ctx, ground, id); err != nil {
		return out, fmt.Errorf("the keys stay in %s: %w", path, err)
	}
	if err := awsfile.Change(path, func(f *awsfile.File) error { return f.RemoveKeys(section) }); err != nil {
		return out, fmt.Errorf("the keys are in fob's store, and stay in %s: %w", path, err)
	}
	out.Removed = true
	return out, nil
}

// identity asks AWS whose keys are.
func (a *agent) identity(ctx context.Context, ground profile.LongTerm, k sts.Keys) (sts.Identity, error) {
	name := ground.Endpoint.Name()
	id, err := a.mfa.AWS.Identity(ctx, awsissuer.Caller{Endpoint: ground.Endpoint, Keys: k, Skew: a.mfa.Clock.Skew(name)})
	if err != nil {
		return id, fmt.Errorf("ask AWS whose the keys of profile %s are: %w", ground.Profile, err)
	}
	a.mfa.Clock.Observe(name, id.Date)
	return id, nil
}

// proveStored checks that what the store gives back is the user's key.
func (a *agent) proveStored(ctx context.Context, ground profile.LongTerm, want sts.Identity) error {
	k, err := a.keys.Keys(ground.Profile)
	if err != nil {
		return err
	}
	id, err := a.identity(ctx, ground, k)
	if err == nil && id.ARN != want.ARN {
		err = fmt.Errorf("the key in fob's store is %s's, not %s's", id.ARN, want.ARN)
	}
	return err
}

// RotateKeys replaces a profile's access key.
func (a *agent) RotateKeys(ctx context.Context, req api.KeysRotateRequest) (api.RotatedKeys, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.RotatedKeys{}, err
	}
	over, err := a.turn(ctx)
	if err != nil {
		return api.RotatedKeys{}, a.told(err, "")
	}
	defer over()
	_, resolver := a.profiles.present()
	ground, err := resolver.LongTerm(ctx, req.Profile)
	if err != nil {
		return api.RotatedKeys{}, a.told(err, "")
	}
	out, err := a.rotate(ctx, req.Profile, ground)
	a.profiles.forget()
	var limit *keys.LimitError
	if errors.As(err, &limit) {
		err = &api.Error{Code: api.Denied, Message: fmt.Sprintf("rotate the access key of profile %s: %v", ground.Profile, err),
			Hint: fmt.Sprintf("if nothing uses it any more: 'fob exec --profile %s -- aws iam delete-access-key --access-key-id %s'", req.Profile, limit.Other)}
	}
	return out, a.told(err, ground.Endpoint.Name())
}

// begin finds the place of a profile's access key, and refuses where it, or the
// one that an earlier run is still to delete, stands in another place too.
func (a *agent) begin(ctx context.Context, ground profile.LongTerm, rows journal) (home, error) {
	own := home{section: ground.Profile}
	_, stored, err := a.storedKeys(ground.Profile)
	if err == nil && !stored {
		own.file, own.section, err = a.fileOf(ground)
	}
	if err != nil {
		return own, err
	}
	begun, resumed, err := rows.Current(ctx)
	if err == nil && resumed && begun.Of(ground.Keys.AccessKeyID) {
		err = a.onlyThere(ground.Profile, own, begun.Old)
	}
	if err != nil {
		return own, err
	}
	return own, a.onlyThere(ground.Profile, own, ground.Keys.AccessKeyID)
}

func (a *agent) rotate(ctx context.Context, name string, ground profile.LongTerm) (api.RotatedKeys, error) {
	out := api.RotatedKeys{Profile: ground.Profile}
	rows := journal{a.state, ground.Profile, ground.Endpoint.Name()}
	own, err := a.begin(ctx, ground, rows)
	if err != nil {
		return out, err
	}
	out.File = own.file
	place := own.place(a.keys)
	id, err := a.identity(ctx, ground, ground.Keys)
	if err != nil {
		return out, err
	}
	signing, err := a.signing(ctx, name)
	if err != nil {
		return out, err
	}
	rotation := keys.Rotation{
		Place: place, Journal: rows, Log: a.opts.Log.With("profile", ground.Profile),
		IAM: iam{a, ground.Endpoint, func(ctx context.Context) (sts.Keys, error) {
			if signing != (sts.Keys{}) {
				return signing, nil
			}
			main, _, err := place.Keys(ctx)
			return main, err
		}},
		Prove: func(ctx context.Context, k sts.Keys) error {
			got, err := a.identity(ctx, ground, k)
			if err == nil && got.ARN != id.ARN {
				err = fmt.Errorf("access key %s is %s's, not %s's", k.AccessKeyID, got.ARN, id.ARN)
			}
			return err
		},
	}
	done, err := rotation.Run(ctx)
	out.Old, out.New, out.Resumed = done.Old, done.New, done.Resumed
	return out, err
}

// signing are the keys of the profile's MFA session, with which the user's
// policies let access keys be changed; none where the profile has no MFA device,
// or takes its code for a role alone.
func (a *agent) signing(ctx context.Context, name string) (sts.Keys, error) {
	w, err := a.profiles.want(ctx, name)
	var setting *profile.SettingError
	if errors.As(err, &setting) && setting.Setting == "mfa_serial" {
		return sts.Keys{}, nil
	}
	if err != nil {
		return sts.Keys{}, err
	}
	root := w.Plan.Root()
	if root.Call != sts.GetSessionToken {
		return sts.Keys{}, nil
	}
	w.Plan, w.Caller, w.MinTTL = root, callerOf(ctx), rotationTime
	entry, _, err := a.engine.Get(ctx, w, false)
	return entry.Session.Keys, err
}

// rotationTime is how long the session that signs a rotation lives on at least.
const rotationTime = 5 * time.Minute

// iam makes a rotation's calls.
type iam struct {
	agent    *agent
	endpoint sts.Endpoint
	keys     func(context.Context) (sts.Keys, error)
}

func (i iam) caller(ctx context.Context) (awsissuer.Caller, error) {
	k, err := i.keys(ctx)
	return awsissuer.Caller{Endpoint: i.endpoint, Keys: k, Skew: i.agent.mfa.Clock.Skew(i.endpoint.Name())}, err
}

func (i iam) List(ctx context.Context) ([]awsissuer.AccessKey, time.Time, error) {
	c, err := i.caller(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	return i.agent.mfa.AWS.ListAccessKeys(ctx, c)
}

func (i iam) Create(ctx context.Context) (sts.Keys, error) {
	c, err := i.caller(ctx)
	if err != nil {
		return sts.Keys{}, err
	}
	return i.agent.mfa.AWS.CreateAccessKey(ctx, c)
}

func (i iam) Disable(ctx context.Context, id string) error {
	c, err := i.caller(ctx)
	if err != nil {
		return err
	}
	return i.agent.mfa.AWS.DisableAccessKey(ctx, c, id)
}

func (i iam) Delete(ctx context.Context, id string) error {
	c, err := i.caller(ctx)
	if err != nil {
		return err
	}
	return i.agent.mfa.AWS.DeleteAccessKey(ctx, c, id)
}

// A journal is a rotation's row in the state file.
type journal struct {
	state             *store.Store
	profile, endpoint string
}

func (j journal) Keep(ctx context.Context, r store.Rotation) error {
	r.Profile, r.Endpoint = j.profile, j.endpoint
	return j.state.Update(ctx, func(tx *store.Tx) error { return tx.PutRotation(r) })
}

func (j journal) Current(ctx context.Context) (r store.Rotation, there bool, err error) {
	err = j.state.View(ctx, func(tx *store.Tx) error {
		r, there, err = tx.Rotation(j.profile, j.endpoint)
		return err
	})
	return r, there, err
}

func (j journal) End(ctx context.Context) error {
	return j.state.Update(ctx, func(tx *store.Tx) error { return tx.RemoveRotation(j.profile, j.endpoint) })
}
