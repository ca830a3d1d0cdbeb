// Package explain turns what went wrong into what the caller is told: one of
// the socket's error codes, a sentence, a hint that names a command, and when to
// come back. It is the one table between the errors of tokens, of AWS, of the
// ledger and of the configuration, and the words people read.
package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/keys"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/unlock"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/binding"
	"github.com/fob-auth/fob/sts/profile"
	"github.com/fob-auth/fob/sts/resync"
)

// Error returns err in the socket's terms. An *api.Error within it stands as it
// is; what isn't known here becomes api.Internal. awsNow is AWS's time, for
// when to come back.
func Error(err error, awsNow time.Time) *api.Error {
	var told *api.Error
	if errors.As(err, &told) {
		return told
	}
	for _, explain := range []func(error, time.Time) *api.Error{pending, ledger, person, token, device, refusal, keyStore, config} {
		if told := explain(err, awsNow); told != nil {
			if told.Message == "" {
				told.Message = err.Error()
			}
			return told
		}
	}
	switch {
	case errors.Is(err, session.ErrUnknown):
		return &api.Error{Code: api.NotFound, Message: err.Error(), Hint: "'fob sessions' lists what is cached"}
	case errors.Is(err, context.Canceled):
		return &api.Error{Code: api.Internal, Message: "the agent is stopping", Hint: "start it again with 'fobd'"}
	case errors.Is(err, context.DeadlineExceeded):
		return &api.Error{Code: api.TouchPending, RetryAfterMS: again.Milliseconds(), Message: "the token was asked and hasn't answered yet", Hint: "touch it and ask again"}
	}
	return &api.Error{Code: api.Internal, Message: err.Error(), Hint: "'fobd --log-format json' tells more"}
}

// keyStore explains what keeps the store of long-term keys from giving one.
func keyStore(err error, _ time.Time) *api.Error {
	switch {
	case errors.Is(err, keys.ErrPassphrase):
		return &api.Error{Code: api.KeysLocked, Hint: "'fob keys unlock' asks again"}
	case errors.Is(err, keys.ErrLocked):
		return &api.Error{Code: api.KeysLocked, Hint: "unlock it: 'fob keys unlock'"}
	case errors.Is(err, keys.ErrNoSeal):
		return &api.Error{Code: api.KeysLocked, Hint: "'fob keys import' asks for one on a terminal; --passphrase-stdin reads it"}
	case errors.Is(err, awsfile.ErrTwice):
		return &api.Error{Code: api.Config, Hint: "leave one of them in the file, then run the command again"}
	case errors.Is(err, awsfile.ErrUnwritable):
		return &api.Error{Code: api.Config, Hint: "an agent that runs confined writes in the AWS files' own folders alone: 'fob service print' shows where"}
	case errors.Is(err, awsfile.ErrChanged):
		return &api.Error{Code: api.Config, Hint: "run the command again"}
	}
	return nil
}

// again is when to come back where nobody knows how long it takes: a person
// needs a moment to touch a token.
const again = time.Second

// pending explains that the caller's time is over before its session is there.
func pending(err error, awsNow time.Time) *api.Error {
	var p *session.PendingError
	switch {
	case !errors.As(err, &p) || errors.Is(err, context.Canceled):
		return nil
	case p.Wait.Touch:
		return &api.Error{Code: api.TouchPending, RetryAfterMS: again.Milliseconds(), Hint: "touch the token, then ask again: the touch serves the next call"}
	case !p.Wait.Until.IsZero():
		left := until(p.Wait.Until, awsNow)
		return &api.Error{Code: api.CodeSpent, RetryAfterMS: left,
			Message: fmt.Sprintf("%v; it comes in %d s", err, (left+999)/1000),
			Hint:    "ask again then: the session is made meanwhile"}
	}
	return &api.Error{Code: api.TouchPending, RetryAfterMS: again.Milliseconds(), Hint: "ask again: the session is made meanwhile"}
}

