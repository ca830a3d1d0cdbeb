package store

import (
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/mfa"
	"github.com/fob-auth/fob/sts/local/token"
)

// An Account is an AWS account.
type Account struct {
	ID        string    `json:"id"` // 12 digits
	Partition string    `json:"partition"`
	Alias     string    `json:"alias,omitempty"`
	Created   time.Time `json:"created"`
}

// Root is the ARN of the account's root user.
func (a Account) Root() string { return a.IAM("root") }

// IAM is the ARN of one of the account's IAM resources.
func (a Account) IAM(resource string) string {
	return "arn:" + a.Partition + ":iam::" + a.ID + ":" + resource
}

// STS is the ARN of one of the account's sessions.
func (a Account) STS(resource string) string {
	return "arn:" + a.Partition + ":sts::" + a.ID + ":" + resource
}

// An InlinePolicy is a policy that belongs to one identity.
type InlinePolicy struct {
	Name     string `json:"name"`
	Document string `json:"document"` // JSON
}

// Grants are the policies of an identity.
type Grants struct {
	Inline   []InlinePolicy `json:"inline,omitempty"`
	Attached []string       `json:"attached,omitempty"` // managed policy ARNs
}

// A User is an IAM user.
type User struct {
	ID      string    `json:"id"` // AIDA…, never used again
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	Created time.Time `json:"created"`
	Groups  []string  `json:"groups,omitempty"` // group ids
	Grants
	// Boundary is a managed policy's ARN, "" for none.
	Boundary string `json:"boundary,omitempty"`
	Tags     []Tag  `json:"tags,omitempty"`
}

// A Use is when and where something was last used.
type Use struct {
	At      time.Time `json:"at"`
	Region  string    `json:"region,omitempty"`
	Service string    `json:"service,omitempty"`
}

// A Group is an IAM group.
type Group struct {
	ID      string    `json:"id"` // AGPA…
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	Created time.Time `json:"created"`
	Grants
}

// A Role is an IAM role.
type Role struct {
	ID      string    `json:"id"` // AROA…
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	Created time.Time `json:"created"`
	// Trust is the trust policy, JSON, in which users and roles stand by their
	// unique ids.
	Trust string `json:"trust"`
	Grants
	// MaxSession is the longest session in seconds.
	MaxSession int `json:"max_session"`
	// Boundary is a managed policy's ARN, "" for none.
	Boundary    string `json:"boundary,omitempty"`
	Description string `json:"description,omitempty"`
	Tags        []Tag  `json:"tags,omitempty"`
	LastUsed    Use    `json:"last_used,omitzero"`
}

// A Policy is a managed policy of an account.
type Policy struct {
	ARN         string    `json:"arn"`
	ID          string    `json:"id"` // ANPA…
	Account     string    `json:"account"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated,omitzero"`
	Description string    `json:"description,omitempty"`
	Tags        []Tag     `json:"tags,omitempty"`
	// Document is the JSON of the default version.
	Document string `json:"document"`
	// Default is the number of the default version.
	Default int `json:"default"`
	// Versions are all that there are, the default one among them, oldest
	// first; none has ever had another's number.
	Versions []PolicyVersion `json:"versions"`
	// Latest is the highest number that a version has had.
	Latest int `json:"latest"`
}

// A PolicyVersion is one version of a managed policy. It never changes.
type PolicyVersion struct {
	Number   int       `json:"number"` // from 1
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
}

// An AccessKey is a long-term key.
type AccessKey struct {
	ID       string    `json:"id"`
	Secret   string    `json:"secret"`
	Account  string    `json:"account"`
	User     string    `json:"user,omitempty"` // user id, "" for the root user
	Created  time.Time `json:"created"`
	Inactive bool      `json:"inactive,omitempty"`
	LastUsed Use       `json:"last_used,omitzero"`
}

// owner is whose key it is: a user id, or the account's for the root user.
func (k AccessKey) owner() string {
	if k.User == "" {
		return k.Account
	}
	return k.User
}

// A Report is an account's credential report.
type Report struct {
	Account   string    `json:"account"`
	Generated time.Time `json:"generated"`
	Content   string    `json:"content"` // CSV
}

// A Kind is the kind of an MFA device.
type Kind string

// The kinds of MFA devices.
const (
	Virtual  Kind = "virtual"
	Hardware Kind = "hardware"
)

// A Device is an MFA device: a virtual one since it was created, a hardware
// one since the vendor delivered its seed.
type Device struct {
	// Serial is the ARN of a virtual device, the vendor's serial of a
	// hardware one.
	Serial string `json:"serial"`
	Kind   Kind   `json:"kind"`
	// Account is that of a virtual device, and of a hardware device while it
	// is enabled.
	Account string `json:"account,omitempty"`
	// Owner is a user id, or the account id for a root user; "" while the
	// device is not enabled.
	Owner   string     `json:"owner,omitempty"`
	Enabled time.Time  `json:"enabled,omitzero"`
	Seed    mfa.Seed   `json:"seed"`
	Clock   mfa.Device `json:"clock"`
	Tags    []Tag      `json:"tags,omitempty"`
	// Views are what STS came to know, oldest first: it learns of changes
	// later than IAM's own lists. The last is the present state.
	Views []View `json:"views,omitempty"`
}

// A View is what of a device matters to STS, as of a moment.
type View struct {
	At         time.Time `json:"at"`
	Owner      string    `json:"owner,omitempty"`
	Adjustment int64     `json:"adjustment,omitempty"`
}

// A Tag is a tag.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Spent is the spent counters of a seed: two devices with one seed share it.
type Spent struct {
	Seed     string    `json:"seed"` // mfa.Seed.ID
	Counters mfa.Spent `json:"counters"`
}

// Budget is the verifications of a device. It outlives the device.
type Budget struct {
	Serial string     `json:"serial"`
	Budget mfa.Budget `json:"budget"`
}

// SealingKey is a key that seals session tokens.
type SealingKey struct {
	token.Key
	Created time.Time `json:"created"`
}

// named is the index key of a name in an account: IAM's names are unique
// without regard to case.
func named(account, name string) string { return account + "/" + strings.ToLower(name) }
