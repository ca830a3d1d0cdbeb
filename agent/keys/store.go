// Package keys keeps long-term access keys in the agent's own store, sealed
// with age (C2SP age.md), and replaces an access key by a new one, step by
// step, so that a crash at any of them leaves a usable key ([Rotation]).
//
// The store is a folder: an age identity that is itself sealed, by a passphrase
// or by a key of the Secret Service, and a file for each profile's key,
// encrypted to it. The identity is unsealed once for a run of the agent. A kernel keyring's key
// is no key for it: the access keys would be lost when the computer restarts.
package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/sts"
)

// Names within the store's folder.
const (
	byPassphrase = "identity.age"
	bySystem     = "identity.sealed"
	keyEnding    = ".key.age"
)

// sealedIdentity is what the identity is sealed as.
const sealedIdentity = "identity of the key store"

// maxFile bounds each file, in bytes; maxPassphrase a passphrase.
const (
	maxFile       = 256 << 10
	maxPassphrase = 1024
)

// Errors of the store.
var (
	// ErrLocked says that the store wants its passphrase, or that the Secret
	// Service, which has its key, isn't to be had.
	ErrLocked = errors.New("the key store is locked")
	// ErrPassphrase says that the passphrase isn't the store's.
	ErrPassphrase = errors.New("that isn't the key store's passphrase")
	// ErrNoSeal says that a new store needs a passphrase: the system offers no
	// key that outlives a restart.
	ErrNoSeal = errors.New("a new key store needs a passphrase, as there is no Secret Service")
	// ErrNoKeys says that the store doesn't have the profile's keys.
	ErrNoKeys = errors.New("the key store doesn't have the profile's keys")
)

// A Kind is what seals the store.
type Kind string

// The kinds.
const (
	None       Kind = ""
	Passphrase Kind = "passphrase"
	System     Kind = "secret-service"
)

// An Entry is the access key of one profile.
type Entry struct {
	AccessKeyID string
	Imported    time.Time
}

// A record is an entry as it is encrypted.
type record struct {
	Profile    string
	ID, Secret string
	Imported   time.Time
	// NextID and NextSecret are the key that a rotation is about to put in
	// this one's place.
	NextID, NextSecret string
}

// A Store is the agent's store of long-term keys. Its methods may be called
// from any goroutine.
type Store struct {
	dir    string
	sealer *seal.Sealer
	work   int

	mu       sync.Mutex
	kind     Kind
	identity *age.X25519Identity // nil while locked
	// files are the names of the keys' files, records what they hold; none
	// while locked.
	files   map[string]bool
	records map[string]record
}

// scryptWork is age's own work factor for passphrases (age.md, scrypt
// recipient): about a second.
const scryptWork = 18

// Open opens the store of a folder, which need not be there. A store that the
// Secret Service seals is unlocked where sealer is of it; one with a passphrase
// waits for [Store.Unlock].
func Open(dir string, sealer *seal.Sealer) (*Store, error) {
	s := &Store{dir: dir, work: scryptWork, files: map[string]bool{}, records: map[string]record{}}
	if sealer.Place() == seal.SecretService {
		s.sealer = sealer
	}
	for name, kind := range map[string]Kind{byPassphrase: Passphrase, bySystem: System} {
		switch _, err := os.Lstat(filepath.Join(dir, name)); {
		case err == nil && s.kind != None:
			return nil, fmt.Errorf("key store %s has two identities; remove the one that isn't its own", dir)
		case err == nil:
			s.kind = kind
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("key store: %w", err)
		}
	}
	if err := s.look(); err != nil {
		return nil, fmt.Errorf("key store: %w", err)
	}
	if s.kind != System {
		return s, nil
	}
	if err := s.unlockBySystem(); err != nil && !errors.Is(err, ErrLocked) {
		return nil, err
	}
	return s, nil
}

// State says what seals the store, and whether it is locked.
func (s *Store) State() (Kind, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind, s.kind != None && s.identity == nil
}

// BySystem reports whether the Secret Service is there to seal a new store.
func (s *Store) BySystem() bool { return s.sealer != nil }

func (s *Store) unlockBySystem() error {
	box, err := s.read(bySystem)
	if err != nil {
		return err
	}
	text, err := s.sealer.Open(sealedIdentity, box)
	if errors.Is(err, seal.ErrNone) || errors.Is(err, seal.ErrOtherKey) {
		return fmt.Errorf("%w: the Secret Service's key for it isn't to be had", ErrLocked)
	}
	if err != nil {
		return fmt.Errorf("key store's identity: %w", err)
	}
	return s.take(text)
}

// Unlock unseals a store that has a passphrase: ErrPassphrase where it is
// another. On a store without one it does nothing.
func (s *Store) Unlock(passphrase string) error {
	if kind, locked := s.State(); kind != Passphrase || !locked {
		return nil
	}
	box, err := s.read(byPassphrase)
	if err != nil {
		return err
	}
	if passphrase == "" || len(passphrase) > maxPassphrase {
		return ErrPassphrase
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return ErrPassphrase
	}
	id.SetMaxWorkFactor(scryptWork)
	text, err := decrypt(box, id)
	if incorrect := new(age.NoIdentityMatchError); errors.As(err, &incorrect) {
		return ErrPassphrase
	}
	if err != nil {
		return fmt.Errorf("key store's identity: %w", err)
	}
	return s.take(text)
}

