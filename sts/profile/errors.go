package profile

import (
	"fmt"
	"strings"
	"time"
)

// An UnknownError says that neither fob's config nor the AWS files have the
// profile.
type UnknownError struct {
	Profile string
	// From is the profile that names it as its source; "" where the caller
	// did.
	From string
	// Files are the AWS files that were looked into.
	Files []string
}

func (e *UnknownError) Error() string {
	by := ""
	if e.From != "" {
		by = fmt.Sprintf(", the source_profile of %q,", e.From)
	}
	return fmt.Sprintf("profile %q%s is neither in fob's config nor in %s", e.Profile, by, strings.Join(e.Files, " or "))
}

// A FileError says that an AWS file can't be used as it is.
type FileError struct {
	File    string
	Profile string
	Err     error
}

func (e *FileError) Error() string {
	if e.Profile == "" {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s: profile %q: %v", e.File, e.Profile, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// A StoreError says that the place where a profile's keys are kept can't be
// asked.
type StoreError struct {
	Profile string
	Err     error
}

func (e *StoreError) Error() string { return fmt.Sprintf("keys of profile %q: %v", e.Profile, e.Err) }

func (e *StoreError) Unwrap() error { return e.Err }

// A KeysError says that a profile holds no long-term keys that fob can use.
type KeysError struct {
	Profile string
	// Files are where the keys were looked for.
	Files []string
	// Reason is the end of the sentence "profile … ".
	Reason string
}

func (e *KeysError) Error() string {
	return fmt.Sprintf("profile %q %s (looked in %s)", e.Profile, e.Reason, strings.Join(e.Files, " and "))
}

// A LoopError says that a profile's keys would come from the profile itself:
// by source_profile in a circle, or by a credential_process that is fob.
type LoopError struct {
	// Chain is the profiles in the order they name each other.
	Chain []string
	// Process is the credential_process that is fob itself; "" for a circle of
	// source profiles.
	Process string
}

func (e *LoopError) Error() string {
	chain := strings.Join(e.Chain, " → ")
	if e.Process != "" {
		return fmt.Sprintf("the keys of profile %q would come from fob itself: %s has credential_process = %s",
			e.Chain[0], chain, e.Process)
	}
	return fmt.Sprintf("the source profiles go in a circle: %s", chain)
}

// A SourceError says that a profile's keys would come from somewhere fob
// doesn't take keys from.
type SourceError struct {
	Profile string
	// Setting is the key of the AWS config: "credential_process".
	Setting string
}

func (e *SourceError) Error() string {
	if e.Setting == "credential_process" {
		return fmt.Sprintf("profile %q has its keys from a credential_process, and fob never runs a credential_process", e.Profile)
	}
	return fmt.Sprintf("profile %q has its keys by %s, and fob takes long-term access keys only", e.Profile, e.Setting)
}

// An EndpointError says that the AWS config names an endpoint which fob's own
// config doesn't.
type EndpointError struct {
	Profile string
	// Setting is where it stands: "endpoint_url", or "services NAME, sts".
	Setting string
	URL     string
	File    string
}

func (e *EndpointError) Error() string {
	return fmt.Sprintf("%s gives profile %q the endpoint %s (%s): fob sends codes only to AWS or to an endpoint_url in fob's own config; write it there, or remove it here",
		e.File, e.Profile, e.URL, e.Setting)
}

// A SettingError says that a value breaks one of AWS's limits, or that values
// don't go together.
type SettingError struct {
	Profile string
	Setting string
	// Reason is the end of the sentence "profile …: the setting … ".
	Reason string
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("profile %q: %s %s", e.Profile, e.Setting, e.Reason)
}

// A ChainDurationError says that a role is wanted for longer than AWS lets
// chained roles live.
type ChainDurationError struct {
	Profile  string
	Duration time.Duration
	// Roles counts the roles of the chain.
	Roles int
}

func (e *ChainDurationError) Error() string {
	return fmt.Sprintf("profile %q: role_duration %s: AWS ends chained roles after an hour, and this profile chains %d; only a single role can be longer",
		e.Profile, e.Duration, e.Roles)
}
