package local_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/journal"
	"github.com/fob-auth/fob/sts/local/store"
)

func openJournal(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestStateOutlivesTheProcess: what was answered holds after a restart, where
// the world file doesn't count any more.
func TestStateOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	var session keys
	var code, serial, seed string
	t.Run("before", func(t *testing.T) {
		l := newLab(t, devicesWorld("carol"), func(o *local.Options) { o.Journal = openJournal(t, dir) })
		code = l.Code(seedOf("carol"), 0)
		session = l.must(l.session(longTerm("carol"), virtualSerial("carol"), code))
		serial, seed = l.enable(session, "made", "dave")
	})
	t.Run("after", func(t *testing.T) {
		l := newLab(t, devicesWorld("another"), func(o *local.Options) { o.Journal = openJournal(t, dir) })
		_, err := l.session(longTerm("carol"), virtualSerial("carol"), code)
		l.want("the code", err, badCode)
		_, err = l.sts(session).GetCallerIdentity(t.Context(), nil)
		l.want("the session", err, ok)
		_, err = l.session(longTerm("dave"), serial, l.Code(seed, 1))
		l.want("the new device", err, ok)
		_, err = l.session(longTerm("carol"), virtualSerial("another"), l.Code(seedOf("another"), 0))
		l.want("the other world's device", err, badDevice)
	})
}

// A tornJournal fails when it is told to.
type tornJournal struct {
	store.Journal
	fail bool
}

func (j *tornJournal) Commit(ctx context.Context, changes []store.Change) error {
	if j.fail {
		return errors.New("disk full")
	}
	return j.Journal.Commit(ctx, changes)
}

// TestAFailureSpendsNothing: a 5xx never follows a code that was consumed.
func TestAFailureSpendsNothing(t *testing.T) {
	j := &tornJournal{Journal: openJournal(t, t.TempDir())}
	l := newLab(t, devicesWorld("carol"), func(o *local.Options) { o.Journal = j })
	code := l.Code(seedOf("carol"), 0)
	j.fail = true
	_, err := l.session(longTerm("carol"), virtualSerial("carol"), code)
	l.want("on a full disk", err, verdict{500, "InternalFailure", "The request processing has failed because of an internal error."})
	j.fail = false
	_, err = l.session(longTerm("carol"), virtualSerial("carol"), code)
	l.want("the same code again", err, ok)
}

// TestWithoutRandomnessNothingIsSpent: the code and the session it buys are
// one transaction.
func TestWithoutRandomnessNothingIsSpent(t *testing.T) {
	r := &shortReader{left: 32}
	l := newLab(t, devicesWorld("carol"), func(o *local.Options) { o.Rand = r })
	code := l.Code(seedOf("carol"), 0)
	_, err := l.session(longTerm("carol"), virtualSerial("carol"), code)
	l.want("without randomness", err, verdict{500, "InternalFailure", "The request processing has failed because of an internal error."})
	r.left = 1 << 20
	_, err = l.session(longTerm("carol"), virtualSerial("carol"), code)
	l.want("the same code again", err, ok)
}

// A shortReader has so many bytes left, all alike.
type shortReader struct{ left int }

func (r *shortReader) Read(b []byte) (int, error) {
	if r.left < len(b) {
		return 0, errors.New("no randomness left")
	}
	r.left -= len(b)
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}
