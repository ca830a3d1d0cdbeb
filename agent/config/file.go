package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/devices/serialfob"
)

// MaxFile bounds the file, in bytes.
const MaxFile = 256 << 10

// Load reads the file at path. A file that others can write is refused: they
// could point the user's codes elsewhere. What is wrong inside it is an *Error.
func Load(path string) (*Config, error) {
	b, info, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no configuration file at %s: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	c, err := Parse(path, b)
	if err != nil {
		return nil, err
	}
	if err := trusted(info, c.namesEndpoint() || c.Devices.EmulatedRoot != ""); err != nil {
		return nil, &Error{[]Fault{{File: path, Message: err.Error()}}}
	}
	return c, nil
}

// ReadTrusted reads a file that the configuration names, of at most MaxFile
// bytes. One that others can write is refused, as the configuration itself is.
func ReadTrusted(path string) ([]byte, error) {
	b, info, err := read(path)
	switch {
	case err != nil:
		return nil, err
	case len(b) > MaxFile:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, MaxFile)
	}
	if err := trusted(info, true); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return b, nil
}

// read reads a regular file, up to one byte more than MaxFile. It waits for
// nobody: a FIFO without a writer is opened at once (open(2), O_NONBLOCK), and
// refused.
func read(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s isn't a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	return b, info, err
}

// namesEndpoint reports whether codes may go elsewhere than to AWS.
func (c *Config) namesEndpoint() bool {
	if c.AWS.EndpointURL != "" {
		return true
	}
	for _, p := range c.Profiles {
		if p.EndpointURL != "" {
			return true
		}
	}
	return false
}

// Parse reads a file's bytes; name stands for it in errors, which are *Error.
func Parse(name string, b []byte) (*Config, error) {
	if len(b) > MaxFile {
		return nil, &Error{[]Fault{{File: name, Message: fmt.Sprintf("is larger than %d bytes", MaxFile)}}}
	}
	d := &decoder{file: name}
	c := defaults()
	if top := d.document(b); top != nil {
		d.config(top, c)
	}
	if len(d.faults) > 0 {
		return nil, &Error{d.faults}
	}
	return c, nil
}

func (d *decoder) config(n *yaml.Node, c *Config) {
	seal := string(c.Seal)
	var remote *yaml.Node
	d.mapping("", n, map[string]setter{
		"socket": d.text(&c.Socket, absolute),
		"seal":   d.text(&seal, oneOf(string(SealAuto), string(SealSecretService), string(SealKeyring), string(SealOff))),
		"devices": func(at string, n *yaml.Node) {
			d.devices(at, n, &c.Devices)
		},
		"aws": func(at string, n *yaml.Node) {
			d.mapping(at, n, map[string]setter{
				"endpoint_url": d.text(&c.AWS.EndpointURL, endpoint),
				"region":       d.text(&c.AWS.Region, region),
			})
		},
		"idle_exit":  d.duration(&c.IdleExit, minIdleExit, maxIdleExit, true),
		"lock_after": d.duration(&c.LockAfter, minLockAfter, maxDuration, true),
		"landlock":   d.flag(&c.Landlock),
		"limits": func(at string, n *yaml.Node) {
			d.mapping(at, n, map[string]setter{
				"per_second": d.number(&c.Limits.PerSecond, 0, maxLimit),
				"burst":      d.number(&c.Limits.Burst, 0, maxLimit),
			})
		},
		"remote": func(at string, n *yaml.Node) {
			d.mapping(at, n, map[string]setter{"socket": func(at string, n *yaml.Node) {
				remote = n
				d.text(&c.Remote.Socket, absolute)(at, n)
			}})
		},
		"notify": func(at string, n *yaml.Node) {
			d.mapping(at, n, map[string]setter{"desktop": d.flag(&c.Notify.Desktop), "touch_socket": d.flag(&c.Notify.TouchSocket)})
		},
		"profiles": func(at string, n *yaml.Node) {
			d.profiles(at, n, c)
		},
	})
	c.Seal = Seal(seal)
	own := cmp.Or(c.Socket, api.DefaultSocket())
	if c.Remote.Socket != "" && filepath.Clean(c.Remote.Socket) == filepath.Clean(own) {
		d.fault("remote.socket", remote, "is the agent's own socket, and has to be another")
	}
}

