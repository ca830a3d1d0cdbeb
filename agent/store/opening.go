package store

import (
	"fmt"
	"strings"
	"time"
)

// A Kind is how the state file was found.
type Kind string

// The kinds of opening. After all but Fresh and Clean the ledger is closed:
// see [Closure].
const (
	// Fresh: no file and no witness; the first run.
	Fresh Kind = "fresh"
	// Clean: the file is whole, and the newest that the witnesses know of.
	Clean Kind = "clean"
	// Lost: no file, but a witness of one.
	Lost Kind = "lost"
	// Damaged: the file can't be read, or isn't what was written.
	Damaged Kind = "damaged"
	// RolledBack: the file is an older one than the witnesses know of, belongs
	// to another ledger, or has no witness at all.
	RolledBack Kind = "rolled-back"
)

// An Opening says how the state file was found and what was done about it.
type Opening struct {
	Kind Kind
	// File is the state file.
	File string
	// Reason says what was wrong; empty for Fresh and Clean.
	Reason string
	// Aside are the files that were put aside, under their new names.
	Aside []string
	// At is the host time of the opening.
	At time.Time
	// Closure tells of the last loss, which may be of an earlier run.
	Closure Closure
}

// String is the opening in a sentence.
func (o Opening) String() string {
	switch o.Kind {
	case Fresh:
		return fmt.Sprintf("state file %s was begun: it is the first run", o.File)
	case Clean:
		return fmt.Sprintf("state file %s is whole", o.File)
	}
	aside := ""
	if len(o.Aside) > 0 {
		aside = "; it was put aside as " + strings.Join(o.Aside, ", ")
	}
	return fmt.Sprintf("state file %s: %s%s; codes of the time before %s count as used, and every MFA device needs a new binding",
		o.File, o.Reason, aside, o.Closure.Until.UTC().Format(time.RFC3339))
}

// A Closure tells of the loss after which the ledger was begun. The zero
// Closure says that none was lost.
type Closure struct {
	// Kind is how the ledger's predecessor was found.
	Kind   Kind
	Reason string
	// At is when the loss was found: host time, until the ledger corrects it
	// by AWS's.
	At time.Time
	// Until is when every code that the lost ledger can have given out is out
	// of AWS's window: codes of time steps that begin before it count as used.
	Until time.Time
}

// Closed reports whether a ledger was lost before this one.
func (c Closure) Closed() bool { return c.Kind != "" }

// Floor is the highest counter that counts as used, for time steps of the
// given length; 0 where no ledger was lost.
func (c Closure) Floor(period time.Duration) uint64 {
	if !c.Closed() || period < time.Second || c.Until.Unix() <= 0 {
		return 0
	}
	seconds := uint64(period / time.Second)
	return (uint64(c.Until.Unix())+seconds-1)/seconds - 1
}

// Step is the length of AWS's time step (RFC 6238 section 4.1, X = 30).
const Step = 30 * time.Second

// Ahead is how many steps after its own AWS's window for a device reaches,
// before the device's adjustment.
const Ahead = 2

// closedAt returns the closure of a ledger whose predecessor was lost at a
// host time and had given out codes of steps that end at reach.
func closedAt(kind Kind, reason string, now, reach time.Time) Closure {
	until := now.UTC().Truncate(Step).Add((Ahead + 1) * Step)
	if reach.After(until) {
		until = reach
	}
	return Closure{Kind: kind, Reason: reason, At: now.UTC(), Until: until}
}

// A finding is what examine found in the place of the state file.
type finding struct {
	there bool
	// damage is why the file can't be used; nil where it can.
	damage *damage
	meta   meta
}

// judge decides what was found: a pure function of the file and the
// witnesses.
func judge(file finding, seen []sighting) (Kind, string) {
	switch {
	case !file.there && !anyThere(seen):
		return Fresh, ""
	case !file.there:
		return Lost, "it is missing, and a witness tells that there was one"
	case file.damage != nil:
		return Damaged, "it is damaged (" + file.damage.reason + ")"
	}
	vouched := false
	for _, w := range seen {
		switch {
		case !w.good():
			continue
		case w.instance != file.meta.instance:
			return RolledBack, "it is not the file that was last in use, but one of another ledger"
		case w.generation > file.meta.generation:
			return RolledBack, fmt.Sprintf("it is an older copy (transaction %d, and a witness tells of %d)",
				file.meta.generation, w.generation)
		}
		vouched = true
	}
	if !vouched {
		return RolledBack, "no witness is left that could tell whether it is the newest"
	}
	return Clean, ""
}

func anyThere(seen []sighting) bool {
	for _, w := range seen {
		if w.there {
			return true
		}
	}
	return false
}

// highest returns the latest reach that the file or a witness tells of.
func highest(file finding, seen []sighting) time.Time {
	reach := file.meta.reach
	for _, w := range seen {
		if w.good() && w.reach.After(reach) {
			reach = w.reach
		}
	}
	return reach
}