// Lock forgets what was unsealed.
func (s *Store) Lock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity, s.records = nil, map[string]record{}
}

// take takes up an identity and reads the keys with it.
func (s *Store) take(text []byte) error {
	identity, err := age.ParseX25519Identity(string(text))
	if err != nil {
		return errors.New("key store's identity is no age identity")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.identity != nil {
		return nil // another was quicker, and keys may have come since
	}
	records := map[string]record{}
	for name := range s.files {
		r, err := s.load(name, identity)
		if err != nil {
			return err
		}
		records[r.Profile] = r
	}
	s.identity, s.records = identity, records
	return nil
}

// look notes which keys there are.
func (s *Store) look() error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), keyEnding) && !strings.HasPrefix(e.Name(), ".") {
			s.files[e.Name()] = true
		}
	}
	return err
}

// fileOf is the name of a profile's file, which a profile's own name may be too
// long for.
func fileOf(profile string) string {
	sum := sha256.Sum256([]byte(profile))
	return hex.EncodeToString(sum[:16]) + keyEnding
}

// load reads a key from the disk.
func (s *Store) load(name string, identity *age.X25519Identity) (record, error) {
	box, err := s.read(name)
	if err != nil {
		return record{}, fmt.Errorf("key store: %w", err)
	}
	text, err := decrypt(box, identity)
	if err != nil {
		return record{}, fmt.Errorf("key store %s: %w", filepath.Join(s.dir, name), err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil || fileOf(r.Profile) != name || r.ID == "" || r.Secret == "" {
		return record{}, fmt.Errorf("key store %s isn't what was written", filepath.Join(s.dir, name))
	}
	return r, nil
}

// Create begins a store where there is none: sealed by the Secret Service where
// that is to be had and no passphrase is given, else by the passphrase.
func (s *Store) Create(passphrase string) error {
	if kind, _ := s.State(); kind != None {
		return nil
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("key store's identity: %w", err)
	}
	kind, name, box := System, bySystem, []byte(nil)
	switch {
	case passphrase != "" && len(passphrase) <= maxPassphrase:
		kind, name = Passphrase, byPassphrase
		box, err = s.byScrypt(passphrase, identity)
	case s.sealer != nil && passphrase == "":
		box, err = s.sealer.Seal(sealedIdentity, []byte(identity.String()))
	default:
		return ErrNoSeal
	}
	if err == nil {
		err = s.write(name, box)
	}
	if err != nil {
		return fmt.Errorf("key store's identity: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind, s.identity, s.records = kind, identity, map[string]record{}
	return nil
}

func (s *Store) byScrypt(passphrase string, identity *age.X25519Identity) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(s.work)
	return encrypt([]byte(identity.String()), recipient)
}

// Keys returns a profile's keys: ErrNoKeys where the store doesn't have them,
// ErrLocked where nobody can tell.
func (s *Store) Keys(profile string) (sts.Keys, error) {
	r, err := s.record(profile)
	if err != nil {
		return sts.Keys{}, err
	}
	return sts.Keys{AccessKeyID: r.ID, SecretAccessKey: sts.Secret(r.Secret)}, nil
}

func (s *Store) record(profile string) (record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.files[fileOf(profile)] {
		return record{}, ErrNoKeys
	}
	if s.identity == nil {
		return record{}, ErrLocked
	}
	return s.records[profile], nil
}

// List returns what the store has, by profile; ErrLocked where it can't tell.
func (s *Store) List() (map[string]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind != None && s.identity == nil {
		return nil, ErrLocked
	}
	list := map[string]Entry{}
	for profile, r := range s.records {
		list[profile] = Entry{AccessKeyID: r.ID, Imported: r.Imported}
	}
	return list, nil
}

// Put keeps a profile's keys in place of those it had, and reads them back from
// the disk.
func (s *Store) Put(profile string, k sts.Keys, now time.Time) error {
	return s.save(record{Profile: profile, ID: k.AccessKeyID, Secret: k.SecretAccessKey.Reveal(), Imported: now.UTC()})
}

// save writes a record and reads it back: what isn't on the disk as it was meant
// isn't in the store.
func (s *Store) save(r record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.identity == nil {
		return ErrLocked
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("key store: %w", err)
	}
	name := fileOf(r.Profile)
	box, err := encrypt(text, s.identity.Recipient())
	if err == nil {
		err = s.write(name, box)
	}
	if err != nil {
		return fmt.Errorf("key store: %w", err)
	}
	back, err := s.load(name, s.identity)
	if err != nil {
		return err
	}
	s.files[name], s.records[r.Profile] = true, back
	if again, err := json.Marshal(back); err != nil || !bytes.Equal(again, text) {
		return errors.New("key store: what was read back isn't what was written")
	}
	return nil
}

func encrypt(text []byte, to age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func decrypt(box []byte, id age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(box), id)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxFile))
}
