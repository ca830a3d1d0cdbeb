package mfa

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/resync"
)

// driftWords says how a fob's clock lies to AWS's window.
func driftWords(token string, d resync.Drift) string {
	off := d.Offset.Round(time.Second)
	switch d.State {
	case resync.Fine:
		return fmt.Sprintf("token %s: its clock is %s off AWS's, inside the window", token, off)
	case resync.Warn:
		return fmt.Sprintf("token %s: its clock is %s off AWS's, near the window's edge", token, off)
	case resync.Drifted:
		return fmt.Sprintf("token %s: its clock is %s off AWS's, %d time steps from the window's middle: outside; AWS would refuse its codes", token, off, d.Steps)
	}
	return fmt.Sprintf("token %s: its clock is %s off AWS's; whether AWS adjusts for that isn't known yet", token, off)
}

// observed says the same with what a clock's history tells.
func observed(token string, now clockReading, t resync.Trend) string {
	says := driftWords(token, now.Drift)
	if b := t.Break; !b.At.IsZero() {
		what := fmt.Sprintf("jumped by %s", b.By.Round(time.Second))
		if b.Stopped {
			what = fmt.Sprintf("stood still for %s", -b.By.Round(time.Second))
		}
		says += fmt.Sprintf("; it %s before %s, and its history counts from there", what, b.At.UTC().Format("2006-01-02 15:04 MST"))
	}
	if _, exact := now.knowledge.Exact(); now.knowledge.Known && !exact {
		says += fmt.Sprintf("; AWS adjusts for it by %+d to %+d steps, which a resync would make certain", now.knowledge.Low, now.knowledge.High)
	}
	if now.State == resync.Drifted {
		return says
	}
	return says + leavesWords(t.Forecast(now.knowledge))
}

func leavesWords(f resync.Forecast) string {
	switch {
	case f.Leaves.IsZero() && f.Earliest.IsZero():
		return ""
	case f.Leaves.IsZero():
		return fmt.Sprintf("; it leaves the window on %s at the earliest", date(f.Earliest))
	case f.Earliest.IsZero():
		return fmt.Sprintf("; it leaves the window about %s", date(f.Leaves))
	case f.Latest.IsZero():
		return fmt.Sprintf("; it leaves the window about %s, on %s at the earliest", date(f.Leaves), date(f.Earliest))
	}
	return fmt.Sprintf("; it leaves the window about %s, between %s and %s", date(f.Leaves), date(f.Earliest), date(f.Latest))
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func driftError(t target, d resync.Drift) error {
	return &api.Error{Code: api.Drifted, Message: fmt.Sprintf("profile %s: %s", t.asker.Profile, driftWords(t.token.Serial, d)), Hint: resyncHint(t)}
}

func resyncHint(t target) string {
	return fmt.Sprintf("run 'fob resync --profile %s'", t.asker.Profile)
}

// refusalError says what a refused code means for the caller, by what was
// decided about it.
func refusalError(t target, r *sts.Refusal, d resync.Decision, awsNow time.Time) error {
	told := *explain.Error(r, awsNow)
	told.Message = fmt.Sprintf("AWS took no code of %s (profile %s): %v", t, t.asker.Profile, r)
	if !d.At.IsZero() {
		told.RetryAfterMS = max(0, d.At.Sub(awsNow).Milliseconds())
	}
	if w, ok := reasons(t)[d.Reason]; ok {
		if w.code != "" {
			told.Code = w.code
		}
		if w.says != "" {
			told.Message = strings.TrimRight(told.Message, ". ") + w.says
		}
		told.Hint = w.hint
	}
	if d.Reason == resync.BudgetSpent {
		told.Message = fmt.Sprintf("throttled until %s UTC: MFA device %s has used up its nine verifications of this three-minute window", d.At.UTC().Format("15:04:05"), t.device.Serial)
	}
	return &toldError{&told, r}
}

// command is the fob command that the codes are taken for.
func (t target) command() string {
	switch t.purpose {
	case enrolling:
		return "enroll"
	case resyncing:
		return "resync"
	}
	return "credentials"
}

// clockError has an error of a token that lost its time say what helps.
func clockError(t target, err error) error {
	if !errors.Is(err, devices.ErrClockLost) {
		return err
	}
	return &toldError{&api.Error{Code: api.Drifted, Message: err.Error(), Hint: explain.NewSeed(t.asker.Profile)}, err}
}

// A toldError is what went wrong in the caller's words; the cause stays within
// reach of errors.As.
type toldError struct {
	told *api.Error
	why  error
}

func (e *toldError) Error() string   { return e.told.Message }
func (e *toldError) Unwrap() []error { return []error{e.told, e.why} }

// A reason is how a decision's reason is told: a code in place of the
// refusal's own, the end of the sentence, and what helps.
type reason struct {
	code       api.ErrorCode
	says, hint string
}

func reasons(t target) map[resync.Reason]reason {
	profile := t.asker.Profile
	enrol := fmt.Sprintf("'fob enroll --profile %s' gives the token a seed of its own", profile)
	if t.token.OwnClock && !t.typed() {
		enrol = explain.NewSeed(profile)
	}
	again := fmt.Sprintf("ask again then: 'fob %s --profile %s'", t.command(), profile)
	const clock = "set the host's clock: 'timedatectl set-ntp true'"
	all := map[resync.Reason]reason{
		resync.BudgetSpent:       {api.Throttled, "", again},
		resync.OutsideWindow:     {api.Drifted, "; the token's clock is outside AWS's window", resyncHint(t)},
		resync.AdjustmentUnknown: {api.Drifted, "; the token's clock is likely outside AWS's window", resyncHint(t)},
		resync.OutOfReach:        {"", "; the token's clock is further off than AWS searches", enrol},
		resync.CodeRefused:       {"", "; the code was of a step that AWS takes, so it was used elsewhere or the token holds another seed", "ask again for another code; if that fails too, " + enrol},
		resync.NoneFree:          {api.CodeSpent, "; every other code that AWS takes now is used", again},
		resync.NotYetKnown:       {"", "; the device was changed a moment ago, and STS hears of that some seconds later", again},
		resync.HostClock:         {"", "; the host's clock is off, and AWS's time is known now", again},
		resync.ClockUnfixed:      {"", "; the signature carried AWS's own time, so something between changes it", clock},
		resync.PairNotNewer:      {"", "; AWS takes only codes newer than the last two it took for the device", again},
		resync.PairRefused:       {"", "; the token's seed isn't the device's, or the device was resynced elsewhere a moment ago", enrol},
		resync.WrongSerial:       {"", "; the device isn't enabled for this user, or its nine verifications were used up elsewhere", "'aws iam list-mfa-devices' shows the user's devices"},
		resync.ComeBack:          {"", "; AWS is busy", again},
	}
	if !t.token.OwnClock {
		// It has no clock to be wrong: it was told AWS's time.
		all[resync.AdjustmentUnknown] = reason{api.CodeRefused, "; the token's seed isn't the device's, or AWS adjusts the device for another token's clock",
			resyncHint(t) + ": two codes that AWS takes prove the seed; if it takes none, " + enrol}
	}
	if t.typed() {
		mistyped := reason{api.CodeRefused, "; the code was mistyped, or the clock of " + t.credential.ID + " is outside AWS's window",
			"type the next code; if that fails too, " + resyncHint(t)}
		all[resync.OutsideWindow], all[resync.AdjustmentUnknown], all[resync.CodeRefused] = mistyped, mistyped, mistyped
	}
	return all
}
