package profile

import (
	"context"
	"time"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/profile/process"
)

// maxChain bounds a chain of source profiles.
const maxChain = 16

// A layer is one profile with fob's settings laid over the AWS files'.
type layer struct {
	Settings
	name string
	aws  awsProfile
}

// A chain is a profile and its sources, down to the one with keys.
type chain struct {
	layers    []layer
	keys      sts.Keys
	endpoint  sts.Endpoint
	mfaSerial string
}

func (c chain) base() layer { return c.layers[len(c.layers)-1] }

// chain follows source_profile from name down to long-term keys.
func (r Resolver) chain(ctx context.Context, name string) (chain, error) {
	var c chain
	var seen []string
	from := ""
	for next := name; ; {
		seen = append(seen, next)
		l, err := r.layer(ctx, next, from)
		if err != nil {
			return chain{}, err
		}
		c.layers = append(c.layers, l)
		// A profile may name itself: its own keys are meant.
		if l.SourceProfile == "" || l.SourceProfile == next {
			break
		}
		from, next = next, l.SourceProfile
		for _, s := range seen {
			if s == next {
				return chain{}, &LoopError{Chain: append(seen, next)}
			}
		}
		if len(seen) == maxChain {
			return chain{}, &SettingError{name, "source_profile", "leads through more than 16 profiles"}
		}
	}
	if err := c.takeKeys(r, seen); err != nil {
		return chain{}, err
	}
	if err := c.takeEndpoint(r); err != nil {
		return chain{}, err
	}
	return c, c.takeDevice()
}

// layer merges what is written about one profile.
func (r Resolver) layer(ctx context.Context, name, from string) (layer, error) {
	own, listed := r.settings(name)
	file, there, err := r.load(ctx, name)
	if err != nil {
		return layer{}, err
	}
	if !listed && !there && !r.keeps(name) {
		return layer{}, &UnknownError{Profile: name, From: from, Files: r.files()}
	}
	l := layer{Settings: own, name: name, aws: file}
	for _, f := range []struct{ own, file *string }{
		{&l.SourceProfile, &file.SourceProfileName},
		{&l.MFASerial, &file.MFASerial},
		{&l.RoleARN, &file.RoleARN},
		{&l.RoleSessionName, &file.RoleSessionName},
		{&l.ExternalID, &file.ExternalID},
		{&l.Region, &file.Region},
	} {
		if *f.own == "" {
			*f.own = *f.file
		}
	}
	if l.RoleDuration == 0 && file.RoleDurationSeconds != nil {
		// The SDK gives 0 for a value that isn't a number.
		l.RoleDuration = *file.RoleDurationSeconds
		if l.RoleDuration < sts.MinDuration || l.RoleDuration > sts.MaxRoleDuration {
			return layer{}, &SettingError{name, "duration_seconds", "isn't a number of seconds that AWS takes for a role: 900 to 43200"}
		}
	}
	return l, l.validate()
}

// settings finds what fob's own config says of the profile.
func (r Resolver) settings(name string) (Settings, bool) {
	for _, s := range r.Profiles {
		if s.Name == name {
			return s, true
		}
	}
	return Settings{}, false
}

// takeKeys takes the long-term keys of the chain's end, or says why there are
// none.
func (c *chain) takeKeys(r Resolver, seen []string) error {
	base := c.base()
	if r.Keys != nil {
		k, ok, err := r.Keys(base.name)
		if err != nil {
			return &StoreError{base.name, err}
		}
		if ok {
			c.keys = k
			return nil
		}
	}
	k := base.aws.keys()
	switch {
	case k.AccessKeyID != "" && k.SessionToken.Reveal() != "":
		return &KeysError{base.name, r.files(), "holds the keys of a session, and AWS gives sessions to long-term keys only"}
	case k.AccessKeyID != "":
		c.keys = k
		return nil
	case process.IsFob(base.aws.CredentialProcess):
		return &LoopError{Chain: seen, Process: base.aws.CredentialProcess}
	}
	if setting := base.aws.foreignSource(); setting != "" {
		return &SourceError{base.name, setting}
	}
	return &KeysError{base.name, r.files(), "has no aws_access_key_id and aws_secret_access_key"}
}

// keeps reports whether a profile's keys are kept elsewhere than in the AWS
// files.
func (r Resolver) keeps(name string) bool {
	if r.Keys == nil {
		return false
	}
	_, ok, err := r.Keys(name)
	return ok && err == nil
}

// takeEndpoint settles where the calls go: to what fob's config says, for the
// profile or for all, else to AWS. An endpoint in the AWS config is an error,
// since somebody who can write that file would get the codes.
func (c *chain) takeEndpoint(r Resolver) error {
	c.endpoint = sts.Endpoint{Region: sts.DefaultRegion}
	for _, l := range c.layers {
		if l.Region != "" {
			c.endpoint.Region = l.Region
			break
		}
	}
	for _, l := range c.layers {
		if l.EndpointURL != "" {
			c.endpoint.URL = l.EndpointURL
			break
		}
	}
	if c.endpoint.URL == "" {
		c.endpoint.URL = r.EndpointURL
	}
	if c.endpoint.URL == "" {
		for _, l := range c.layers {
			if setting, url := l.aws.endpoint(); url != "" {
				return &EndpointError{Profile: l.name, Setting: setting, URL: url, File: r.ConfigFile}
			}
		}
	}
	return c.endpoint.Validate()
}

// takeDevice finds the one MFA device of the chain.
func (c *chain) takeDevice() error {
	named := ""
	for _, l := range c.layers {
		switch {
		case l.MFASerial == "":
		case c.mfaSerial == "":
			c.mfaSerial, named = l.MFASerial, l.name
		case c.mfaSerial != l.MFASerial:
			return &SettingError{l.name, "mfa_serial",
				"is " + l.MFASerial + ", but profile \"" + named + "\", which builds on it, has " + c.mfaSerial + ": a role's session can't carry another device's code"}
		}
	}
	return nil
}

// duration returns the first of the chain's values that is set, else a
// default.
func (c chain) duration(otherwise time.Duration) time.Duration {
	for _, l := range c.layers {
		if l.Duration != 0 {
			return l.Duration
		}
	}
	return otherwise
}
