package local

import (
	"fmt"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/mfa"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/store"
	"github.com/fob-auth/fob/sts/local/world"
)

// A populator puts a checked world into an empty store.
type populator struct {
	tx  *store.Tx
	now time.Time
}

func (p populator) world(w *world.World) error {
	for _, h := range w.Hardware {
		if err := p.device(store.Device{Serial: h.Serial.Value, Kind: store.Hardware}, h.Seed.Value); err != nil {
			return err
		}
	}
	for _, a := range w.Accounts {
		if err := p.account(a); err != nil {
			return err
		}
	}
	return p.pin()
}

// pin puts ids in the place of the users and roles that trust policies and
// bucket policies name, once all of them are there.
func (p populator) pin() error {
	for _, r := range p.tx.Roles.All() {
		account, _ := p.tx.Accounts.Get(r.Account)
		trust, err := access.PinPrincipals(p.tx.Tables, account.Partition, r.Trust)
		if err != nil {
			return fmt.Errorf("trust policy of role %s of account %s: %w", r.Name, r.Account, err)
		}
		r.Trust = trust
		p.tx.Roles.Put(r)
	}
	for _, b := range p.tx.Buckets.All() {
		if b.Policy == "" {
			continue
		}
		account, _ := p.tx.Accounts.Get(b.Account)
		pinned, err := access.PinPrincipals(p.tx.Tables, account.Partition, b.Policy)
		if err != nil {
			return fmt.Errorf("policy of bucket %s: %w", b.Name, err)
		}
		b.Policy = pinned
		p.tx.Buckets.Put(b)
	}
	return nil
}

func (p populator) account(a world.Account) error {
	account := store.Account{ID: a.ID.Value, Partition: a.Partition.Value, Alias: a.Alias, Created: p.now}
	p.tx.Accounts.Put(account)
	p.keys(account.ID, "", a.Root.AccessKeys)
	if err := p.devices(account.ID, account.ID, a.Root.MFADevices); err != nil {
		return err
	}
	for _, m := range a.ManagedPolicies {
		arn := account.IAM("policy" + m.Path.Value + m.Name.Value)
		p.tx.Policies.Put(store.Policy{
			ARN: arn, ID: ids.Of(ids.ManagedPolicy, arn), Account: account.ID, Name: m.Name.Value,
			Path: m.Path.Value, Created: p.now, Document: m.Document.JSON, Default: 1, Latest: 1,
			Versions: []store.PolicyVersion{{Number: 1, Document: m.Document.JSON, Created: p.now}},
		})
	}
	groups := map[string]string{} // ids by lower-case name
	for _, g := range a.Groups {
		id := ids.Of(ids.Group, account.ID, g.Name.Value)
		groups[strings.ToLower(g.Name.Value)] = id
		p.tx.Groups.Put(store.Group{
			ID: id, Account: account.ID, Name: g.Name.Value, Path: g.Path.Value, Created: p.now,
			Grants: grants(g.Policies, g.Attached),
		})
	}
	for _, u := range a.Users {
		if err := p.user(account, u, groups); err != nil {
			return err
		}
	}
	for _, r := range a.Roles {
		p.tx.Roles.Put(store.Role{
			ID: ids.Of(ids.Role, account.ID, r.Name.Value), Account: account.ID, Name: r.Name.Value,
			Path: r.Path.Value, Created: p.now, Trust: r.Trust.JSON,
			Grants: grants(r.Policies, r.Attached), MaxSession: r.MaxSessionSeconds,
		})
	}
	for _, b := range a.Buckets {
		bucket := store.Bucket{
			Name: b.Name.Value, Account: account.ID, Created: p.now, MFADelete: b.MFADelete,
		}
		if d, err := policy.Parse([]byte(b.Policy.JSON)); err == nil && d.Len() > 0 {
			bucket.Policy = b.Policy.JSON // one without statements is none
		}
		if b.Versioning {
			bucket.Versioning = store.Enabled
		}
		p.tx.Buckets.Put(bucket)
	}
	return nil
}

func (p populator) user(account store.Account, u world.User, groups map[string]string) error {
	user := store.User{
		ID: ids.Of(ids.User, account.ID, u.Name.Value), Account: account.ID, Name: u.Name.Value,
		Path: u.Path.Value, Created: p.now, Grants: grants(u.Policies, u.Attached), Boundary: u.Boundary.Value,
	}
	for _, g := range u.Groups {
		user.Groups = append(user.Groups, groups[strings.ToLower(g.Value)])
	}
	p.tx.Users.Put(user)
	p.keys(account.ID, user.ID, u.AccessKeys)
	return p.devices(account.ID, user.ID, u.MFADevices)
}

func (p populator) keys(account, user string, keys []world.AccessKey) {
	for _, k := range keys {
		p.tx.AccessKeys.Put(store.AccessKey{
			ID: k.ID.Value, Secret: k.Secret.Value, Account: account, User: user, Created: p.now,
		})
	}
}

func (p populator) devices(account, owner string, devices []world.MFADevice) error {
	for _, d := range devices {
		err := p.device(store.Device{
			Serial: d.Serial.Value, Kind: store.Kind(d.Kind.Value), Account: account, Owner: owner,
			Enabled: p.now, Clock: mfa.Device{Adjustment: d.Adjustment},
			Views: []store.View{{Owner: owner, Adjustment: d.Adjustment}},
		}, d.Seed.Value)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p populator) device(d store.Device, seed string) (err error) {
	if d.Seed, err = mfa.ParseSeed(seed); err != nil {
		return err
	}
	p.tx.Devices.Put(d)
	return nil
}

func grants(inline []world.InlinePolicy, attached []world.Text) store.Grants {
	var g store.Grants
	for _, p := range inline {
		g.Inline = append(g.Inline, store.InlinePolicy{Name: p.Name.Value, Document: p.Document.JSON})
	}
	for _, arn := range attached {
		g.Attached = append(g.Attached, arn.Value)
	}
	return g
}
