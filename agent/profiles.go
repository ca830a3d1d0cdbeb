package agent

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/profile"
)

// lookAfter is how long the AWS files are taken to be as they were when they were
// last looked at: no program that was started after they were changed comes to
// ask in less.
const lookAfter = time.Millisecond

// profiles resolves profiles, and remembers what it found for as long as the
// AWS files stay as they are: a warm caller costs two stats, and one of many no
// more than a lock.
type profiles struct {
	awsConfig, awsCredentials string
	// stored gives the keys that the agent's own store has.
	stored func(profile string) (sts.Keys, bool, error)

	mu       sync.Mutex
	config   *config.Config
	resolver profile.Resolver
	stamp    [2]fileStamp
	looked   time.Time // when stamp was taken
	wants    map[string]session.Want
}

// A fileStamp tells whether a file changed.
type fileStamp struct {
	changed time.Time
	size    int64
}

func newProfiles(o Options, stored func(string) (sts.Keys, bool, error)) *profiles {
	p := &profiles{awsConfig: o.AWSConfigFile, awsCredentials: o.AWSCredentialsFile, stored: stored}
	p.use(o.Config)
	return p
}

// use takes the profiles of a config from now on.
func (p *profiles) use(conf *config.Config) {
	resolver := profile.Resolver{EndpointURL: conf.AWS.EndpointURL, ConfigFile: p.awsConfig, CredentialsFile: p.awsCredentials, Keys: p.stored}
	for _, c := range conf.Profiles {
		region := c.Region
		if region == "" {
			region = conf.AWS.Region
		}
		resolver.Profiles = append(resolver.Profiles, profile.Settings{
			Name: c.Name, SourceProfile: c.SourceProfile, MFASerial: c.MFASerial, RoleARN: c.RoleARN,
			RoleSessionName: c.RoleSessionName, ExternalID: c.ExternalID, Duration: c.Duration,
			RoleDuration: c.RoleDuration, Region: region, EndpointURL: c.EndpointURL,
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.config, p.resolver, p.wants = conf, resolver, map[string]session.Want{}
}

// forget has every profile resolved anew: keys have changed.
func (p *profiles) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.wants)
}

// present returns what profiles are resolved by now.
func (p *profiles) present() (*config.Config, profile.Resolver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.config, p.resolver
}

// want returns what a profile asks for.
func (p *profiles) want(ctx context.Context, name string) (session.Want, error) {
	p.mu.Lock()
	if now := time.Now(); now.Sub(p.looked) >= lookAfter {
		p.look(now)
	}
	conf, resolver, stamp := p.config, p.resolver, p.stamp
	w, known := p.wants[name]
	p.mu.Unlock()
	if known {
		return w, nil
	}
	plan, err := resolver.Resolve(ctx, name)
	if err != nil {
		return session.Want{}, err
	}
	c, _ := conf.Profile(name)
	w = session.Want{Profile: name, Plan: plan, AllowEmulated: c.AllowEmulated, Credential: c.Credential, MinTTL: c.MinTTL, MaxAge: c.MaxAge,
		Attested: c.Attested == config.AttestedRequired, AutoResync: c.Resync == config.ResyncAuto, Typed: c.Token == config.TokenPrompt,
		Confirm: c.Confirm != config.ConfirmNever, Solo: c.Confirm == config.ConfirmEachUse}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stamp == stamp && p.config == conf {
		p.wants[name] = w
	}
	return w, nil
}

// look forgets what it found where the AWS files have changed. mu is held.
func (p *profiles) look(now time.Time) {
	stamp := [2]fileStamp{stampOf(p.awsConfig), stampOf(p.awsCredentials)}
	p.looked = now
	if stamp != p.stamp {
		p.stamp = stamp
		clear(p.wants)
	}
}

// asker returns a profile as far as its MFA device goes.
func (p *profiles) asker(ctx context.Context, name string) (mfa.Asker, error) {
	conf, resolver := p.present()
	ground, err := resolver.LongTerm(ctx, name)
	if err != nil {
		return mfa.Asker{}, err
	}
	c, _ := conf.Profile(name)
	return mfa.Asker{Profile: name, Endpoint: ground.Endpoint, Keys: ground.Keys, MFASerial: ground.MFASerial,
		Credential: c.Credential, AllowEmulated: c.AllowEmulated, Attested: c.Attested == config.AttestedRequired,
		AutoResync: c.Resync == config.ResyncAuto, Typed: c.Token == config.TokenPrompt}, nil
}

// askers returns every profile of fob's config whose keys can be read.
func (p *profiles) askers(ctx context.Context) []mfa.Asker {
	var list []mfa.Asker
	conf, _ := p.present()
	for _, c := range conf.Profiles {
		if a, err := p.asker(ctx, c.Name); err == nil {
			list = append(list, a)
		}
	}
	return list
}

func stampOf(file string) fileStamp {
	info, err := os.Stat(file)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{changed: info.ModTime(), size: info.Size()}
}
