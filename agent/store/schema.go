package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"time"
)

// schemaVersion is what user_version and the meta row say. Both stay where
// they are in every version, so that an older agent can tell a newer file from
// a damaged one.
const schemaVersion = 2

// firstVersion is the oldest that is still read: it has no anchors,
// tickets, sealed texts, attestations and rotations.
const firstVersion = 1

// A table lists the columns of a table, those of its primary key first. Every
// value is an int64 or a string.
type table struct {
	name    string
	keys    int
	columns []string
}

var (
	devices  = table{"devices", 1, []string{"device", "known", "low", "high", "last_pair", "floor", "fresh"}}
	counters = table{"counters", 2, []string{"fence", "counter", "device", "token", "credential", "state", "purpose", "window", "time"}}
	attempts = table{"attempts", 2, []string{"device", "window", "count"}}
	bindings = table{"bindings", 1, []string{"id", "device", "token", "credential", "emulated", "bound"}}
	drifts   = table{"drifts", 3, []string{"device", "token", "time", "offset"}}
	anchors  = table{"anchors", 1, []string{"log", "count", "head"}}
	tickets  = table{"tickets", 1, []string{"id", "name", "digest", "profiles", "issued", "expires"}}
	sealed   = table{"sealed", 2, []string{"kind", "name", "until", "box"}}
	attested = table{"attestations", 1, []string{"binding", "slot", "key", "emulated"}}
	// rotations are the journals of access keys that are being replaced.
	rotations = table{"rotations", 2, []string{"profile", "endpoint", "old", "next", "begun"}}
)

// tables are all that the digest covers in a file of a version; the meta row
// has its own seal.
func tables(version int64) []table {
	list := []table{devices, counters, attempts, bindings, drifts}
	if version > firstVersion {
		list = append(list, anchors, tickets, sealed, attested, rotations)
	}
	return list
}

// addedSchema is what the second version has more than the first.
func addedSchema() []string {
	return []string{
		`CREATE TABLE anchors (log TEXT PRIMARY KEY, count INTEGER NOT NULL, head TEXT NOT NULL) STRICT`,
		`CREATE TABLE tickets (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, profiles TEXT NOT NULL, issued INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT`,
		`CREATE TABLE sealed (kind TEXT NOT NULL, name TEXT NOT NULL, until INTEGER NOT NULL, box TEXT NOT NULL, PRIMARY KEY (kind, name)) STRICT`,
		`CREATE TABLE attestations (binding TEXT PRIMARY KEY, slot TEXT NOT NULL, key TEXT NOT NULL, emulated INTEGER NOT NULL) STRICT`,
		`CREATE TABLE rotations (profile TEXT NOT NULL, endpoint TEXT NOT NULL, old TEXT NOT NULL, next TEXT NOT NULL, begun INTEGER NOT NULL, PRIMARY KEY (profile, endpoint)) STRICT`,
	}
}

// schema is the content of a file of a version but for its rows. The unique
// indexes hold by themselves what the ledger promises: no counter twice for a
// device, none twice for a credential.
func schema(version int64) []string {
	list := []string{
		`CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, instance TEXT NOT NULL, generation INTEGER NOT NULL, reach INTEGER NOT NULL, closed TEXT NOT NULL, reason TEXT NOT NULL, closed_at INTEGER NOT NULL, closed_until INTEGER NOT NULL, sum TEXT NOT NULL, seal TEXT NOT NULL) STRICT`,
		`CREATE TABLE devices (device TEXT PRIMARY KEY, known INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, last_pair INTEGER NOT NULL, floor INTEGER NOT NULL, fresh INTEGER NOT NULL) STRICT`,
		`CREATE TABLE counters (fence INTEGER NOT NULL, counter INTEGER NOT NULL, device TEXT NOT NULL, token TEXT NOT NULL, credential TEXT NOT NULL, state TEXT NOT NULL, purpose TEXT NOT NULL, window INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (fence, counter)) STRICT`,
		`CREATE UNIQUE INDEX counters_of_device ON counters (device, counter) WHERE device <> ''`,
		`CREATE UNIQUE INDEX counters_of_credential ON counters (token, credential, counter)`,
		`CREATE TABLE attempts (device TEXT NOT NULL, window INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (device, window)) STRICT`,
		`CREATE TABLE bindings (id TEXT PRIMARY KEY, device TEXT NOT NULL UNIQUE, token TEXT NOT NULL, credential TEXT NOT NULL, emulated INTEGER NOT NULL, bound INTEGER NOT NULL, UNIQUE (token, credential)) STRICT`,
		`CREATE TABLE drifts (device TEXT NOT NULL, token TEXT NOT NULL, time INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (device, token, time)) STRICT`,
	}
	if version > firstVersion {
		list = append(list, addedSchema()...)
	}
	return list
}

