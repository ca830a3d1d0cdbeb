package emulator

import (
	"bytes"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/firmware/otp"
)

// Bounds of a bench file.
const (
	maxFileBytes   = 4 << 20
	maxTokens      = 1024
	maxOffset      = 20 * 365 * 24 * time.Hour // of a clock
	maxCredentials = 64                        // of one YubiKey: 5.7 holds that many, earlier ones 32
	maxPatience    = time.Hour                 // of a YubiKey that waits for a touch
)

// A File is a decoded bench file.
type File struct {
	Tokens []Spec
	// AttestationRoot is the absolute path of the certificate under which the
	// YubiKeys attest, with its key kept beside it; "" stands for a new one each
	// time, kept nowhere.
	AttestationRoot string
	// Warnings are things to tell the person who runs the bench.
	Warnings []string
}

// A Spec is one token as the bench file describes it.
type Spec struct {
	Kind   api.Kind
	Name   string // how commands call it
	Serial string
	// Attach is "socket", [AttachReader] or "vpcd:" and an address for a YubiKey,
	// "pty:" and an absolute path for a fob.
	Attach string
	Button ButtonMode
	// State is the absolute path of the state file, or "". What it holds goes
	// before Credentials and Seed, which only fill an empty one.
	State string

	// Of a YubiKey alone.
	Firmware [3]byte
	// FormFactor is its form and plug, as attestations and READ CONFIG number
	// them; 0 stands for 1.
	FormFactor byte
	// NFC says that it has an antenna.
	NFC bool
	// Contactless says that the reader it is attached to is one for contactless
	// cards.
	Contactless bool
	// Patience is how long it waits for a touch, in host time; 0 stands for a
	// real one's 15 s. For a challenge, a client may configure another time.
	Patience    time.Duration
	Credentials []Credential

	// Of a fob alone.
	Seed        Secret // none of a fob that is still to be provisioned
	Offset      time.Duration
	PPM         float64
	Temperature clock.Temperature
	SeriesFile  string        // the absolute path of a recorded rate error, or ""
	Series      *clock.Series // what Load read there; nil for none
	Battery     int           // in millivolts; 0 where the fob can't tell
	Line        api.Line      // how bad its line is
	// CodesPerMinute is how many codes it gives in a minute; 0 is no limit.
	CodesPerMinute int
}

// A ButtonMode says who presses a token's button.
type ButtonMode string

// Who presses.
const (
	ButtonAuto   ButtonMode = "auto"   // the bench, at once
	ButtonManual ButtonMode = "manual" // [Token.Press]
	ButtonNever  ButtonMode = "never"  // nobody: the token's patience ends
)

// A Credential is one OATH account that a YubiKey of the bench starts with.
type Credential struct {
	Name      string
	Secret    Secret
	Digits    int // 6 to 8
	Period    int // seconds
	Algorithm otp.Algorithm
	Touch     bool
}

// A Secret is key material; it doesn't show itself when it is printed.
type Secret []byte

// Format writes a stand-in, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// Load reads the bench file at path. Every error of the file is reported, each
// as a [FileError]. A bench or state file with secrets that others can read
// draws a warning.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	file, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	if err := file.loadSeries(); err != nil {
		return nil, err
	}
	if file.holdsSecrets() {
		file.warn(path, info)
	}
	for _, t := range file.Tokens {
		if info, err := os.Stat(t.State); err == nil {
			file.warn(t.State, info)
		}
	}
	return file, nil
}

// warn adds a warning where others can read a file that holds secrets.
func (f *File) warn(path string, info fs.FileInfo) {
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		f.Warnings = append(f.Warnings, fmt.Sprintf("%s holds secrets and others can read it (%v): chmod 600 it", path, perm))
	}
}

func (f *File) holdsSecrets() bool {
	return slices.ContainsFunc(f.Tokens, func(s Spec) bool { return len(s.Seed) > 0 || len(s.Credentials) > 0 })
}

