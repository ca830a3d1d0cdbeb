// Package world reads the file that says what exists in the local AWS when it
// starts from nothing: accounts with their users, groups, roles, policies,
// buckets and MFA devices, and the hardware devices that the vendor has
// delivered seeds for. It is read strictly: what it doesn't know is an error
// with file and line.
package world

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxSize bounds a world file in bytes; ours.
const MaxSize = 32 << 20

// A World is a world file.
type World struct {
	Hardware []Hardware `yaml:"hardware"`
	Accounts []Account  `yaml:"accounts"`

	file string
}

// Hardware is a fob that the vendor has delivered the seed for.
type Hardware struct {
	Serial Text `yaml:"serial"`
	Seed   Text `yaml:"seed"`
}

// An Account is an AWS account and what is in it.
type Account struct {
	ID        Text   `yaml:"id"`
	Partition Text   `yaml:"partition"` // "" is aws
	Alias     string `yaml:"alias"`
	Root      struct {
		AccessKeys []AccessKey `yaml:"access_keys"`
		MFADevices []MFADevice `yaml:"mfa_devices"`
	} `yaml:"root"`
	ManagedPolicies []Policy `yaml:"managed_policies"`
	Groups          []Group  `yaml:"groups"`
	Users           []User   `yaml:"users"`
	Roles           []Role   `yaml:"roles"`
	Buckets         []Bucket `yaml:"buckets"`
}

// An AccessKey is a long-term key.
type AccessKey struct {
	ID     Text `yaml:"id"`
	Secret Text `yaml:"secret"`
}

// An MFADevice is a device that is enabled already.
type MFADevice struct {
	Serial Text `yaml:"serial"`
	Kind   Text `yaml:"kind"` // virtual | hardware
	Seed   Text `yaml:"seed"`
	// Adjustment is what AWS adds for the device's clock, in steps of 30 s.
	Adjustment int64 `yaml:"adjustment"`
}

// A Policy is an inline policy, or a managed one, which alone has a path.
type Policy struct {
	Name     Text     `yaml:"name"`
	Path     Text     `yaml:"path"`
	Document Document `yaml:"document"`
}

// An InlinePolicy is a policy that belongs to one identity.
type InlinePolicy struct {
	Name     Text     `yaml:"name"`
	Document Document `yaml:"document"`
}

// A Group is an IAM group.
type Group struct {
	Name     Text           `yaml:"name"`
	Path     Text           `yaml:"path"`
	Policies []InlinePolicy `yaml:"policies"`
	Attached []Text         `yaml:"attached"`
}

// A User is an IAM user.
type User struct {
	Name       Text           `yaml:"name"`
	Path       Text           `yaml:"path"`
	Groups     []Text         `yaml:"groups"`
	AccessKeys []AccessKey    `yaml:"access_keys"`
	Policies   []InlinePolicy `yaml:"policies"`
	Attached   []Text         `yaml:"attached"`
	Boundary   Text           `yaml:"boundary"`
	MFADevices []MFADevice    `yaml:"mfa_devices"`
}

// A Role is an IAM role.
type Role struct {
	Name     Text           `yaml:"name"`
	Path     Text           `yaml:"path"`
	Trust    Document       `yaml:"trust"`
	Policies []InlinePolicy `yaml:"policies"`
	Attached []Text         `yaml:"attached"`
	// MaxSessionSeconds is 3600 where it is missing.
	MaxSessionSeconds int `yaml:"max_session_seconds"`
}

// A Bucket is an S3 bucket.
type Bucket struct {
	Name       Text     `yaml:"name"`
	Policy     Document `yaml:"policy"`
	Versioning bool     `yaml:"versioning"`
	MFADelete  bool     `yaml:"mfa_delete"`
}

// An Error is one thing wrong with a world file. It never holds a secret of
// the file.
type Error struct {
	File string
	// Line counts from 1; 0 means the file as a whole.
	Line    int
	Message string
}

// Error gives file, line and message.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Load reads a world file. shared tells that others than its owner may read
// it, which deserves a warning: it holds keys and seeds.
func Load(path string) (w *World, shared bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("world: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, fmt.Errorf("world: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, false, fmt.Errorf("world: %w", err)
	}
	w, err = Decode(path, b)
	return w, info.Mode().Perm()&0o077 != 0, err
}

// Decode reads a world file's text. Its errors are *Error, joined where there
// are several.
func Decode(file string, b []byte) (*World, error) {
	if len(b) > MaxSize {
		return nil, &Error{File: file, Message: fmt.Sprintf("larger than %d bytes", MaxSize)}
	}
	w := &World{file: file}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	if err := d.Decode(w); err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlErrors(file, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Error{File: file, Message: "more than one document"}
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	return w, nil
}

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type world\.(\w+)`)
	// a value in an error text may be a secret that stands in the wrong place
	quotedValue = regexp.MustCompile("`[^`]*` ")
)

// yamlErrors turns the decoder's errors into ours.
func yamlErrors(file string, err error) error {
	lines := []string{err.Error()}
	var many *yaml.TypeError
	if errors.As(err, &many) {
		lines = many.Errors
	}
	var all []error
	for _, text := range lines {
		e := &Error{File: file, Message: strings.TrimPrefix(text, "yaml: ")}
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			e.Line, _ = strconv.Atoi(m[1]) // digits
			e.Message = m[2]
		}
		if m := unknownField.FindStringSubmatch(e.Message); m != nil {
			e.Message = fmt.Sprintf("unknown key %q in %s", m[1], strings.ToLower(m[2]))
		}
		e.Message = quotedValue.ReplaceAllString(e.Message, "")
		all = append(all, e)
	}
	return errors.Join(all...)
}
