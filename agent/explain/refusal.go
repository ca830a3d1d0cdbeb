package explain

import (
	"errors"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/sts"
)

// refusal explains what AWS said, or that it said nothing. What a code's
// refusal means takes more than the refusal; the one who sent it knows.
func refusal(err error, _ time.Time) *api.Error {
	var r *sts.Refusal
	if !errors.As(err, &r) {
		return nil
	}
	var endpoint *sts.EndpointError
	if r.Class == sts.Unsent && errors.As(r.Err, &endpoint) {
		return &api.Error{Code: api.EndpointRefused, Hint: "correct endpoint_url in fob.yaml, then run 'fobd check'"}
	}
	if r.Class == sts.Unanswered && !takesCode(r.Action) {
		return &api.Error{Code: api.AWSUnanswered, Hint: "run the command again; 'fob doctor' shows whether AWS answers"}
	}
	row, ok := refusals()[r.Class]
	if !ok {
		row = told{api.AWSError, "'fob status' and AWS's own status page may tell more"}
	}
	return &api.Error{Code: row.code, Hint: row.hint}
}

// takesCode reports whether an action's next try costs another code.
func takesCode(action string) bool {
	return action == string(sts.GetSessionToken) || action == string(sts.AssumeRole)
}

// A told is how a class of refusal is told.
type told struct {
	code api.ErrorCode
	hint string
}

func refusals() map[sts.Class]told {
	const keys = "'fob keys list' shows where the long-term keys are, and 'fob doctor' whether AWS takes them"
	return map[sts.Class]told{
		sts.WrongCode:     {api.CodeRefused, "run 'fob drift', then 'fob resync' if the token's clock is off"},
		sts.WrongPair:     {api.CodeRefused, "run 'fob drift'; if the seed isn't the device's, enrol the token again with 'fob enroll'"},
		sts.Unverifiable:  {api.MFARefused, "'aws iam list-mfa-devices' shows the user's devices"},
		sts.MissingMFA:    {api.AWSError, "'fobd check' reads the profile's mfa_serial"},
		sts.NeedsMFA:      {api.Denied, "a user who has an MFA device changes devices with an MFA session only: use an administrator's keys, or have 'fob exec' run the AWS CLI on such a session"},
		sts.BadKeys:       {api.BadKeys, keys},
		sts.BadSignature:  {api.BadKeys, keys},
		sts.SessionCaller: {api.BadKeys, "set source_profile to long-term keys, then run 'fobd check'"},
		sts.Expired:       {api.BadKeys, "set source_profile to long-term keys, then run 'fobd check'"},
		sts.Skewed:        {api.AWSError, "set the host's clock: 'timedatectl set-ntp true'"},
		sts.Denied:        {api.Denied, "ask the account's administrator for the permission that the message names"},
		sts.RootCaller:    {api.Denied, "use an IAM user's keys; 'aws sts get-caller-identity' shows whose they are"},
		sts.RoleDuration:  {api.Denied, "set role_duration in fob.yaml to what the role allows, then run 'fobd check'"},
		sts.ChainDuration: {api.Denied, "set role_duration in fob.yaml to 1h, then run 'fobd check'"},
		sts.Missing:       {api.MFARefused, "'aws iam list-mfa-devices' shows the user's devices"},
		sts.Exists:        {api.Ambiguous, "'fob unenroll' takes away a device that is in use, --name makes one of another name; 'aws iam list-virtual-mfa-devices' shows the account's"},
		sts.Limit:         {api.Denied, "'aws iam list-mfa-devices' shows the user's devices; remove one that isn't used"},
		sts.Throttled:     {api.AWSError, "ask again in a few seconds; 'fob sessions' shows what is cached"},
		sts.Fault:         {api.AWSError, "ask again in a few seconds; 'fob sessions' shows what is cached"},
		sts.Unsent:        {api.AWSUnreachable, "check the network; nothing was sent, and no code is used up. 'fob status' shows the agent"},
		sts.Unanswered:    {api.AWSUnanswered, "ask again: 'fob credentials' takes another code"},
	}
}