const instanceBytes = 16

// meta is the one row that tells of the file itself.
type meta struct {
	version  int64
	instance string
	// generation counts transactions; each has its own, which is also the
	// fence of the reservation made in it.
	generation int64
	reach      time.Time
	closure    Closure
	sum        sum
}

// newMeta begins a ledger.
func newMeta(c Closure, reach time.Time) meta {
	id := make([]byte, instanceBytes)
	rand.Read(id)
	return meta{version: schemaVersion, instance: hex.EncodeToString(id), reach: reach, closure: c}
}

func (m meta) witness() witness {
	return witness{instance: m.instance, generation: m.generation, reach: m.reach}
}

// values are the row's columns between id and seal.
func (m meta) values() []any {
	return []any{m.version, m.instance, m.generation, m.reach.Unix(), string(m.closure.Kind), m.closure.Reason,
		m.closure.At.UnixMilli(), m.closure.Until.Unix(), m.sum.String()}
}

// seal is the digest of the row, and by its sum of all rows.
func (m meta) seal() string {
	h := hashRow("meta", m.values())
	return hex.EncodeToString(h[:])
}

// queryer is what reading needs of a connection.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readMeta(ctx context.Context, q queryer) (meta, error) {
	var m meta
	var kind, total, seal string
	var reach, at, until int64
	err := q.QueryRowContext(ctx, `SELECT version, instance, generation, reach, closed, reason, closed_at, closed_until, sum, seal FROM meta WHERE id = 1`).
		Scan(&m.version, &m.instance, &m.generation, &reach, &kind, &m.closure.Reason, &at, &until, &total, &seal)
	if err != nil {
		return meta{}, fmt.Errorf("read state file: %w", err)
	}
	m.reach = time.Unix(reach, 0).UTC()
	m.closure.Kind = Kind(kind)
	m.closure.At = time.UnixMilli(at).UTC()
	m.closure.Until = time.Unix(until, 0).UTC()
	b, err := hex.DecodeString(total)
	if err != nil || len(b) != len(m.sum) {
		return meta{}, damaged("the digest is no digest")
	}
	copy(m.sum[:], b)
	if m.seal() != seal {
		return meta{}, damaged("the meta row is not what was written")
	}
	return m, nil
}

// A sum is the digest of a multiset of rows: the sum of their SHA-256 values
// modulo 2^256, so that a row can be added and taken away without reading the
// others. It finds damage; it is no protection against someone who may write
// the file.
type sum [sha256.Size]byte

func (s sum) String() string { return hex.EncodeToString(s[:]) }

func (s sum) plus(row sum) sum  { return s.fold(row, bits.Add64) }
func (s sum) minus(row sum) sum { return s.fold(row, bits.Sub64) }

func (s sum) fold(row sum, op func(x, y, carry uint64) (uint64, uint64)) sum {
	var carry, word uint64
	for i := len(s) - 8; i >= 0; i -= 8 {
		word, carry = op(binary.BigEndian.Uint64(s[i:]), binary.BigEndian.Uint64(row[i:]), carry)
		binary.BigEndian.PutUint64(s[i:], word)
	}
	return s
}

// hashRow hashes a row unambiguously: each value with its kind and length.
func hashRow(name string, values []any) sum {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(name)))
	b = append(b, name...)
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
		case string:
			b = binary.BigEndian.AppendUint64(append(b, 's'), uint64(len(v)))
			b = append(b, v...)
		}
	}
	return sha256.Sum256(b)
}