func (d *decoder) devices(at string, n *yaml.Node, v *Devices) {
	enabled := func(into *bool) setter {
		return func(at string, n *yaml.Node) {
			d.mapping(at, n, map[string]setter{"enabled": d.flag(into)})
		}
	}
	var ports []named
	var dialects []serialfob.Dialect
	lines := map[string]int{}
	d.mapping(at, n, map[string]setter{
		"pcsc": enabled(&v.PCSC),
		"prompt": func(at string, n *yaml.Node) {
			d.mapping(at, n, map[string]setter{"enabled": d.flag(&v.Prompt), "pinentry": d.text(&v.Pinentry, absolute)})
		},
		"emulated_attestation_root": d.text(&v.EmulatedRoot, absolute),
		"record":                    d.text(&v.Record, absolute),
		"serial": d.list(func(at string, n *yaml.Node) {
			ports = append(ports, d.serial(at, n))
		}),
		"dialects": d.list(func(at string, n *yaml.Node) {
			dialects = append(dialects, d.dialect(at, n, lines))
		}),
		"emulated": d.list(func(at string, n *yaml.Node) {
			var e Emulated
			d.mapping(at, n, map[string]setter{"socket": d.text(&e.Socket, absolute)})
			d.needed(at, n, "socket", e.Socket)
			v.Emulated = append(v.Emulated, e)
		}),
	})
	v.Serial = d.resolve(ports, dialects)
}

// profiles reads the profiles, each name once.
func (d *decoder) profiles(at string, n *yaml.Node, c *Config) {
	lines := map[string]int{}
	d.list(func(at string, n *yaml.Node) {
		p := d.profile(at, n)
		if line, ok := lines[p.Name]; ok && p.Name != "" {
			d.fault(at, n, "profile %q is in line %d already", clip(p.Name), line)
			return
		}
		lines[p.Name] = n.Line
		c.Profiles = append(c.Profiles, p)
	})(at, n)
}

func (d *decoder) profile(at string, n *yaml.Node) Profile {
	p := defaultProfile()
	attested, confirm, resync := string(p.Attested), string(p.Confirm), string(p.Resync)
	d.mapping(at, n, map[string]setter{
		"name":              d.text(&p.Name, name),
		"source_profile":    d.text(&p.SourceProfile, name),
		"mfa_serial":        d.text(&p.MFASerial, mfaSerial),
		"credential":        d.text(&p.Credential, name),
		"token":             d.text(&p.Token, oneOf(TokenPrompt)),
		"role_arn":          d.text(&p.RoleARN, roleARN),
		"role_session_name": d.text(&p.RoleSessionName, roleSessionName),
		"external_id":       d.text(&p.ExternalID, externalID),
		"region":            d.text(&p.Region, region),
		"endpoint_url":      d.text(&p.EndpointURL, endpoint),
		"duration":          d.duration(&p.Duration, minDuration, maxDuration, false),
		"role_duration":     d.duration(&p.RoleDuration, minDuration, maxRoleDuration, false),
		"min_ttl":           d.duration(&p.MinTTL, 0, maxMinTTL, true),
		"max_age":           d.duration(&p.MaxAge, minMaxAge, maxDuration, true),
		"allow_emulated":    d.flag(&p.AllowEmulated),
		"attested":          d.text(&attested, oneOf(string(AttestedOptional), string(AttestedRequired))),
		"confirm":           d.text(&confirm, oneOf(string(ConfirmNever), string(ConfirmEachUse), string(ConfirmEachSession))),
		"resync":            d.text(&resync, oneOf(string(ResyncOffer), string(ResyncAuto))),
		"callers": d.list(func(at string, n *yaml.Node) {
			p.Callers = append(p.Callers, d.caller(at, n))
		}),
	})
	p.Attested, p.Confirm, p.Resync = Attested(attested), Confirm(confirm), Resync(resync)
	d.needed(at, n, "name", p.Name)
	return p
}

// caller reads which program may ask: an empty one would let any.
func (d *decoder) caller(at string, n *yaml.Node) Caller {
	var c Caller
	before := len(d.faults)
	d.mapping(at, n, map[string]setter{"exe": d.text(&c.Exe, pattern), "started_by": d.text(&c.StartedBy, pattern)})
	if c == (Caller{}) && len(d.faults) == before {
		d.fault(at, n, "names no program: exe or started_by is needed")
	}
	return c
}

// needed notes that a key of a mapping is missing.
func (d *decoder) needed(at string, n *yaml.Node, key, value string) {
	if value != "" || (n.Kind != yaml.MappingNode && !null(n)) {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && !null(n.Content[i+1]) && n.Content[i+1].Value != "" {
			return // it is there, and its own fault is noted
		}
	}
	d.fault(at, n, "%s is missing", key)
}
