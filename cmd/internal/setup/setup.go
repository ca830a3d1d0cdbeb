// Package setup finds out how the profiles of an AWS config that ask for MFA
// become fob's: which credential on which token is each one's MFA device, and
// what has to be written where. It also finds the settings under which the AWS
// tools pass fob by in silence.
//
// It decides and edits in memory; reading, asking and writing is its caller's.
package setup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/sts/profile/process"
)

// A Home is what a user has: the AWS tools' files, and what the agent sees.
type Home struct {
	Config, Credentials *awsfile.File
	// Accounts are the credentials on the tokens that are plugged in, Tokens
	// the tokens, Bindings what the agent has bound.
	Accounts []api.Credential
	Tokens   []api.Token
	Bindings []api.Binding
	// Stored are the profiles whose long-term keys the agent's own store has.
	Stored []string
	// Emulated lets emulated tokens be taken.
	Emulated bool
}

// A Profile is one that can be fob's.
type Profile struct {
	Name      string
	MFASerial string
	// Token and Account are the credential that is the MFA device.
	Token, Account string
	Emulated       bool
	// Keys is the profile with the long-term keys; where Moved, they stand
	// under Name until [Home.Apply] moves them.
	Keys  string
	Moved bool
	// The rest is the AWS profile's own.
	RoleARN, RoleSessionName, ExternalID, Region string
	RoleDuration                                 time.Duration
}

// A Left is a profile that asks for MFA and stays as it is.
type Left struct{ Name, Why, Hint string }

// moved are the settings that fob takes over: beside credential_process they
// would make the AWS tools prompt.
var moved = []string{"role_arn", "source_profile", "mfa_serial", "external_id", "role_session_name", "duration_seconds"}

// Profiles returns what can become fob's and what can't.
func (h Home) Profiles() (ready []Profile, left []Left) {
	for _, section := range h.Config.Sections() {
		name, ok := awsfile.Profile(section)
		serial, asks := h.Config.Get(section, "mfa_serial")
		if !ok || !asks {
			continue
		}
		if command, is := h.Config.Get(section, "credential_process"); is {
			if !process.IsFob(command) {
				left = append(left, Left{name, "has a credential_process already", "take it out of the profile to have fob in its place"})
			}
			continue
		}
		if why, hint := astray(h.Config, name, section); why != "" {
			left = append(left, Left{name, why, hint})
			continue
		}
		p, err := h.profile(name, section, serial)
		if err != nil {
			left = append(left, *err)
			continue
		}
		ready = append(ready, p)
	}
	// Where a profile's keys are moved, those who build on it follow.
	for i, p := range ready {
		for _, source := range ready {
			if source.Moved && p.Keys == source.Name {
				ready[i].Keys = KeysName(source.Name)
			}
		}
	}
	return ready, left
}

// KeysName is where the long-term keys go that stood under a profile which
// becomes fob's.
func KeysName(profile string) string { return profile + "-keys" }

func (h Home) profile(name, section, serial string) (Profile, *Left) {
	get := func(key string) string {
		v, _ := h.Config.Get(section, key)
		return v
	}
	for _, key := range signIns {
		if get(key) != "" {
			return Profile{}, &Left{name, key + " stands in it: " + signInWins, "take " + key + " out of the profile, then run 'fob setup' again"}
		}
	}
	if left := h.besideKeys(name); left != nil {
		return Profile{}, left
	}
	p := Profile{Name: name, MFASerial: serial, RoleARN: get("role_arn"), RoleSessionName: get("role_session_name"),
		ExternalID: get("external_id"), Region: get("region"), Keys: get("source_profile")}
	if seconds := get("duration_seconds"); seconds != "" {
		d, err := time.ParseDuration(seconds + "s")
		if err != nil || d < 15*time.Minute || d > 12*time.Hour {
			return p, &Left{name, fmt.Sprintf("its duration_seconds, %q, is no duration from 900 to 43200", seconds), "mend it in the AWS config"}
		}
		p.RoleDuration = d
	}
	if p.Keys == "" || p.Keys == name {
		p.Keys, p.Moved = name, !slices.Contains(h.Stored, name)
	}
	if !h.hasKeys(p.Keys) {
		return p, &Left{name, fmt.Sprintf("profile %s, which it builds on, has no long-term keys of its own", p.Keys),
			"write the profile into fob.yaml by hand; fob.yaml takes chains"}
	}
	if p.Moved && h.taken(KeysName(name)) {
		return p, &Left{name, fmt.Sprintf("its keys would go to a profile %s, which is there already", KeysName(name)), "rename that one"}
	}
	accounts := h.Match(serial)
	switch {
	case len(accounts) == 0:
		return p, &Left{name, "no credential on a token that is plugged in fits " + serial,
			"plug the token in; 'fob list' shows its credentials, and 'fob enroll' makes one"}
	case len(accounts) > 1:
		return p, &Left{name, fmt.Sprintf("%d credentials fit %s", len(accounts), serial), "fob bind --profile " + name + " --token SERIAL --credential NAME"}
	}
	p.Token, p.Account, p.Emulated = accounts[0].Token, accounts[0].ID, accounts[0].Emulated
	return p, nil
}

