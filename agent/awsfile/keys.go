package awsfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Keys are a long-term access key as it stands in a section.
type Keys struct {
	ID, Secret string
}

// The settings that hold keys.
const (
	keyID     = "aws_access_key_id"
	keySecret = "aws_secret_access_key"
)

// ErrNoKeys says that a section, if it is there, holds no pair of keys.
var ErrNoKeys = errors.New("no access key stands in the profile's section")

// ErrTwice says that a setting of a pair stands there more than once: which of
// them counts is better settled by a person.
var ErrTwice = errors.New("the access key stands there more than once")

// ErrChanged says that another program wrote the file in the meantime.
var ErrChanged = errors.New("the file was changed by another program; ask again")

// ErrUnwritable says that the file can't be replaced where it is.
var ErrUnwritable = errors.New("the AWS file can't be written")

// pair finds the lines of a section's keys, which stand there once each.
func (f *File) pair(section string) (id, secret int, err error) {
	at := [2]int{-1, -1}
	for i, key := range []string{keyID, keySecret} {
		for line := range f.settings(section, key) {
			if at[i] >= 0 {
				return 0, 0, ErrTwice
			}
			at[i] = line
		}
	}
	if at[0] < 0 || at[1] < 0 {
		return 0, 0, ErrNoKeys
	}
	return at[0], at[1], nil
}

// Keys returns a section's keys: ErrNoKeys where there are none, ErrTwice where
// it isn't clear which.
func (f *File) Keys(section string) (Keys, error) {
	id, secret, err := f.pair(section)
	if err != nil {
		return Keys{}, err
	}
	var k Keys
	_, k.ID, _ = setting(f.lines[id])
	_, k.Secret, _ = setting(f.lines[secret])
	return k, nil
}

// RemoveKeys takes a section's keys away.
func (f *File) RemoveKeys(section string) error {
	if _, _, err := f.pair(section); err != nil {
		return err
	}
	f.Remove(section, keyID)
	f.Remove(section, keySecret)
	return nil
}

// ReplaceKeys writes other keys where a section's stand; what else is in their
// lines stays.
func (f *File) ReplaceKeys(section string, k Keys) error {
	id, secret, err := f.pair(section)
	if err != nil {
		return err
	}
	f.lines[id] = withValue(f.lines[id], k.ID)
	f.lines[secret] = withValue(f.lines[secret], k.Secret)
	return nil
}

// withValue is a line with another value.
func withValue(line, value string) string {
	_, old, _ := setting(line)
	at := strings.IndexAny(line, "=:") + 1
	at += len(line[at:]) - len(strings.TrimLeft(line[at:], " \t"))
	return line[:at] + value + line[at+len(old):]
}

// next is the section in which the next key of a section stands until it is
// proved.
func next(section string) string { return section + ".fob-next" }

// block is the section of a next key as it is written: it begins with the end of
// a line, which the one before it may lack.
func block(section string, k Keys) []byte {
	return fmt.Appendf(nil, "\n# the next access key of [%s], by fob keys rotate\n[%s]\n%s = %s\n%s = %s\n",
		section, next(section), keyID, k.ID, keySecret, k.Secret)
}

// NextKeys returns the keys that SetNextKeys added: ErrNoKeys where there are
// none.
func (f *File) NextKeys(section string) (Keys, error) { return f.Keys(next(section)) }

// SetNextKeys adds the keys that are to take a section's place, in a section of
// their own at the end.
func (f *File) SetNextKeys(section string, k Keys) error {
	changed, err := Parse(append(f.Bytes(), block(section, k)...))
	if err != nil {
		return err
	}
	f.lines = changed.lines
	return nil
}

// SwapKeys writes the next keys in place of a section's, and takes the section
// of the next ones out, whole unless a person has written in it.
func (f *File) SwapKeys(section string) error {
	k, err := f.NextKeys(section)
	if err != nil {
		return err
	}
	if err := f.ReplaceKeys(section, k); err != nil {
		return err
	}
	whole := block(section, k)
	if bytes.Count(f.Bytes(), whole) != 1 {
		return f.RemoveKeys(next(section))
	}
	changed, err := Parse(bytes.Replace(f.Bytes(), whole, nil, 1))
	if err != nil {
		return err
	}
	f.lines = changed.lines
	return nil
}

// Change loads a file, has it changed and saves it, unless another program did
// so in the meantime. No copy of the old one is left.
func Change(path string, change func(*File) error) error {
	f, err := Load(path)
	if err != nil {
		return err
	}
	before := f.Bytes()
	if err := change(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	now, err := Load(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(now.Bytes(), before) {
		return fmt.Errorf("%s: %w", path, ErrChanged)
	}
	if err := Save(path, f.Bytes()); err != nil {
		return fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	return nil
}
