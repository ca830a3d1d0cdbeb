package resync

import (
	"testing"
	"time"
)

func TestPairOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		present uint64
		k       Knowledge
		last    uint64
		want    Pairing
	}{
		{"near", s0 + 1, Exactly(0), 0, Pairing{At: noon}},
		{"the farthest back", s0 - PairBack, Exactly(0), 0, Pairing{At: noon}},
		{"farther back", s0 - PairBack - 1, Exactly(0), 0, Pairing{Reason: OutOfReach}},
		{"the farthest ahead", s0 + PairAhead, Exactly(0), 0, Pairing{At: noon}},
		{"farther ahead", s0 + PairAhead + 1, Exactly(0), 0, Pairing{Reason: OutOfReach}},
		{"farther, but adjusted", s0 + PairAhead + 1, Exactly(1), 0, Pairing{At: noon}},
		{"behind the last pair", s0, Exactly(0), s0 + 9, Pairing{Reason: PairNotNewer, At: noon.Add(10 * Step)}},
		{"nothing known", s0 + 5000, Knowledge{}, 0, Pairing{At: noon}},
	} {
		if got := PairOf(noon, c.present, c.k, c.last); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Whatever the clocks show, the window lies well after a pair that was held
// back as long as Hold says, and AWS's answer tells where.
func TestHold(t *testing.T) {
	for _, c := range []struct {
		name      string
		t         Trend
		low, high float64 // of what is left of the offset, in seconds
	}{
		{"unknown rate", Trend{Samples: 1, PPMError: 100}, -25, 5},
		{"fast", Trend{Samples: 9, PPM: 20, PPMError: 1}, -25, 5},
		{"slow", Trend{Samples: 9, PPM: -20, PPMError: 1}, -5, 25},
	} {
		for ahead := -100 * time.Second; ahead <= 100*time.Second; ahead += 100 * time.Millisecond {
			// The token's step has just begun.
			token := Start(s0)
			awsNow := token.Add(-ahead)
			wait := Hold(token, awsNow, c.t)
			if wait < 0 || wait > Step+offEdge {
				t.Fatalf("%s, %s ahead: waits %s", c.name, ahead, wait)
			}
			heard := awsNow.Add(wait)
			k := Knowledge{}.PairAccepted(heard.Truncate(time.Second), s0)
			adjustment, exact := k.Exact()
			if !exact {
				t.Errorf("%s, %s ahead: the adjustment is known as %+v", c.name, ahead, k)
			}
			left := (ahead - time.Duration(adjustment)*Step).Seconds()
			if left < c.low || left > c.high {
				t.Errorf("%s, %s ahead: %v s from the middle after the pair", c.name, ahead, left)
			}
		}
	}
}