// Parse decodes a bench file. Relative paths in it are relative to the folder
// of path, which also names the file in errors.
func Parse(path string, data []byte) (*File, error) {
	r := &reader{file: path}
	if len(data) > maxFileBytes {
		r.fail(0, "over the bound of %d bytes", maxFileBytes)
		return nil, errors.Join(r.errs...)
	}
	file := &File{}
	if root := r.document(data); root != nil {
		top := r.mapping(root, "the bench")
		for i, node := range r.list(top.need("tokens"), "tokens") {
			if i == maxTokens {
				r.fail(node.Line, "over the bound of %d tokens", maxTokens)
				break
			}
			r.token(file, node)
		}
		if n := top.take("attestation_root"); n != nil {
			if file.AttestationRoot = r.path(r.text(n, "attestation_root")); file.AttestationRoot == "" {
				r.fail(n.Line, "attestation_root is empty")
			}
		}
		top.end()
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	return file, nil
}

// document is the one YAML document in data, or nil.
func (r *reader) document(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		r.fail(0, "empty; it needs a list of tokens")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	case len(doc.Content) != 1:
		r.fail(0, "empty; it needs a list of tokens")
		return nil
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.fail(0, "more than one YAML document")
		return nil
	}
	return doc.Content[0]
}

// syntax reports what yaml.v3 says about a file that is no YAML. It gives the
// line as words only, and is off by one or two.
func (r *reader) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if words, rest, ok := strings.Cut(message, ": "); ok {
		if n, err := strconv.Atoi(strings.TrimPrefix(words, "line ")); err == nil {
			line, message = n, rest
		}
	}
	r.fail(line, "no YAML near here: %s", message)
}

// tokenName is what a token may be called: it stands in paths of the socket.
var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// token reads one entry of the list and appends it to the file.
func (r *reader) token(file *File, node *yaml.Node) {
	m := r.mapping(node, "a token")
	kind := m.need("kind")
	s := Spec{Kind: api.Kind(r.text(kind, "kind"))}
	switch s.Kind {
	case api.YubiKey:
		m.what = "a yubikey"
		r.common(&s, m)
		r.yubikey(&s, m)
	case api.Fob:
		m.what = "a fob"
		r.common(&s, m)
		r.fob(&s, m)
	default:
		if kind != nil {
			r.fail(kind.Line, "kind must be one of %s, %s", api.YubiKey, api.Fob)
		}
		return
	}
	m.end()
	for _, other := range file.Tokens {
		switch {
		case other.Name == s.Name:
			r.fail(m.line, "a second token called %q", s.Name)
		case other.Attach == s.Attach && (s.Kind == api.Fob || strings.HasPrefix(s.Attach, vpcdPrefix)):
			r.fail(m.line, "%q and %q are attached at the same place, %s", other.Name, s.Name, s.Attach)
		case other.State == s.State && s.State != "":
			r.fail(m.line, "%q and %q have the same state file, %s", other.Name, s.Name, s.State)
		}
	}
	file.Tokens = append(file.Tokens, s)
}

// common reads what every token has.
func (r *reader) common(s *Spec, m *mapping) {
	if n := m.need("name"); n != nil {
		if s.Name = r.text(n, "name"); !tokenName.MatchString(s.Name) {
			r.fail(n.Line, "name must be up to 64 letters, digits, dots, dashes and underscores")
		}
	}
	if n := m.take("state"); n != nil {
		if s.State = r.path(r.text(n, "state")); s.State == "" {
			r.fail(n.Line, "state is empty")
		}
	}
}

// path makes p absolute, from the bench file's folder; "" stays "".
func (r *reader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	p = filepath.Join(filepath.Dir(r.file), p)
	if abs, err := filepath.Abs(p); err == nil {
		return abs
	}
	return p // the working folder is gone; a path from it fails later, by name
}

// secret reads Base32 (RFC 4648, 6) as people have it: in either case, with or
// without padding, in groups with spaces between them.
func (r *reader) secret(node *yaml.Node, what string, low, high int) Secret {
	if node == nil {
		return nil
	}
	words := strings.Fields(r.text(node, what))
	plain := strings.TrimRight(strings.ToUpper(strings.Join(words, "")), "=")
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(plain)
	if err != nil || len(b) < low || len(b) > high {
		r.fail(node.Line, "%s must be Base32 of %d to %d bytes", what, low, high)
		return nil
	}
	return b
}