// until rounds up: who comes back so early must not be too early.
func until(at, now time.Time) int64 {
	return max(0, (at.Sub(now) + time.Millisecond - 1).Milliseconds())
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

func ledger(err error, now time.Time) *api.Error {
	var spent *broker.SpentError
	var throttled *broker.ThrottledError
	var closed *broker.ClosedError
	var bound *broker.BoundError
	var taken *binding.TakenError
	var mismatch *binding.MismatchError
	switch {
	case errors.As(err, &spent):
		next := resync.Start(resync.Counter(now) + 1)
		return &api.Error{Code: api.CodeSpent, RetryAfterMS: until(next, now),
			Message: fmt.Sprintf("every code of %s that AWS takes now is used; the next comes at %s", spent.Device, clock(next)),
			Hint:    "ask again then; 'fob sessions' shows what is cached"}
	case errors.As(err, &throttled):
		return &api.Error{Code: api.Throttled, RetryAfterMS: until(throttled.Until, now),
			Message: fmt.Sprintf("throttled until %s: MFA device %s has used up its nine verifications of this three-minute window", clock(throttled.Until), throttled.Device),
			Hint:    "ask again then; 'fob sessions' shows what is cached"}
	case errors.As(err, &closed):
		if closed.Until.IsZero() {
			return &api.Error{Code: api.LedgerClosed, Hint: "'fob bind --profile NAME' binds it anew"}
		}
		return &api.Error{Code: api.LedgerClosed, RetryAfterMS: until(closed.Until, now), Hint: "ask again then; 'fob status' tells what happened to the state file"}
	case errors.As(err, &bound), errors.As(err, &taken), errors.As(err, &mismatch):
		return &api.Error{Code: api.WrongToken, Hint: "'fob bindings' shows what is bound to what"}
	case errors.Is(err, broker.ErrUnbound):
		return &api.Error{Code: api.NotFound, Hint: "'fob bindings' lists the bindings"}
	}
	return nil
}

// person explains what came of asking somebody.
func person(err error, _ time.Time) *api.Error {
	var digits *ask.DigitsError
	switch {
	case errors.Is(err, ask.ErrNobody), errors.Is(err, ask.ErrCannot):
		return &api.Error{Code: api.NobodyToAsk, Hint: "run 'fob code --type' in a terminal, which waits to be asked, and ask again"}
	case errors.Is(err, ask.ErrRefused):
		return &api.Error{Code: api.UserRefused, Hint: "'fob watch' shows who asks for what"}
	case errors.Is(err, ask.ErrUnanswered):
		return &api.Error{Code: api.NoAnswer, Hint: "ask again; 'fob watch' shows what is asked"}
	case errors.Is(err, ask.ErrUnknown):
		return &api.Error{Code: api.NotFound, Hint: "'fob watch' shows what is asked"}
	case errors.Is(err, ask.ErrKind), errors.As(err, &digits):
		return &api.Error{Code: api.BadRequest, Hint: "answer again: the question still stands; 'fob watch' shows it"}
	}
	return nil
}

// look is the hint for a token that needs to be looked at.
const look = "'fob tokens' shows what is plugged in"

// token says why the token that was asked for can't be used.
func token(err error, _ time.Time) *api.Error {
	var noToken *broker.NoTokenError
	var notFound *broker.NotFoundError
	var double *broker.DuplicateError
	var kept *unlock.KeptError
	switch {
	case errors.As(err, &noToken):
		return &api.Error{Code: api.NoToken, Hint: "plug it in; " + look}
	case errors.As(err, &notFound):
		return &api.Error{Code: api.UnknownCredential, Hint: "'fob list' shows the credentials on each token"}
	case errors.As(err, &double):
		return &api.Error{Code: api.Ambiguous, Hint: look}
	case errors.Is(err, broker.ErrStopped):
		return &api.Error{Code: api.Internal, Message: "the agent is stopping", Hint: "start it again with 'fobd'"}
	case errors.Is(err, broker.ErrReleased):
		return &api.Error{Code: api.TokenRemoved, Hint: "ask again; the tokens are found anew"}
	case errors.Is(err, broker.ErrLate):
		return &api.Error{Code: api.TokenFault, Hint: "unplug it and plug it in again; " + look}
	case errors.As(err, &kept):
		return &api.Error{Code: api.Config, Hint: "'fob status' says why nothing can be sealed; without --remember the token is unlocked until the agent ends"}
	case errors.Is(err, unlock.ErrNoPassword):
		return &api.Error{Code: api.BadRequest, Hint: "its accounts are open: 'fob list' shows them"}
	}
	return nil
}

// device says what a token answered, or that it didn't.
func device(err error, _ time.Time) *api.Error {
	var held *devices.HeldError
	var limited *devices.RateError
	var battery *devices.BatteryError
	switch {
	case errors.As(err, &limited):
		return &api.Error{Code: api.RateLimited, RetryAfterMS: max(limited.After, again).Milliseconds(), Hint: "ask again then; 'fob sessions' shows what is cached"}
	case errors.As(err, &battery):
		return &api.Error{Code: api.TokenFault, Hint: "a fob whose battery is changed loses its time: make another token ready before, with 'fob enroll'"}
	case errors.As(err, &held):
		return &api.Error{Code: api.TokenFault, Hint: release(held)}
	case errors.Is(err, devices.ErrSilent) && errors.Is(err, devices.ErrRemoved):
		return &api.Error{Code: api.TokenFault, Hint: "ask again: the token is opened anew; " + look}
	case errors.Is(err, devices.ErrSilent):
		return &api.Error{Code: api.TokenFault, Hint: "unplug it and plug it in again; " + look}
	case errors.Is(err, devices.ErrRemoved):
		return &api.Error{Code: api.TokenRemoved, Hint: "plug it in again; " + look}
	case errors.Is(err, devices.ErrNoTouch):
		return &api.Error{Code: api.NoTouch, Hint: "touch the token when it blinks; 'fob watch' says when it waits"}
	case errors.Is(err, devices.ErrPassword):
		return &api.Error{Code: api.TokenPassword, Hint: fmt.Sprintf("run 'fob token unlock %s'", named(err, "TOKEN"))}
	case errors.Is(err, devices.ErrUnattested):
		return &api.Error{Code: api.Unattested, Hint: "plug in the token that was bound, or bind this one with 'fob bind --attest' ('fob unbind' comes first to do without a proof); 'ykman piv keys generate -a ECCP256 --pin-policy NEVER --touch-policy NEVER 9a -' makes the key it takes"}
	case errors.Is(err, devices.ErrNoCredential):
		return &api.Error{Code: api.UnknownCredential, Hint: "'fob list' shows the credentials on each token"}
	case errors.Is(err, devices.ErrExists):
		return &api.Error{Code: api.Ambiguous, Hint: "'fob list' shows the credentials on each token"}
	case errors.Is(err, devices.ErrClockLost):
		return &api.Error{Code: api.Drifted, Hint: NewSeed("")}
	case errors.Is(err, devices.ErrUnsupported):
		return &api.Error{Code: api.UnusableToken, Hint: look}
	case errors.Is(err, devices.ErrBusy):
		return &api.Error{Code: api.TokenFault, Hint: "end the program that has it, perhaps another agent, or ask again; " + look}
	case errors.Is(err, devices.ErrFull), errors.Is(err, devices.ErrAnswer):
		return &api.Error{Code: api.TokenFault, Hint: look}
	}
	var fault *devices.Error
	if errors.As(err, &fault) && !errors.Is(err, context.Canceled) { // then the agent gave up, not the token
		return &api.Error{Code: api.TokenFault, Hint: look}
	}
	return nil
}

// NewSeed is what helps where a token's seed is of no use any more. AWS takes a
// device from its user with a session of it, which outlasts the seed, and a fob
// takes a seed once it was wiped.
func NewSeed(profile string) string {
	profile = cmp.Or(profile, "PROFILE")
	return fmt.Sprintf("a new seed helps: run 'fob unenroll --profile %[1]s' (--lost where no session is left), wipe the token (a fob: hold its button for ten seconds), then run 'fob enroll --profile %[1]s'", profile)
}

// release is how a person gets a card back from the program that holds it.
func release(held *devices.HeldError) string {
	if held.Program == "scdaemon" {
		return "'gpgconf --kill scdaemon' makes it let go; 'pcsc-shared' and 'disable-ccid' in scdaemon.conf make it share"
	}
	return fmt.Sprintf("'kill %d' ends it", held.PID)
}

// named is the serial of the token that an error is about.
func named(err error, unknown string) string {
	var fault *devices.Error
	if errors.As(err, &fault) {
		return fault.Token
	}
	return unknown
}

func config(err error, _ time.Time) *api.Error {
	var unknown *profile.UnknownError
	var loop *profile.LoopError
	var endpoint *profile.EndpointError
	var badEndpoint *sts.EndpointError
	var file *profile.FileError
	var keys *profile.KeysError
	var source *profile.SourceError
	var setting *profile.SettingError
	var chain *profile.ChainDurationError
	const doctor = "correct it, then run 'fob doctor'"
	switch {
	case errors.As(err, &unknown):
		return &api.Error{Code: api.UnknownProfile, Hint: "'aws configure list-profiles' shows the AWS profiles"}
	case errors.As(err, &loop):
		return &api.Error{Code: api.CredentialLoop, Hint: "set source_profile in fob.yaml to the profile that holds the long-term keys, then run 'fob doctor'"}
	case errors.As(err, &endpoint), errors.As(err, &badEndpoint):
		return &api.Error{Code: api.EndpointRefused, Hint: doctor}
	case errors.As(err, &file), errors.As(err, &keys), errors.As(err, &source), errors.As(err, &setting), errors.As(err, &chain):
		return &api.Error{Code: api.Config, Hint: doctor}
	}
	return nil
}
