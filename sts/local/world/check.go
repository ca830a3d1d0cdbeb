package world

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/fob-auth/fob/sts/local/managed"
	"github.com/fob-auth/fob/sts/local/mfa"
	"github.com/fob-auth/fob/sts/local/policy"
)

// Limits of names and numbers (IAM API reference of the matching Create call;
// IAM User Guide, "IAM and AWS STS quotas").
const (
	maxDevices       = 8
	maxKeys          = 2
	minMaxSession    = 3600
	maxMaxSession    = 43200
	minRootKeyLength = 8 // ours: a root key may be a client's fixed test key
)

var (
	accountID  = regexp.MustCompile(`^\d{12}$`)
	entityName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	entityPath = regexp.MustCompile(`^/([!-~]{1,510}/)?$`)
	userKeyID  = regexp.MustCompile(`^\w{16,128}$`)
	hardware   = regexp.MustCompile(`^[\w+=/,.@-]{9,256}$`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// maxErrors is how many errors of one file are told.
const maxErrors = 20

// A checker finds what is wrong with a world beyond its grammar.
type checker struct {
	file    string
	errs    []error
	serials map[string]bool
	keys    map[string]bool
	buckets map[string]bool
}

func (c *checker) fail(line int, format string, args ...any) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, &Error{File: c.file, Line: line, Message: fmt.Sprintf(format, args...)})
	}
}

func (w *World) check() error {
	c := &checker{file: w.file, serials: map[string]bool{}, keys: map[string]bool{}, buckets: map[string]bool{}}
	for _, h := range w.Hardware {
		c.hardware(h.Serial, h.Seed)
	}
	accounts := map[string]bool{}
	for i := range w.Accounts {
		a := &w.Accounts[i]
		if a.Partition.Value == "" {
			a.Partition.Value = managed.AWS
		}
		if !accountID.MatchString(a.ID.Value) {
			c.fail(a.ID.Line, "account id %q is not 12 digits", a.ID.Value)
		}
		c.once(accounts, a.ID, "account")
		if !managed.IsPartition(a.Partition.Value) {
			c.fail(a.Partition.Line, "unknown partition %q", a.Partition.Value)
		}
		c.account(a)
	}
	return errors.Join(c.errs...)
}

func (c *checker) account(a *Account) {
	policies := c.managedPolicies(a)
	c.root(a)
	groups := map[string]bool{}
	for i := range a.Groups {
		g := &a.Groups[i]
		c.entity(groups, "group", g.Name, &g.Path)
		c.grants(a, policies, g.Policies, g.Attached)
	}
	users := map[string]bool{}
	for i := range a.Users {
		u := &a.Users[i]
		c.entity(users, "user", u.Name, &u.Path)
		c.grants(a, policies, u.Policies, u.Attached)
		c.user(a, u, groups, policies)
	}
	roles := map[string]bool{}
	for i := range a.Roles {
		r := &a.Roles[i]
		c.entity(roles, "role", r.Name, &r.Path)
		c.grants(a, policies, r.Policies, r.Attached)
		c.role(r)
	}
	for _, b := range a.Buckets {
		if !bucketName.MatchString(b.Name.Value) {
			c.fail(b.Name.Line, "bucket name %q is not one (3 to 63 of a-z, 0-9, . and -)", b.Name.Value)
		}
		c.once(c.buckets, b.Name, "bucket")
		if b.MFADelete && !b.Versioning {
			c.fail(b.Name.Line, "bucket %q has mfa_delete without versioning", b.Name.Value)
		}
		if b.Policy.JSON != "" {
			c.document(b.Name.Line, b.Policy, policy.Resource)
		}
	}
}

func (c *checker) managedPolicies(a *Account) map[string]bool {
	arns, names := map[string]bool{}, map[string]bool{}
	for i := range a.ManagedPolicies {
		p := &a.ManagedPolicies[i]
		c.entity(names, "managed policy", p.Name, &p.Path)
		c.document(p.Name.Line, p.Document, policy.Identity)
		arns["arn:"+a.Partition.Value+":iam::"+a.ID.Value+":policy"+p.Path.Value+p.Name.Value] = true
	}
	return arns
}

func (c *checker) root(a *Account) {
	for _, k := range a.Root.AccessKeys {
		if len(k.ID.Value) < minRootKeyLength {
			c.fail(k.ID.Line, "access key id of the root user is shorter than %d characters", minRootKeyLength)
		}
		c.key(k)
	}
	c.devices(a, a.Root.MFADevices)
}

func (c *checker) user(a *Account, u *User, groups, policies map[string]bool) {
	for _, g := range u.Groups {
		if !groups[strings.ToLower(g.Value)] {
			c.fail(g.Line, "no group %q in account %s", g.Value, a.ID.Value)
		}
	}
	if u.Boundary.Value != "" {
		c.attached(a, policies, u.Boundary)
	}
	if len(u.AccessKeys) > maxKeys {
		c.fail(u.Name.Line, "user %q has more than %d access keys", u.Name.Value, maxKeys)
	}
	for _, k := range u.AccessKeys {
		if !userKeyID.MatchString(k.ID.Value) {
			c.fail(k.ID.Line, "access key id is not one (16 to 128 of A-Z, a-z, 0-9 and _)")
		}
		c.key(k)
	}
	c.devices(a, u.MFADevices)
}

