package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// contents reads a tree from a key on.
func contents(t *tree[int], at string) (keys []string, values []int) {
	for k, v := range t.from(at) {
		keys, values = append(keys, k), append(values, v)
	}
	return keys, values
}

// TestATreeIsASortedMap holds trees against maps, while older copies stay as
// they were.
func TestATreeIsASortedMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var now tree[int]
	want := map[string]int{}
	type copied struct {
		tree tree[int]
		want map[string]int
	}
	var older []copied
	check := func(c copied) {
		t.Helper()
		at := fmt.Sprintf("%04d", random.IntN(1200))
		keys := slices.DeleteFunc(slices.Sorted(maps.Keys(c.want)), func(k string) bool { return k < at })
		gotKeys, gotValues := contents(&c.tree, at)
		if !slices.Equal(gotKeys, keys) || c.tree.size != len(c.want) {
			t.Fatalf("from %s: %d of %d keys, want %d of %d", at, len(gotKeys), c.tree.size, len(keys), len(c.want))
		}
		for i, k := range gotKeys {
			if got, ok := c.tree.get(k); !ok || got != c.want[k] || gotValues[i] != c.want[k] {
				t.Fatalf("%s is %d and %d, want %d", k, got, gotValues[i], c.want[k])
			}
		}
		if _, ok := c.tree.get("absent"); ok {
			t.Fatal("what was never put is there")
		}
	}
	for round := range 60 {
		now = now.fork(&owner{})
		shrinking := round >= 30
		for range 200 {
			key := fmt.Sprintf("%04d", random.IntN(1000))
			if random.IntN(4) == 0 != shrinking {
				now.remove(key)
				delete(want, key)
			} else {
				v := random.Int()
				now.put(key, v)
				want[key] = v
			}
		}
		check(copied{now, want})
		older = append(older, copied{now, maps.Clone(want)})
	}
	for _, c := range older {
		check(c)
	}
	for key := range maps.Clone(want) {
		now.remove(key)
	}
	if keys, _ := contents(&now, ""); len(keys) != 0 || now.size != 0 || now.root != nil {
		t.Errorf("%d keys are left of an emptied tree", len(keys))
	}
}
