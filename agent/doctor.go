package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/devices"
)

const (
	// examination bounds how long all questions to AWS may take.
	examination = 20 * time.Second
	// noteworthySkew is where the host's clock is worth mending: a time step.
	// The agent reckons with AWS's time, other tools on the host don't.
	noteworthySkew = 30 * time.Second
	// refusedSkew is from where AWS refuses other tools' signatures (AWS
	// General Reference, "Signature Version 4": fifteen minutes), with a
	// margin.
	refusedSkew = 10 * time.Minute
)

// Doctor looks for what keeps codes and sessions from coming, and says what to
// do about it. It asks AWS whose the keys of each profile are; it spends no
// code.
func (a *agent) Doctor(ctx context.Context) ([]api.Check, error) {
	ctx, cancel := context.WithTimeout(ctx, examination)
	defer cancel()
	var e examined
	e.add("agent", api.CheckOK, fmt.Sprintf("version %s, pid %d, on %s", a.opts.Version, pid(), a.socket), "")
	a.examineState(ctx, &e)
	a.examineTokens(&e)
	a.examineFiles(&e)
	a.examineProfiles(ctx, &e)
	return e.checks, nil
}

// examined gathers what was found.
type examined struct{ checks []api.Check }

func (e *examined) add(name string, state api.CheckState, message, hint string) {
	e.checks = append(e.checks, api.Check{Name: name, State: state, Message: message, Hint: hint})
}

func (e *examined) failed(name string, err error) { e.found(name, api.CheckFail, err) }

// found adds what is wrong, in the words of an *api.Error where err is one.
func (e *examined) found(name string, state api.CheckState, err error) {
	told := api.Check{Name: name, State: state, Message: err.Error()}
	if known, ok := err.(*api.Error); ok {
		told.Message, told.Hint = known.Message, known.Hint
	}
	e.checks = append(e.checks, told)
}

func (a *agent) examineState(ctx context.Context, e *examined) {
	if w, hint := a.lostLedger(ctx); w != "" {
		e.add("ledger", api.CheckWarn, w, hint)
	} else {
		e.add("ledger", api.CheckOK, "used codes are kept in "+a.opts.StateDir, "")
	}
	if w := a.sealing.warning(); w != "" {
		e.add("sealing", api.CheckWarn, w, "a Secret Service or a kernel keyring would keep them over a restart")
	} else {
		e.add("sealing", api.CheckOK, "as the config wants it", "")
	}
}

func (a *agent) examineTokens(e *examined) {
	for _, l := range leftOut() {
		name, why, _ := strings.Cut(l, ": ")
		e.add("driver "+name, api.CheckWarn, why, "'make build' on a machine with the libraries builds it in")
	}
	for _, d := range a.broker.Drivers() {
		if d.Err != nil {
			e.add("driver "+d.Name, api.CheckFail, d.Err.Error(), driverHint(d.Name))
			continue
		}
		e.add("driver "+d.Name, api.CheckOK, "looks for tokens", "")
	}
	there := 0
	for _, t := range a.broker.Tokens() {
		name := "token " + cmp.Or(t.Info.Serial, t.Info.Slot.Path)
		switch {
		case t.State == broker.StateLocked:
			e.add(name, api.CheckFail, "wants its password", "fob token unlock "+t.Info.Serial)
		case t.Err != nil:
			e.failed(name, a.told(t.Err, ""))
		case len(t.Info.Troubles) > 0:
			for _, err := range t.Info.Troubles {
				e.found(name, troubleState(err), a.told(err, ""))
			}
		default:
			e.add(name, api.CheckOK, fmt.Sprintf("%s with %d credentials", t.Info.Model, len(t.Credentials)), "")
		}
		there++
	}
	if there == 0 {
		e.add("tokens", api.CheckWarn, "no token is plugged in", "'fob watch' tells when one is")
	}
}

// troubleState tells what keeps a token from giving codes from what soon will.
func troubleState(err error) api.CheckState {
	if errors.Is(err, devices.ErrClockLost) {
		return api.CheckFail
	}
	return api.CheckWarn
}

// driverHint is what to do where a driver can't look for tokens.
func driverHint(driver string) string {
	switch {
	case driver == "pcsc":
		return "'systemctl status pcscd.socket' tells whether pcscd runs; without smart cards, set devices.pcsc.enabled: false"
	case strings.HasPrefix(driver, "serialfob"):
		return "'ls -l /dev/ttyACM* /dev/ttyUSB*' shows the ports and the group that may use them"
	}
	return "start the bench with 'fobemu run', or take it out of devices.emulated"
}

