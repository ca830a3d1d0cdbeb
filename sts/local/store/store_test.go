package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts/local/mfa"
)

// A memoryJournal keeps rows in a map.
type memoryJournal struct {
	rows   map[string][]byte
	fail   error
	closed bool
}

func newJournal() *memoryJournal { return &memoryJournal{rows: map[string][]byte{}} }

func (j *memoryJournal) Load(yield func(Change) error) error {
	for name, value := range j.rows {
		kind, key, _ := strings.Cut(name, "\x00")
		if err := yield(Change{Kind: kind, Key: key, Value: value}); err != nil {
			return err
		}
	}
	return nil
}

func (j *memoryJournal) Commit(_ context.Context, changes []Change) error {
	if j.fail != nil {
		return j.fail
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(j.rows, c.Kind+"\x00"+c.Key)
		} else {
			j.rows[c.Kind+"\x00"+c.Key] = c.Value
		}
	}
	return nil
}

func (j *memoryJournal) Close() error {
	j.closed = true
	return nil
}

func open(t *testing.T, j Journal) *Store {
	t.Helper()
	s, err := Open(j)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func update(t *testing.T, s *Store, f func(*Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func names(users []User) string {
	var all []string
	for _, u := range users {
		all = append(all, u.Name)
	}
	return strings.Join(all, " ")
}

// seen tells what is in the store, for comparing.
func seen(s *Store) (text string) {
	_ = s.View(func(tx *Tx) error {
		_, named := tx.UserNamed("1", "CAROL")
		b, _ := json.Marshal([]any{tx.Users.All(), tx.UsersOf("1"), tx.UsersOf("2"), named, tx.Devices.All(), tx.DevicesOwnedBy("a"), tx.Spent.All()})
		text = string(b)
		return nil
	})
	return text
}

func TestIndexesFollowTheirRecords(t *testing.T) {
	s := open(t, nil)
	update(t, s, func(tx *Tx) error {
		for _, u := range []User{{ID: "b", Account: "1", Name: "Bob"}, {ID: "a", Account: "1", Name: "Carol"}, {ID: "c", Account: "2", Name: "carol"}} {
			tx.Users.Put(u)
		}
		return nil
	})
	check := func(step, ofOne, ofTwo, carol string) {
		t.Helper()
		_ = s.View(func(tx *Tx) error {
			got, _ := tx.UserNamed("1", "cArOl")
			if names(tx.UsersOf("1")) != ofOne || names(tx.UsersOf("2")) != ofTwo || got.ID != carol {
				t.Errorf("%s: %q, %q, %q", step, names(tx.UsersOf("1")), names(tx.UsersOf("2")), got.ID)
			}
			return nil
		})
	}
	check("put", "Carol Bob", "carol", "a")
	update(t, s, func(tx *Tx) error {
		tx.Users.Put(User{ID: "a", Account: "2", Name: "Caroline"})
		return nil
	})
	check("moved", "Bob", "Caroline carol", "")
	update(t, s, func(tx *Tx) error {
		tx.Users.Delete("c")
		tx.Users.Delete("nobody")
		return nil
	})
	check("deleted", "Bob", "Caroline", "")
}

func TestAnUpdateIsAllOrNothing(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		journal *memoryJournal
		fail    func(*memoryJournal) error
	}{
		"in memory":         {nil, func(*memoryJournal) error { return refused }},
		"with a journal":    {newJournal(), func(*memoryJournal) error { return refused }},
		"the journal fails": {newJournal(), func(j *memoryJournal) error { j.fail = refused; return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			var j Journal
			if c.journal != nil {
				j = c.journal
			}
			s := open(t, j)
			update(t, s, func(tx *Tx) error {
				tx.Users.Put(User{ID: "a", Account: "1", Name: "Carol"})
				tx.Devices.Put(Device{Serial: "d", Owner: "a"})
				return nil
			})
			before := seen(s)
			var kept map[string][]byte
			if c.journal != nil {
				kept = maps.Clone(c.journal.rows)
			}
			err := s.Update(t.Context(), func(tx *Tx) error {
				tx.Users.Put(User{ID: "a", Account: "2", Name: "Other"})
				tx.Users.Put(User{ID: "b", Account: "1", Name: "Bob"})
				tx.Users.Delete("a")
				tx.Devices.Put(Device{Serial: "d", Owner: "b"})
				tx.Devices.Delete("d")
				tx.Spent.Put(Spent{Seed: "s", Counters: mfa.Spent{1}})
				return c.fail(c.journal)
			})
			if !errors.Is(err, refused) {
				t.Errorf("got %v", err)
			}
			if got := seen(s); got != before {
				t.Errorf("got %s, want %s", got, before)
			}
			if c.journal != nil && !reflect.DeepEqual(c.journal.rows, kept) {
				t.Error("the journal has changes")
			}
		})
	}
}

func TestAPanicLeavesNothing(t *testing.T) {
	s := open(t, nil)
	before := seen(s)
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(t.Context(), func(tx *Tx) error {
			tx.Users.Put(User{ID: "a", Account: "1", Name: "Carol"})
			panic("in an operation")
		})
	}()
	if got := seen(s); got != before {
		t.Errorf("got %s", got)
	}
	update(t, s, func(*Tx) error { return nil }) // and the store goes on
}

func TestAReaderWritesNothing(t *testing.T) {
	s := open(t, nil)
	before := seen(s)
	if err := s.View(func(tx *Tx) error {
		tx.Users.Put(User{ID: "a", Account: "1", Name: "Carol"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := seen(s); got != before {
		t.Errorf("got %s", got)
	}
}

// TestEveryKindIsKept puts one record of each kind through a journal.
func TestEveryKindIsKept(t *testing.T) {
	at := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	j := newJournal()
	s := open(t, j)
	fill := func(tx *Tx) error {
		tx.Accounts.Put(Account{ID: "1", Partition: "aws", Alias: "x", Created: at})
		tx.Users.Put(User{ID: "u", Account: "1", Name: "n", Groups: []string{"g"}, Grants: Grants{Inline: []InlinePolicy{{"p", "{}"}}, Attached: []string{"a"}}})
		tx.Groups.Put(Group{ID: "g", Account: "1", Name: "n", Grants: Grants{Attached: []string{"a"}}})
		tx.Roles.Put(Role{ID: "r", Account: "1", Name: "n", MaxSession: 3600})
		tx.Policies.Put(Policy{ARN: "arn", Document: "{}"})
		tx.Reports.Put(Report{Account: "1", Generated: at, Content: "user"})
		tx.AccessKeys.Put(AccessKey{ID: "AKIA", Secret: "s", User: "u"})
		tx.Devices.Put(Device{Serial: "d", Owner: "u", Enabled: at, Seed: "JBSWY3DP", Clock: mfa.Device{Adjustment: -3, LastPair: 9}, Views: []View{{Owner: "u"}}})
		tx.Spent.Put(Spent{Seed: "s", Counters: mfa.Spent{1, 2}})
		tx.Budgets.Put(Budget{Serial: "d", Budget: mfa.Budget{Window: 5, Taken: 9}})
		tx.Buckets.Put(Bucket{Name: "b", MFADelete: true})
		tx.Objects.Put(Object{Bucket: "b", Key: "k", Sequence: 2, Version: "v", Parts: []Part{{"blob", 3}},
			Content: Content{Meta: map[string]string{"a": "b"}}, Checksum: Checksum{Algorithm: "crc32", Value: "AAAAAA=="}})
		tx.Uploads.Put(Upload{ID: "up", Bucket: "b", Key: "k", Initiated: at, FullObject: true})
		tx.UploadParts.Put(UploadPart{Upload: "up", Number: 7, Part: Part{"blob", 3}})
		key := SealingKey{Created: at}
		key.ID, key.Secret = 7, []byte("secret")
		tx.SealingKeys.Put(key)
		return nil
	}
	update(t, s, fill)
	kinds := s.shown.Load().all()
	if len(j.rows) != len(kinds) || len(kinds) != reflect.TypeFor[Tables]().NumField() {
		t.Errorf("%d kinds are kept, %d are told of", len(j.rows), len(kinds))
	}
	again := open(t, j)
	for i, table := range again.shown.Load().all() {
		if a, b := rowsOf(t, kinds[i]), rowsOf(t, table); a != b || a == "[]" {
			t.Errorf("%s: got %s, want %s", table.name(), b, a)
		}
	}
	if err := again.Close(); err != nil || !j.closed {
		t.Errorf("closing: %v", err)
	}
}

func rowsOf(t *testing.T, r records) string {
	t.Helper()
	rows := reflect.ValueOf(r).MethodByName("All").Call(nil)[0].Interface()
	b, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAJournalOfSomethingElseIsRefused(t *testing.T) {
	for name, row := range map[string][2]string{
		"unknown kind": {"planet\x00earth", "{}"},
		"not JSON":     {"user\x00a", "{"},
		"another key":  {"user\x00a", `{"id":"b"}`},
	} {
		j := newJournal()
		j.rows[row[0]] = []byte(row[1])
		if _, err := Open(j); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
