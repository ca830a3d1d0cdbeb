package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts"
)

// The forms of AWS's parameters (STS API reference, AssumeRole and
// GetSessionToken, "Request Parameters").
var (
	serialForm      = regexp.MustCompile(`^[\w+=/:,.@-]{9,256}$`)
	roleForm        = regexp.MustCompile(`^arn:[^:\s]+:iam::\d{12}:role/[\x21-\x7e]+$`)
	sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalIDForm  = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
	notInName       = regexp.MustCompile(`[^\w+=,.@-]`)
)

// The lengths of the same parameters, in characters.
const (
	minRoleARN    = 20
	maxRoleARN    = 2048
	minExternalID = 2
	maxExternalID = 1224
	maxName       = 64
)

// validate holds a profile's values against AWS's limits.
func (l layer) validate() error {
	bad := func(setting, format string, args ...any) error {
		return &SettingError{l.name, setting, fmt.Sprintf(format, args...)}
	}
	switch {
	case l.MFASerial != "" && !serialForm.MatchString(l.MFASerial):
		return bad("mfa_serial", "%q isn't a serial number that AWS takes (9 to 256 letters, digits and +=/:,.@-)", l.MFASerial)
	case l.RoleARN != "" && (len(l.RoleARN) < minRoleARN || len(l.RoleARN) > maxRoleARN || !roleForm.MatchString(l.RoleARN)):
		return bad("role_arn", "%q isn't the ARN of a role", l.RoleARN)
	case l.RoleSessionName != "" && !sessionNameForm.MatchString(l.RoleSessionName):
		return bad("role_session_name", "%q isn't a name that AWS takes (2 to 64 letters, digits and +=,.@-)", l.RoleSessionName)
	case l.ExternalID != "" && (len(l.ExternalID) < minExternalID || len(l.ExternalID) > maxExternalID || !externalIDForm.MatchString(l.ExternalID)):
		return bad("external_id", "isn't one that AWS takes (2 to 1224 letters, digits and +=,.@:/-)")
	case l.Duration != 0 && (l.Duration < sts.MinDuration || l.Duration > sts.MaxSessionTokenDuration):
		return bad("duration", "%s is outside what AWS takes for a session: 15m to 36h", l.Duration)
	case l.RoleDuration != 0 && (l.RoleDuration < sts.MinDuration || l.RoleDuration > sts.MaxRoleDuration):
		return bad("role_duration", "%s is outside what AWS takes for a role: 15m to 12h", l.RoleDuration)
	case l.Duration%time.Second != 0 || l.RoleDuration%time.Second != 0:
		return bad("duration", "must be whole seconds")
	}
	return nil
}

// plan builds the calls from the keys up: GetSessionToken with the code, so
// that one code serves any number of roles, then AssumeRole for each role. One
// role for longer than an hour takes the code itself, since AWS ends chained
// roles after an hour. Without an MFA device the keys assume the first role
// by themselves.
func (c chain) plan() (sts.Plan, error) {
	roles := c.roles()
	top := c.layers[0].name
	long, err := c.longRole(roles)
	switch {
	case err != nil:
		return sts.Plan{}, err
	case len(roles) == 0 && c.mfaSerial == "":
		return sts.Plan{}, &SettingError{top, "mfa_serial", "is missing, and there is no role_arn either: nothing to ask AWS for"}
	}
	var parent *sts.Plan
	if c.mfaSerial != "" && !long {
		parent = &sts.Plan{
			Call: sts.GetSessionToken, Endpoint: c.endpoint, Keys: c.keys,
			MFASerial: c.mfaSerial, Duration: c.duration(sts.DefaultSessionToken),
		}
	}
	for i, l := range roles {
		p := sts.Plan{
			Call: sts.AssumeRole, Endpoint: c.endpoint, Parent: parent,
			Duration: l.roleDuration(),
			Role:     sts.Role{ARN: l.RoleARN, SessionName: l.sessionName(), ExternalID: l.ExternalID},
		}
		if i < len(roles)-1 {
			p.Duration = min(p.Duration, sts.MaxChainedDuration)
		}
		if parent == nil {
			p.Keys = c.keys
			if long {
				p.MFASerial = c.mfaSerial
			}
		}
		parent = &p
	}
	return *parent, nil
}

// roles returns the profiles of the chain that assume a role, in the order in
// which the roles are assumed.
func (c chain) roles() []layer {
	var roles []layer
	for _, l := range slices.Backward(c.layers) {
		if l.RoleARN != "" {
			roles = append(roles, l)
		}
	}
	return roles
}

// longRole reports whether the chain is one role for longer than an hour, and
// refuses longer ones in a longer chain. Only the last role's lifetime is what
// the user gets; one before it that is wanted for longer when used alone is
// cut to the hour.
func (c chain) longRole(roles []layer) (bool, error) {
	if len(roles) == 0 {
		return false, nil
	}
	last := roles[len(roles)-1]
	if last.roleDuration() <= sts.MaxChainedDuration {
		return false, nil
	}
	if len(roles) > 1 {
		return false, &ChainDurationError{Profile: last.name, Duration: last.roleDuration(), Roles: len(roles)}
	}
	return true, nil
}

// roleDuration returns how long the profile's role is wanted.
func (l layer) roleDuration() time.Duration {
	if l.RoleDuration == 0 {
		return sts.MaxChainedDuration
	}
	return l.RoleDuration
}

// sessionName returns the name of the role's session: the one that is
// configured, or one made from the profile's, so that it stays the same and
// CloudTrail shows where a session came from.
func (l layer) sessionName() string {
	if l.RoleSessionName != "" {
		return l.RoleSessionName
	}
	name := "fob-" + notInName.ReplaceAllString(strings.ToValidUTF8(l.name, "-"), "-")
	return name[:min(len(name), maxName)]
}