// examineFiles looks at who may read the file with keys.
func (a *agent) examineFiles(e *examined) {
	file := a.opts.AWSCredentialsFile
	info, err := os.Stat(file)
	switch {
	case os.IsNotExist(err):
	case err != nil:
		e.add("file "+file, api.CheckFail, "can't be read: "+err.Error(), "ls -l "+file)
	case info.Mode().Perm()&0o077 != 0:
		e.add("file "+file, api.CheckWarn, fmt.Sprintf("others may read or write it: mode %04o", info.Mode().Perm()), "chmod 600 "+file)
	default:
		e.add("file "+file, api.CheckOK, "its owner's alone", "")
	}
}

// examineProfiles asks AWS about each profile of fob's config: whose its keys
// are, and what time it is there.
func (a *agent) examineProfiles(ctx context.Context, e *examined) {
	asked := map[string]bool{}
	clocks := map[string]bool{}
	conf := a.config.Load()
	for _, p := range conf.Profiles {
		name := "profile " + p.Name
		asker, err := a.profiles.asker(ctx, p.Name)
		if err != nil {
			e.failed(name, a.told(err, ""))
			continue
		}
		endpoint := asker.Endpoint.Name()
		if key := endpoint + " " + asker.Keys.AccessKeyID; !asked[key] {
			asked[key] = true
			a.examineKeys(ctx, e, asker)
		}
		if !clocks[endpoint] {
			clocks[endpoint] = true
			a.examineClock(e, endpoint)
		}
		a.examineDevice(ctx, e, asker)
	}
	if len(conf.Profiles) == 0 {
		e.add("profiles", api.CheckWarn, "fob's config lists none; only the AWS config's are served", "fob setup")
	}
}

func (a *agent) examineKeys(ctx context.Context, e *examined, asker mfa.Asker) {
	name := "keys of profile " + asker.Profile
	id, err := a.mfa.Identify(ctx, asker)
	switch {
	case err != nil:
		e.failed(name, a.told(err, asker.Endpoint.Name()))
	case strings.HasSuffix(id.ARN, ":root"):
		e.add(name, api.CheckWarn, "are those of the root user of account "+id.Account+", whom no policy limits",
			"make an IAM user for daily work, and delete the root user's access keys")
	default:
		e.add(name, api.CheckOK, "are "+id.ARN+"'s", "")
	}
}

func (a *agent) examineClock(e *examined, endpoint string) {
	skew := a.mfa.Clock.Skew(endpoint)
	off := skew.Abs().Round(time.Second)
	const hint = "timedatectl set-ntp true"
	switch {
	case !a.mfa.Clock.Known(endpoint):
		e.add("clock", api.CheckWarn, "nothing came from AWS at "+endpoint+" to compare it with", "")
	case off >= refusedSkew:
		e.add("clock", api.CheckFail, fmt.Sprintf("the host's clock is %v off AWS's at %s; AWS refuses other tools' requests", off, endpoint), hint)
	case off >= noteworthySkew:
		e.add("clock", api.CheckWarn, fmt.Sprintf("the host's clock is %v off AWS's at %s; codes of other tools may be refused", off, endpoint), hint)
	default:
		e.add("clock", api.CheckOK, "the host's clock agrees with AWS's at "+endpoint, "")
	}
}

// examineDevice looks whether the profile's MFA device has a token that is
// there.
func (a *agent) examineDevice(ctx context.Context, e *examined, asker mfa.Asker) {
	name := "profile " + asker.Profile
	if asker.MFASerial == "" {
		e.add(name, api.CheckWarn, "names no MFA device: its sessions carry no MFA", "set mfa_serial in fob.yaml, or run 'fob enroll --profile "+asker.Profile+"'")
		return
	}
	found, err := a.mfa.Find(ctx, asker)
	if err != nil {
		e.failed(name, a.told(err, asker.Endpoint.Name()))
		return
	}
	if err := a.mfa.Prove(ctx, asker); err != nil {
		e.failed(name, a.told(err, asker.Endpoint.Name()))
		return
	}
	e.add(name, api.CheckOK, fmt.Sprintf("codes of %s come from %q on token %s", asker.MFASerial, found.Credential.ID, found.Token.Serial), "")
}