func (c *checker) role(r *Role) {
	if r.Trust.JSON == "" {
		c.fail(r.Name.Line, "role %q has no trust policy", r.Name.Value)
	} else {
		c.document(r.Name.Line, r.Trust, policy.Trust)
	}
	if r.MaxSessionSeconds == 0 {
		r.MaxSessionSeconds = minMaxSession
	}
	if r.MaxSessionSeconds < minMaxSession || r.MaxSessionSeconds > maxMaxSession {
		c.fail(r.Name.Line, "max_session_seconds of role %q is not %d to %d", r.Name.Value, minMaxSession, maxMaxSession)
	}
}

// entity checks a name and sets the path that is missing.
func (c *checker) entity(names map[string]bool, what string, name Text, path *Text) {
	if path.Value == "" {
		path.Value = "/"
	}
	if !entityName.MatchString(name.Value) {
		c.fail(name.Line, "%s name %q is not one ([\\w+=,.@-], up to 128)", what, name.Value)
	}
	if !entityPath.MatchString(path.Value) {
		c.fail(path.Line, "path %q of %s %q does not begin and end with /", path.Value, what, name.Value)
	}
	c.once(names, Text{Value: strings.ToLower(name.Value), Line: name.Line}, what)
}

func (c *checker) once(seen map[string]bool, t Text, what string) {
	if seen[t.Value] {
		c.fail(t.Line, "%s %q is there twice", what, t.Value)
	}
	seen[t.Value] = true
}

func (c *checker) key(k AccessKey) {
	if len(k.Secret.Value) < minRootKeyLength {
		c.fail(k.ID.Line, "secret of access key %q is shorter than %d characters", k.ID.Value, minRootKeyLength)
	}
	c.once(c.keys, k.ID, "access key")
}

func (c *checker) grants(a *Account, policies map[string]bool, inline []InlinePolicy, attached []Text) {
	names := map[string]bool{}
	for _, p := range inline {
		if !entityName.MatchString(p.Name.Value) {
			c.fail(max(p.Name.Line, p.Document.Line), "inline policy name %q is not one", p.Name.Value)
		}
		c.once(names, p.Name, "inline policy")
		c.document(p.Name.Line, p.Document, policy.Identity)
	}
	for _, arn := range attached {
		c.attached(a, policies, arn)
	}
}

func (c *checker) attached(a *Account, policies map[string]bool, arn Text) {
	if _, ok := managed.Lookup(arn.Value); !ok && !policies[arn.Value] {
		c.fail(arn.Line, "no managed policy %q in account %s", arn.Value, a.ID.Value)
	}
}

// document checks a policy; line is told where the document has none.
func (c *checker) document(line int, d Document, kind policy.Kind) {
	doc, err := policy.Parse([]byte(d.JSON))
	if err == nil && doc.Len() > 0 { // an empty document says nothing, which is allowed here
		err = doc.Validate(kind)
	}
	if err != nil {
		c.fail(max(line, d.Line), "%v", err)
	}
}

func (c *checker) devices(a *Account, devices []MFADevice) {
	if len(devices) > maxDevices {
		c.fail(devices[maxDevices].Serial.Line, "more than %d MFA devices", maxDevices)
	}
	for _, d := range devices {
		switch d.Kind.Value {
		case "virtual":
			prefix := "arn:" + a.Partition.Value + ":iam::" + a.ID.Value + ":mfa/"
			if name, ok := strings.CutPrefix(d.Serial.Value, prefix); !ok || name == "" {
				c.fail(d.Serial.Line, "serial %q of a virtual device does not begin with %s", d.Serial.Value, prefix)
			}
			c.seed(d.Serial, d.Seed)
			c.once(c.serials, d.Serial, "MFA device")
		case "hardware":
			if a.Partition.Value == managed.GovCloud {
				c.fail(d.Serial.Line, "hardware MFA devices don't exist in %s", managed.GovCloud)
			}
			c.hardware(d.Serial, d.Seed)
		default:
			c.fail(max(d.Kind.Line, d.Serial.Line), "kind %q of MFA device %q is neither virtual nor hardware", d.Kind.Value, d.Serial.Value)
		}
	}
}

func (c *checker) hardware(serial, seed Text) {
	if !hardware.MatchString(serial.Value) {
		c.fail(max(serial.Line, seed.Line), "serial %q of a hardware device is not one ([\\w+=/,.@-], 9 to 256)", serial.Value)
	}
	c.seed(serial, seed)
	c.once(c.serials, serial, "MFA device")
}

func (c *checker) seed(serial, seed Text) {
	if _, err := mfa.ParseSeed(seed.Value); err != nil {
		c.fail(max(seed.Line, serial.Line), "seed of MFA device %q: %v", serial.Value, err)
	}
}
