// Package profile turns the name of a profile into the plan of its session: it
// lays fob's own settings over what the AWS config and credentials files say,
// follows source_profile down to long-term keys, and builds the calls to STS
// from there up.
//
// The AWS files are read by the AWS SDK's own parser, from paths that are
// given and never from the environment. Nothing in them is ever run: fob takes
// long-term keys, and refuses a profile whose keys would come from a program,
// from single sign-on or from a web identity. Nor is an endpoint_url of the AWS
// config followed: where a code may go stands in fob's own config.
package profile

import (
	"context"
	"time"

	"github.com/fob-auth/fob/sts"
)

// Settings are what fob's own config says of a profile, as far as it bears on
// STS. What is empty or 0 is taken from the AWS profile of the same name.
type Settings struct {
	Name          string
	SourceProfile string
	// MFASerial names the MFA device: an ARN, or a hardware serial.
	MFASerial       string
	RoleARN         string
	RoleSessionName string
	ExternalID      string
	// Duration is the lifetime of GetSessionToken: 15 min to 36 h.
	Duration time.Duration
	// RoleDuration is the lifetime of AssumeRole: 15 min to 12 h. More than an
	// hour takes a code of its own.
	RoleDuration time.Duration
	Region       string
	// EndpointURL is where this profile's calls go; "" for the Resolver's.
	EndpointURL string
}

// A Resolver knows where profiles are written.
type Resolver struct {
	// Profiles are those of fob's own config.
	Profiles []Settings
	// EndpointURL is the endpoint_url of fob's own config for all profiles; ""
	// for AWS's own endpoints.
	EndpointURL string
	// ConfigFile and CredentialsFile are the AWS files. One that isn't there
	// is empty.
	ConfigFile      string
	CredentialsFile string
	// Keys returns the long-term keys of a profile that are kept elsewhere than
	// in the AWS files, and go before those; false where there are none. Nil
	// for nowhere.
	Keys func(profile string) (sts.Keys, bool, error)
}

// LongTerm is the ground a profile stands on: the keys at the end of its chain
// of source profiles, and where they are used.
type LongTerm struct {
	// Profile names the profile that holds the keys.
	Profile  string
	Keys     sts.Keys
	Endpoint sts.Endpoint
	// MFASerial is the device that the chain names; "" where it names none.
	MFASerial string
}

// Resolve returns the plan of the profile's session. Each error is one of this
// package's types, or an *sts.EndpointError.
func (r Resolver) Resolve(ctx context.Context, name string) (sts.Plan, error) {
	c, err := r.chain(ctx, name)
	if err != nil {
		return sts.Plan{}, err
	}
	return c.plan()
}

// LongTerm returns the keys that the profile stands on, for calls that need no
// session: whose they are, and the operations on MFA devices. It doesn't need
// the profile to name an MFA device yet.
func (r Resolver) LongTerm(ctx context.Context, name string) (LongTerm, error) {
	c, err := r.chain(ctx, name)
	if err != nil {
		return LongTerm{}, err
	}
	return LongTerm{Profile: c.base().name, Keys: c.keys, Endpoint: c.endpoint, MFASerial: c.mfaSerial}, nil
}
