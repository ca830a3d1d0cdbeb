package devices

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Digits are the digits of a code. They redact themselves wherever they are
// printed, logged or encoded; Reveal gives them to the one caller that hands
// them on. Package fmt doesn't ask the methods of unexported struct fields, nor
// any method under %p and %w: a struct keeps digits in an exported field, and go
// vet refuses the two verbs for a string.
type Digits string

// Reveal returns the digits themselves.
func (d Digits) Reveal() string { return string(d) }

// String redacts.
func (Digits) String() string { return redacted }

// GoString redacts.
func (Digits) GoString() string { return redacted }

// Format redacts under every verb.
func (Digits) Format(s fmt.State, _ rune) { fmt.Fprint(s, redacted) }

// LogValue redacts.
func (Digits) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts, for JSON and everything else that encodes text.
func (Digits) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary redacts, for gob and CBOR.
func (Digits) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }

// A Secret is a credential's key. It redacts itself as [Digits] do.
type Secret []byte

// Reveal returns the key itself, not a copy.
func (s Secret) Reveal() []byte { return s }

// Clear overwrites the key, as far as Go lets a program promise that.
func (s Secret) Clear() { clear(s) }

// String redacts.
func (Secret) String() string { return redacted }

// GoString redacts.
func (Secret) GoString() string { return redacted }

// Format redacts under every verb.
func (Secret) Format(s fmt.State, _ rune) { fmt.Fprint(s, redacted) }

// LogValue redacts.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary redacts.
func (Secret) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }
