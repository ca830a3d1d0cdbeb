package mfa

import (
	"bytes"
	"encoding/base32"
	"reflect"
	"strings"
	"testing"
	"time"
)

// now is in the middle of a time step.
var now = time.Date(2026, 9, 1, 12, 0, 10, 0, time.UTC)

func testSeed(t *testing.T, name string) Seed {
	t.Helper()
	s, err := NewSeed(strings.NewReader(strings.Repeat(name, SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func codeOf(t *testing.T, s Seed, counter int64) string {
	t.Helper()
	code, err := s.code(counter)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestRFC6238 are the SHA-1 vectors of RFC 6238 appendix B, of which the last
// six digits are those of a six-digit code.
func TestRFC6238(t *testing.T) {
	seed := Seed(base32.StdEncoding.EncodeToString([]byte("12345678901234567890")))
	for _, v := range []struct {
		unix int64
		code string
	}{
		{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"},
		{1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
	} {
		at := time.Unix(v.unix, 0)
		verdict := Verify(seed, 0, nil, v.code, at)
		if verdict.Outcome != Accepted || verdict.Counter != Counter(at) {
			t.Errorf("%d: %+v", v.unix, verdict)
		}
	}
}

// TestWindow are the verification vectors of AWS: one fresh device each, and a
// second try of the same counter.
func TestWindow(t *testing.T) {
	seed := testSeed(t, "window")
	for _, adjustment := range []int64{0, -7, 300} {
		for offset := int64(-4); offset <= 4; offset++ {
			counter := Counter(now) + adjustment + offset
			code := codeOf(t, seed, counter)
			first := Verify(seed, adjustment, nil, code, now)
			want := Verdict{Outcome: Refused}
			if -Window <= offset && offset <= Window {
				want = Verdict{Outcome: Accepted, Counter: counter, Matches: []int64{counter}}
			}
			if !reflect.DeepEqual(first, want) {
				t.Errorf("adjustment %d, offset %d: got %+v, want %+v", adjustment, offset, first, want)
			}
			again := Verify(seed, adjustment, Spent{}.With(counter), code, now)
			if again.Outcome == Accepted || (again.Outcome == Replayed) != (want.Outcome == Accepted) {
				t.Errorf("adjustment %d, offset %d, again: %+v", adjustment, offset, again)
			}
		}
	}
}

// TestSpentIsASet: the window doesn't follow the last code, and earlier
// counters stay good after a later one.
func TestSpentIsASet(t *testing.T) {
	seed := testSeed(t, "set")
	var spent Spent
	for _, offset := range []int64{2, -2, 0, -1, 1} {
		v := Verify(seed, 0, spent, codeOf(t, seed, Counter(now)+offset), now)
		if v.Outcome != Accepted {
			t.Fatalf("offset %d after %v: %+v", offset, spent, v)
		}
		spent = spent.With(v.Counter)
	}
	for offset := int64(-2); offset <= 2; offset++ {
		if v := Verify(seed, 0, spent, codeOf(t, seed, Counter(now)+offset), now); v.Outcome != Replayed {
			t.Errorf("offset %d again: %+v", offset, v)
		}
	}
}

func TestSpent(t *testing.T) {
	base := Spent{}.With(5).With(1).With(3)
	if got := base.With(3); !reflect.DeepEqual(got, Spent{1, 3, 5}) {
		t.Errorf("got %v", got)
	}
	if base.Has(2) || !base.Has(5) || (Spent)(nil).Has(0) {
		t.Error("membership is wrong")
	}
	if _ = base.With(2); !reflect.DeepEqual(base, Spent{1, 3, 5}) {
		t.Errorf("the set was changed: %v", base)
	}
	var many Spent
	for i := range int64(3000) {
		many = many.With(i)
	}
	if len(many) != spentKept || many[0] != 3000-spentKept || !many.Has(2999) {
		t.Errorf("%d kept from %d on", len(many), many[0])
	}
}

// TestTwoCountersOfOneCode: where two counters of the window share their
// digits, one of them being spent leaves the other.
func TestTwoCountersOfOneCode(t *testing.T) {
	seed := testSeed(t, "twins")
	const counter = int64(535966) // the first of this seed, found by counting
	at := time.Unix((counter+1)*30, 0)
	code := codeOf(t, seed, counter)
	first := Verify(seed, 0, nil, code, at)
	if first.Outcome != Accepted || len(first.Matches) != 2 {
		t.Fatalf("got %+v", first)
	}
	second := Verify(seed, 0, Spent{}.With(first.Counter), code, at)
	if second.Outcome != Accepted || second.Counter == first.Counter {
		t.Errorf("got %+v after %+v", second, first)
	}
	third := Verify(seed, 0, Spent{}.With(first.Counter).With(second.Counter), code, at)
	if third.Outcome != Replayed || !reflect.DeepEqual(third.Matches, first.Matches) {
		t.Errorf("got %+v", third)
	}
}

func TestDigitsThatAreNone(t *testing.T) {
	seed := testSeed(t, "none")
	code := codeOf(t, seed, Counter(now))
	for _, wrong := range []string{"", code[:5], code + "0", " " + code, "x" + code[1:]} {
		if v := Verify(seed, 0, nil, wrong, now); v.Outcome != Refused {
			t.Errorf("%q: %+v", wrong, v)
		}
	}
	if v := Verify(seed, 0, nil, code, time.Unix(0, 0)); v.Outcome != Refused {
		t.Errorf("in 1970: %+v", v)
	}
}

// TestPairRange holds both ends of the range that was observed at AWS, on a
// fresh device and on one with an adjustment.
func TestPairRange(t *testing.T) {
	seed := testSeed(t, "range")
	server := Counter(now)
	for _, adjustment := range []int64{0, 40, -40} {
		for second, want := range map[int64]bool{
			-PairBack - 1: false, -PairBack: true, -1: true, 0: true, 1: true, PairAhead: true, PairAhead + 1: false,
		} {
			counter := server + adjustment + second
			d, ok := Pair(seed, Device{Adjustment: adjustment}, codeOf(t, seed, counter-1), codeOf(t, seed, counter), now)
			if ok != want {
				t.Errorf("adjustment %d, second counter %+d: %v", adjustment, second, ok)
				continue
			}
			moved := Device{Adjustment: adjustment}
			if want {
				moved = Device{Adjustment: adjustment + second, LastPair: counter}
			}
			if d != moved {
				t.Errorf("adjustment %d, second counter %+d: got %+v, want %+v", adjustment, second, d, moved)
			}
		}
	}
}

func TestPairOrder(t *testing.T) {
	seed := testSeed(t, "order")
	c := Counter(now)
	code := func(offset int64) string { return codeOf(t, seed, c+offset) }
	for name, pair := range map[string][2]string{
		"equal": {code(0), code(0)}, "reversed": {code(0), code(-1)}, "with a gap": {code(-2), code(0)},
		"wrong first": {"000000", code(0)}, "wrong second": {code(-1), "000000"},
	} {
		if d, ok := Pair(seed, Device{}, pair[0], pair[1], now); ok || d != (Device{}) {
			t.Errorf("%s: accepted, %+v", name, d)
		}
	}
}

// TestPairsAreNewerThanTheLast: replay, overlap and older pairs fail, the next
// two codes are good.
func TestPairsAreNewerThanTheLast(t *testing.T) {
	seed := testSeed(t, "newer")
	c := Counter(now)
	d, ok := Pair(seed, Device{}, codeOf(t, seed, c+9), codeOf(t, seed, c+10), now)
	if !ok {
		t.Fatal("the first pair is refused")
	}
	for second, want := range map[int64]bool{0: false, 9: false, 10: false, 11: false, 12: true, 20: true} {
		if _, ok := Pair(seed, d, codeOf(t, seed, c+second-1), codeOf(t, seed, c+second), now); ok != want {
			t.Errorf("second counter %+d: %v", second, ok)
		}
	}
}

// TestPairMovesTheWindow: after a pair the window lies around its second
// counter, and the pair's own codes are good in it.
func TestPairMovesTheWindow(t *testing.T) {
	seed := testSeed(t, "moves")
	c := Counter(now) - 10
	d, ok := Pair(seed, Device{}, codeOf(t, seed, c-1), codeOf(t, seed, c), now)
	if !ok {
		t.Fatal("refused")
	}
	for offset := int64(-3); offset <= 3; offset++ {
		v := Verify(seed, d.Adjustment, nil, codeOf(t, seed, c+offset), now)
		if want := -Window <= offset && offset <= Window; (v.Outcome == Accepted) != want {
			t.Errorf("offset %d: %+v", offset, v)
		}
	}
}

func TestBudget(t *testing.T) {
	start := time.Date(2026, 9, 1, 0, 3, 0, 0, time.UTC)
	var b Budget
	for i := range BudgetSize {
		var ok bool
		if b, ok = b.Take(start.Add(time.Duration(i) * time.Second)); !ok {
			t.Fatalf("verification %d is refused", i+1)
		}
	}
	for _, at := range []time.Duration{10 * time.Second, BudgetWindow - time.Nanosecond} {
		if next, ok := b.Take(start.Add(at)); ok || next != b {
			t.Errorf("the tenth after %v: %+v, %v", at, next, ok)
		}
	}
	if next, ok := b.Take(start.Add(BudgetWindow)); !ok || next.Taken != 1 {
		t.Errorf("in the next window: %+v, %v", next, ok)
	}
}

func TestCounter(t *testing.T) {
	for unix, want := range map[int64]int64{0: 0, 29: 0, 30: 1, 59: 1, -1: -1, -30: -1, -31: -2} {
		if got := Counter(time.Unix(unix, 999)); got != want {
			t.Errorf("%d: %d, want %d", unix, got, want)
		}
	}
}

func TestSeeds(t *testing.T) {
	made := testSeed(t, "x")
	if len(made) != 64 {
		t.Errorf("a seed has %d characters, AWS's have 64", len(made))
	}
	if _, err := NewSeed(bytes.NewReader(nil)); err == nil {
		t.Error("a seed of no randomness")
	}
	want := Seed("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
	for _, text := range []string{string(want), "jbswy3dpehpk3pxp jbsw y3dp ehpk3pxp", string(want) + "======"} {
		if got, err := ParseSeed(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, string(got), err)
		}
	}
	for _, text := range []string{"", "JBSWY3DP", "1BSWY3DPEHPK3PXP", "JBSWY3DPEHPK3PX!", strings.Repeat("A", 105)} {
		_, err := ParseSeed(text)
		if err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if want.String() == string(want) || want.ID() == made.ID() || strings.Contains(want.ID(), string(want)) {
		t.Error("a seed shows itself, or two have one name")
	}
}

func FuzzPair(f *testing.F) {
	f.Add("123456", "654321", int64(0), int64(0))
	f.Add("", "\xff", int64(-1<<62), int64(1<<62))
	seed := Seed("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
	f.Fuzz(func(t *testing.T, first, second string, adjustment, last int64) {
		adjustment %= 1 << 40
		last %= 1 << 40
		before := Device{Adjustment: adjustment, LastPair: last}
		after, ok := Pair(seed, before, first, second, now)
		if ok && after.LastPair < last+2 {
			t.Fatalf("%+v after %+v", after, before)
		}
		Verify(seed, adjustment, Spent{last}, first, now)
	})
}

func BenchmarkVerify(b *testing.B) {
	seed := Seed("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
	b.ReportAllocs()
	for b.Loop() {
		Verify(seed, 0, nil, "000000", now)
	}
}

// BenchmarkPair is a fob that is ten minutes off, and codes that are no pair.
func BenchmarkPair(b *testing.B) {
	seed := Seed("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
	first, err := seed.code(Counter(now) + 20)
	if err != nil {
		b.Fatal(err)
	}
	second, err := seed.code(Counter(now) + 21)
	if err != nil {
		b.Fatal(err)
	}
	for name, codes := range map[string][2]string{"near": {first, second}, "none": {"000000", "000000"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Pair(seed, Device{}, codes[0], codes[1], now)
			}
		})
	}
}
