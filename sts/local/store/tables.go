package store

import "strconv"

// Tables are the tables of the state.
type Tables struct {
	Accounts    *Table[Account]    // by id
	Users       *Table[User]       // by id
	Groups      *Table[Group]      // by id
	Roles       *Table[Role]       // by id
	Policies    *Table[Policy]     // by ARN
	AccessKeys  *Table[AccessKey]  // by id
	Reports     *Table[Report]     // by account
	Devices     *Table[Device]     // by serial
	Spent       *Table[Spent]      // by seed id
	Budgets     *Table[Budget]     // by serial
	Buckets     *Table[Bucket]     // by name
	Objects     *Table[Object]     // by bucket, key and sequence
	Uploads     *Table[Upload]     // by id
	UploadParts *Table[UploadPart] // by upload and number
	SealingKeys *Table[SealingKey] // by number
}

func newTables() Tables {
	return Tables{
		Accounts: newTable("account", func(a Account) string { return a.ID }),
		Users: newTable("user", func(u User) string { return u.ID },
			func(u User) string { return named(u.Account, u.Name) },
			func(u User) string { return u.Account }),
		Groups: newTable("group", func(g Group) string { return g.ID },
			func(g Group) string { return named(g.Account, g.Name) },
			func(g Group) string { return g.Account }),
		Roles: newTable("role", func(r Role) string { return r.ID },
			func(r Role) string { return named(r.Account, r.Name) },
			func(r Role) string { return r.Account }),
		Policies: newTable("policy", func(p Policy) string { return p.ARN },
			func(p Policy) string { return named(p.Account, p.Name) },
			func(p Policy) string { return p.Account }),
		AccessKeys: newTable("access-key", func(k AccessKey) string { return k.ID }, AccessKey.owner),
		Reports:    newTable("report", func(r Report) string { return r.Account }),
		Devices: newTable("device", func(d Device) string { return d.Serial },
			func(d Device) string { return d.Owner },
			func(d Device) string { return d.Account }),
		Spent:   newTable("spent", func(s Spent) string { return s.Seed }),
		Budgets: newTable("budget", func(b Budget) string { return b.Serial }),
		Buckets: newTable("bucket", func(b Bucket) string { return b.Name },
			func(b Bucket) string { return b.Account }),
		Objects: newTable("object", Object.id).sorted(Object.place),
		Uploads: newTable("upload", func(u Upload) string { return u.ID }).sorted(Upload.place),
		UploadParts: newTable("upload-part", func(p UploadPart) string { return PartKey(p.Upload, p.Number) },
			func(p UploadPart) string { return p.Upload }),
		SealingKeys: newTable("sealing-key", func(k SealingKey) string {
			return strconv.FormatUint(uint64(k.ID), 10)
		}),
	}
}

// begin returns the tables for tx to write to.
func (t Tables) begin(tx *Tx) Tables {
	return Tables{
		Accounts:    t.Accounts.begin(tx),
		Users:       t.Users.begin(tx),
		Groups:      t.Groups.begin(tx),
		Reports:     t.Reports.begin(tx),
		Roles:       t.Roles.begin(tx),
		Policies:    t.Policies.begin(tx),
		AccessKeys:  t.AccessKeys.begin(tx),
		Devices:     t.Devices.begin(tx),
		Spent:       t.Spent.begin(tx),
		Budgets:     t.Budgets.begin(tx),
		Buckets:     t.Buckets.begin(tx),
		Objects:     t.Objects.begin(tx),
		Uploads:     t.Uploads.begin(tx),
		UploadParts: t.UploadParts.begin(tx),
		SealingKeys: t.SealingKeys.begin(tx),
	}
}

func (t Tables) all() []records {
	return []records{
		t.Accounts, t.Users, t.Groups, t.Reports, t.Roles, t.Policies,
		t.AccessKeys, t.Devices, t.Spent, t.Budgets, t.Buckets, t.Objects,
		t.Uploads, t.UploadParts, t.SealingKeys,
	}
}

// UserNamed finds a user by name, without regard to case.
func (t Tables) UserNamed(account, name string) (User, bool) {
	return t.Users.one(0, named(account, name))
}

// UsersOf returns the users of an account, by id.
func (t Tables) UsersOf(account string) []User { return t.Users.by(1, account) }

// RoleNamed finds a role by name.
func (t Tables) RoleNamed(account, name string) (Role, bool) {
	return t.Roles.one(0, named(account, name))
}

// RolesOf returns the roles of an account, by id.
func (t Tables) RolesOf(account string) []Role { return t.Roles.by(1, account) }

// GroupNamed finds a group by name.
func (t Tables) GroupNamed(account, name string) (Group, bool) {
	return t.Groups.one(0, named(account, name))
}

// GroupsOf returns the groups of an account, by id.
func (t Tables) GroupsOf(account string) []Group { return t.Groups.by(1, account) }

// PolicyNamed finds a managed policy of an account by name, whatever its path.
func (t Tables) PolicyNamed(account, name string) (Policy, bool) {
	return t.Policies.one(0, named(account, name))
}

// PoliciesOf returns the managed policies of an account, by ARN.
func (t Tables) PoliciesOf(account string) []Policy { return t.Policies.by(1, account) }

// KeysOwnedBy returns the long-term keys of a user id, or of an account id for
// its root user, by key id.
func (t Tables) KeysOwnedBy(owner string) []AccessKey { return t.AccessKeys.by(0, owner) }

// DevicesOwnedBy returns the enabled devices of a user id, or of an account id
// for its root user, by serial.
func (t Tables) DevicesOwnedBy(owner string) []Device { return t.Devices.by(0, owner) }

// DevicesOf returns the virtual devices of an account and the hardware devices
// enabled in it, by serial.
func (t Tables) DevicesOf(account string) []Device { return t.Devices.by(1, account) }
