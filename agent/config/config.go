// Package config reads fob.yaml, the agent's one configuration file, and finds
// the folders and files that the environment names.
//
// The file is read strictly: a key that isn't known, stands there twice or has
// a value of another type is an error that names file, line and column, since a
// setting that is quietly passed over may be one that somebody relies on. So is
// a setting that this agent doesn't serve and whose absence would make a
// profile less safe than it was meant to be. The package holds no secret: keys
// and seeds are never in fob.yaml.
package config

import (
	"time"
)

// A Config is what fob.yaml says, with defaults filled in.
type Config struct {
	// Socket is the agent's socket, an absolute path; empty for the default.
	Socket string
	// Seal is where the key is kept that seals what the agent keeps on the
	// disk; default auto.
	Seal     Seal
	Devices  Devices
	Notify   Notify
	AWS      AWS
	Profiles []Profile
	// IdleExit is how long an agent that the service manager started for its
	// socket stays without a request; default 30 minutes, 0 for ever.
	IdleExit time.Duration
	// LockAfter is how long nobody may act before the agent locks itself; 0,
	// the default, for ever.
	LockAfter time.Duration
	Limits    Limits
	Remote    Remote
	// Landlock is whether the agent confines itself to its own places, where
	// the kernel can do that; default true.
	Landlock bool
}

// Limits bound what one caller may do; a cached session costs nothing.
type Limits struct {
	// PerSecond acts are let through in the long run, default 20, and Burst at
	// once, default 400; 0 for any number.
	PerSecond, Burst int
}

// Remote is the restricted socket, for callers elsewhere.
type Remote struct {
	// Socket is its path; empty for none.
	Socket string
}

// A Caller is a program that may ask for a profile, by patterns of its path and
// of that of a program above it. What is left empty isn't looked at.
type Caller struct{ Exe, StartedBy string }

// Seal is where the system keeps the agent's sealing key.
type Seal string

// The values of Seal.
const (
	// SealAuto: in the Secret Service, else in the kernel keyring.
	SealAuto          Seal = "auto"
	SealSecretService Seal = "secret-service"
	SealKeyring       Seal = "keyring"
	// SealOff: nowhere; sessions stay in memory.
	SealOff Seal = "off"
)

// Profile returns the profile of that name, and whether there is one; a name
// that the file doesn't have gets the defaults.
func (c *Config) Profile(name string) (Profile, bool) {
	for _, p := range c.Profiles {
		if p.Name == name {
			return p, true
		}
	}
	p := defaultProfile()
	p.Name = name
	return p, false
}

// Notify is how the person before the machine is told that a token waits.
type Notify struct {
	// Desktop is whether the desktop's notifications are used; default true.
	Desktop bool
	// TouchSocket is whether yubikey-touch-detector's socket is served;
	// default false.
	TouchSocket bool
}

// Devices says which tokens the agent looks for.
type Devices struct {
	// PCSC is whether smart cards are looked for; default true.
	PCSC bool
	// Serial are the ports on which fobs may be. Ports aren't searched: to
	// open one can reset what is there.
	Serial []Serial
	// Emulated are the sockets of benches; none by default, so that an
	// emulated token exists only where the file says so.
	Emulated []Emulated
	// EmulatedRoot is the file of the certificate (PEM) under which a bench's
	// tokens prove their serials, an absolute path; empty, the default, to
	// trust no bench.
	EmulatedRoot string
	// Prompt is whether digits may be typed by the user; default true.
	Prompt bool
	// Pinentry is the program that asks the user where no terminal and no
	// tool does, an absolute path; empty for the one on the PATH, where there
	// is a display.
	Pinentry string
	// Record is the folder, an absolute path, into which what goes between the
	// agent and its cards is recorded, without secrets; empty, the default, for
	// no recording.
	Record string
}

// An Emulated is a bench of emulated tokens.
type Emulated struct {
	// Socket is the bench's socket, an absolute path.
	Socket string
}

// AWS says where AWS is for profiles that don't say it themselves.
type AWS struct {
	// EndpointURL replaces AWS's own endpoints; empty for those.
	EndpointURL string
	// Region is the default region; empty where a profile names its own.
	Region string
}

