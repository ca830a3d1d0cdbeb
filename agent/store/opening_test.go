package store

import (
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	const mine, other = "00000000000000000000000000000001", "00000000000000000000000000000002"
	at := func(instance string, generation int64) sighting {
		return sighting{there: true, witness: witness{instance: instance, generation: generation}}
	}
	missing := sighting{}
	broken := sighting{there: true, err: damaged("noise")}
	none := finding{}
	good := finding{there: true, meta: meta{instance: mine, generation: 10}}
	bad := finding{there: true, damage: &damage{"noise"}}
	for _, c := range []struct {
		name string
		file finding
		a, b sighting
		want Kind
	}{
		{"first run", none, missing, missing, Fresh},
		{"file lost, both witnesses", none, at(mine, 10), at(mine, 10), Lost},
		{"folder lost", none, missing, at(mine, 10), Lost},
		{"file lost, damaged witness", none, broken, missing, Lost},
		{"file lost, damaged witness outside", none, missing, broken, Lost},
		{"clean", good, at(mine, 10), at(mine, 10), Clean},
		{"crash before the witnesses were written", good, at(mine, 9), at(mine, 9), Clean},
		{"crash between the witnesses", good, at(mine, 10), at(mine, 9), Clean},
		{"one witness lost", good, missing, at(mine, 10), Clean},
		{"one witness damaged", good, at(mine, 10), broken, Clean},
		{"file restored", good, at(mine, 11), at(mine, 11), RolledBack},
		{"folder restored", good, at(mine, 10), at(mine, 11), RolledBack},
		{"file of another ledger", good, at(other, 3), at(other, 3), RolledBack},
		{"folder of another ledger", good, at(mine, 10), at(other, 3), RolledBack},
		{"no witness", good, missing, missing, RolledBack},
		{"no good witness", good, broken, missing, RolledBack},
		{"damaged", bad, at(mine, 10), at(mine, 10), Damaged},
		{"damaged, no witness", bad, missing, missing, Damaged},
	} {
		kind, reason := judge(c.file, []sighting{c.a, c.b})
		if kind != c.want || (reason == "") != (kind == Fresh || kind == Clean) {
			t.Errorf("%s: %s (%s), want %s", c.name, kind, reason, c.want)
		}
	}
}

func TestClosure(t *testing.T) {
	now := noon().Add(7 * time.Second)
	step := uint64(noon().Unix() / 30)
	for _, c := range []struct {
		name   string
		reach  time.Time
		period time.Duration
		want   uint64
	}{
		{"nothing known", time.Time{}, Step, step + 2},
		{"an older code", noon(), Step, step + 2},
		{"a code further ahead", noon().Add(10 * Step), Step, step + 9},
		{"minute steps", time.Time{}, time.Minute, step/2 + 1},
		{"minute steps, whole", noon().Add(4 * time.Minute), time.Minute, step/2 + 3},
		{"no period", time.Time{}, 0, 0},
	} {
		closure := closedAt(Lost, "x", now, c.reach)
		if got := closure.Floor(c.period); got != c.want || !closure.Closed() {
			t.Errorf("%s: floor %d, want %d", c.name, got, c.want)
		}
	}
	if floor := (Closure{}).Floor(Step); floor != 0 {
		t.Errorf("nothing was lost: floor %d", floor)
	}
}

func FuzzWitness(f *testing.F) {
	good := witness{instance: strings.Repeat("0f", instanceBytes), generation: 42, reach: noon()}
	f.Add(good.encode())
	f.Add(witness{instance: strings.Repeat("0f", instanceBytes)}.encode())
	f.Add([]byte(strings.Replace(string(good.encode()), "42", "43", 1)))
	f.Add([]byte(strings.Replace(string(good.encode()), " 42", "  42", 1)))
	f.Add([]byte{})
	f.Add([]byte(witnessMagic + " x 1 2 3\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseWitness(b)
		if err == nil && string(w.encode()) != string(b) {
			t.Errorf("%q is read as %q", b, w.encode())
		}
	})
}

func TestWitnessComesBack(t *testing.T) {
	for _, want := range []witness{
		{instance: strings.Repeat("ab", instanceBytes), generation: 42, reach: noon()},
		{instance: strings.Repeat("00", instanceBytes), reach: time.Time{}.UTC()},
	} {
		got, err := parseWitness(want.encode())
		if err != nil || got != want {
			t.Errorf("wrote %+v, read %+v, %v", want, got, err)
		}
		// Every single flipped bit is found.
		b := want.encode()
		for i := range len(b) * 8 {
			b[i/8] ^= 1 << (i % 8)
			if w, err := parseWitness(b); err == nil {
				t.Errorf("bit %d flipped is read as %+v", i, w)
			}
			b[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestSumIsOfAMultiset(t *testing.T) {
	a, b := hashRow("t", []any{int64(1), "x"}), hashRow("t", []any{int64(-1), "y"})
	var zero sum
	switch {
	case zero.plus(a).plus(b) != zero.plus(b).plus(a):
		t.Error("the order matters")
	case zero.plus(a).plus(b).minus(a) != zero.plus(b):
		t.Error("taking away is not the reverse of adding")
	case zero.plus(a).plus(a) == zero || zero.plus(a).plus(a) == zero.plus(a):
		t.Error("a row twice is not told from once")
	case zero.minus(a).plus(a) != zero:
		t.Error("there is no way back through zero")
	}
	// Values can't run into each other, nor one table's row pass for another's.
	seen := map[sum]string{}
	for name, h := range map[string]sum{
		"a,bc": hashRow("t", []any{"a", "bc"}), "ab,c": hashRow("t", []any{"ab", "c"}), "abc": hashRow("t", []any{"abc"}),
		"number": hashRow("t", []any{int64(1), int64(2)}), "other table": hashRow("u", []any{int64(1), int64(2)}),
		"reversed": hashRow("t", []any{int64(2), int64(1)}), "text": hashRow("t", []any{"1", "2"}),
	} {
		if was, ok := seen[h]; ok {
			t.Errorf("%s and %s have one hash", was, name)
		}
		seen[h] = name
	}
}