// besideKeys finds what would still pass fob by in the credentials file, which
// setup changes no more than it must.
func (h Home) besideKeys(name string) *Left {
	for _, key := range slices.Concat([]string{"credential_process"}, prompting, signIns) {
		if _, there := h.Credentials.Get(name, key); there {
			return &Left{name, key + " stands in its section of the credentials file, which wins over the config's",
				"take " + key + " out of the credentials file, then run 'fob setup' again"}
		}
	}
	return nil
}

func (h Home) hasKeys(profile string) bool {
	_, inConfig := h.Config.Get(h.Config.ProfileSection(profile), "aws_access_key_id")
	_, inCredentials := h.Credentials.Get(profile, "aws_access_key_id")
	return inConfig || inCredentials || slices.Contains(h.Stored, profile)
}

func (h Home) taken(profile string) bool {
	return len(h.Config.ProfileSections(profile)) > 0 || slices.Contains(h.Credentials.Sections(), profile)
}

// Match returns the credentials that may be an MFA device: the one that is
// bound to it, else the one on the token of that serial, else those whose names
// say so.
func (h Home) Match(serial string) []api.Credential {
	var bound, own, named []api.Credential
	for _, c := range h.Accounts {
		if c.Unusable != "" || c.Emulated && !h.Emulated {
			continue
		}
		isBound := slices.ContainsFunc(h.Bindings, func(b api.Binding) bool {
			return b.MFASerial == serial && b.Token == c.Token && b.Credential == c.ID
		})
		switch {
		case isBound:
			bound = append(bound, c)
		case c.Token == serial:
			own = append(own, c)
		case names(c.ID, serial):
			named = append(named, c)
		}
	}
	for _, found := range [][]api.Credential{bound, own} {
		if len(found) > 0 {
			return found
		}
	}
	return named
}

// names reports whether a credential is named after a virtual MFA device. The
// console's QR code says "Amazon Web Services:USER@ACCOUNT"; people who type the
// name themselves often say "AWS:USER".
func names(id, serial string) bool {
	if id == serial {
		return true
	}
	parts := strings.SplitN(serial, ":", 6)
	if len(parts) < 6 || !strings.HasPrefix(parts[5], "mfa/") {
		return false
	}
	account, device := parts[4], parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	issuer, rest, ok := strings.Cut(id, ":")
	if !ok {
		return false
	}
	if i := strings.ToLower(issuer); !strings.Contains(i, "aws") && !strings.Contains(i, "amazon") {
		return false
	}
	user, at, has := strings.Cut(rest, "@")
	numeric := strings.Trim(at, "0123456789") == "" && len(at) == len(account)
	return user == device && (!has || !numeric || at == account)
}

// Apply writes profiles into the AWS files in memory: fob becomes their
// credential_process, and keys that stood under them get a profile of their
// own. fob is how the AWS tools are to call it.
func (h Home) Apply(profiles []Profile, fob string) {
	for _, p := range profiles {
		section := h.Config.ProfileSection(p.Name)
		if p.Moved {
			h.moveKeys(p.Name, section)
		}
		for _, key := range moved {
			h.Config.Remove(section, key)
		}
		h.Config.Set(section, "credential_process", quote(fob)+" credentials --profile "+quote(p.Name))
	}
}

// moveKeys gives long-term keys a profile of their own, in the file in which
// they stand.
func (h Home) moveKeys(profile, section string) {
	h.Credentials.Rename(profile, KeysName(profile))
	for _, key := range []string{"aws_access_key_id", "aws_secret_access_key"} {
		if v, ok := h.Config.Get(section, key); ok {
			h.Config.Remove(section, key)
			h.Config.Set(awsfile.ConfigSection(KeysName(profile)), key, v)
		}
	}
}

// quote quotes a word of a credential_process.
func quote(word string) string {
	if strings.ContainsAny(word, " \t") {
		return `"` + word + `"`
	}
	return word
}
