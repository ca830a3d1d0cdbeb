package store

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOrderAgainstSorting: whatever is put, deleted and rolled back, a bucket
// lists as if all its keys had been sorted.
func TestOrderAgainstSorting(t *testing.T) {
	s, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "b", "/", "\x00", "\x01", "é", "\xff"}
	key := func() string {
		text := ""
		for range 1 + random.IntN(4) {
			text += alphabet[random.IntN(len(alphabet))]
		}
		return text
	}
	model := map[string]Object{}
	for round := range 400 {
		changed := map[string]*Object{}
		failed := random.IntN(4) == 0
		err := s.Update(t.Context(), func(tx *Tx) error {
			for range 20 {
				o := Object{Bucket: []string{"b", "bucket"}[random.IntN(2)], Key: key(), Sequence: uint64(random.IntN(3))}
				if random.IntN(3) == 0 {
					tx.RemoveObject(o)
					changed[o.id()] = nil
				} else {
					tx.Objects.Put(o)
					changed[o.id()] = &o
				}
			}
			if failed {
				return errors.New("no")
			}
			return nil
		})
		if failed != (err != nil) {
			t.Fatal(err)
		}
		if !failed {
			for id, o := range changed {
				if delete(model, id); o != nil {
					model[id] = *o
				}
			}
		}
		if round%40 == 0 {
			compareOrder(t, s, model, key())
		}
	}
	compareOrder(t, s, model, "")
}

func compareOrder(t *testing.T, s *Store, model map[string]Object, from string) {
	t.Helper()
	for _, bucket := range []string{"b", "bucket", "c"} {
		var want, got []string
		var rows []Object
		for _, o := range model {
			if o.Bucket == bucket && o.Key >= from {
				rows = append(rows, o)
			}
		}
		slices.SortFunc(rows, func(a, b Object) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(b.Sequence, a.Sequence))
		})
		for _, o := range rows {
			want = append(want, fmt.Sprintf("%q %d", o.Key, o.Sequence))
		}
		_ = s.View(func(tx *Tx) error {
			for o := range tx.VersionsFrom(bucket, from) {
				got = append(got, fmt.Sprintf("%q %d", o.Key, o.Sequence))
			}
			return nil
		})
		if !slices.Equal(got, want) {
			t.Fatalf("%s from %q:\ngot  %v\nwant %v", bucket, from, got, want)
		}
	}
}