// A Profile is what one name in the AWS config means to the agent. What it
// leaves empty is taken from the AWS config's profile of the same name.
type Profile struct {
	Name string
	// SourceProfile is where the long-term keys are.
	SourceProfile string
	MFASerial     string
	// Credential is the name of the credential on the token; empty to find it
	// by the binding.
	Credential string
	// Token is TokenPrompt where the codes are read from a display and typed;
	// empty for a token that is plugged in.
	Token string
	// RoleARN is the role to assume; empty for none.
	RoleARN         string
	RoleSessionName string
	ExternalID      string
	Region          string
	// EndpointURL replaces that of AWS.
	EndpointURL string
	// Duration is that of GetSessionToken: 15m to 36h; 0 takes AWS's 12h.
	Duration time.Duration
	// RoleDuration is that of the role: 15m to 12h; 0 takes duration_seconds of
	// the AWS profile, else 1h.
	RoleDuration time.Duration
	// MinTTL is the life that a cached session must have left: 0 to 12h,
	// default 20m.
	MinTTL time.Duration
	// MaxAge is how old a session may be; 0, the default, is no bound.
	MaxAge time.Duration
	// AllowEmulated lets codes come from an emulated token; default false.
	AllowEmulated bool
	// Attested is whether the token has to prove its serial.
	Attested Attested
	// Confirm is when the user is asked before something is handed out.
	Confirm Confirm
	// Resync is who has two codes handed to AWS when a token's clock drifts;
	// default offer.
	Resync Resync
	// Callers are the programs that may ask; none for any.
	Callers []Caller
}

// TokenPrompt is the token of a profile whose codes are typed.
const TokenPrompt = "prompt"

// Resync is who has two codes handed to AWS when a token's clock drifts.
type Resync string

// The values of Resync.
const (
	// ResyncOffer: the user, who is told when it is time.
	ResyncOffer Resync = "offer"
	// ResyncAuto: the agent, unasked.
	ResyncAuto Resync = "auto"
)

// Attested is whether a token has to prove its serial at every connect.
type Attested string

// The values of Attested.
const (
	AttestedOptional Attested = "optional"
	AttestedRequired Attested = "required"
)

// Confirm is when the user is asked before something is handed out.
type Confirm string

// The values of Confirm.
const (
	ConfirmNever Confirm = "never"
	// ConfirmEachUse asks before each session and code, which are the
	// caller's alone.
	ConfirmEachUse Confirm = "each-use"
	// ConfirmEachSession asks before a session is made, and before each code.
	ConfirmEachSession Confirm = "each-session"
)

// Bounds of durations. Those of sessions are AWS's (AWS STS API reference,
// DurationSeconds of GetSessionToken and AssumeRole).
const (
	minDuration     = 15 * time.Minute
	maxDuration     = 36 * time.Hour
	maxRoleDuration = 12 * time.Hour
	maxMinTTL       = 12 * time.Hour
	maxIdleExit     = 30 * 24 * time.Hour
	minIdleExit     = time.Minute
	// minMaxAge is a time step: a session can't be renewed more often than
	// there are codes.
	minMaxAge = 30 * time.Second
	// minLockAfter leaves time to do something, and maxLimit bounds limits.
	minLockAfter = time.Minute
	maxLimit     = 1_000_000
)

// Those of a serial gadget.
const (
	fobPeriod   = 30 * time.Second
	minPeriod   = time.Second
	maxPeriod   = time.Hour
	minPatience = time.Second
	maxPatience = 10 * time.Minute
)

// defaults is the file that says nothing.
func defaults() *Config {
	return &Config{Landlock: true, Limits: Limits{PerSecond: 20, Burst: 400}, Seal: SealAuto, IdleExit: 30 * time.Minute, Notify: Notify{Desktop: true}, Devices: Devices{PCSC: true, Prompt: true}}
}

// defaultProfile is a profile that says nothing.
func defaultProfile() Profile {
	return Profile{
		MinTTL:   20 * time.Minute,
		Attested: AttestedOptional,
		Confirm:  ConfirmNever,
		Resync:   ResyncOffer,
	}
}
