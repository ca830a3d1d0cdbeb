package setup

import (
	"strings"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/sts/profile/process"
)

// astray says why the AWS tools, or some of them, don't read a profile's settings
// from its section, and what to do; "" where they do.
func astray(config *awsfile.File, name, section string) (why, hint string) {
	sections := config.ProfileSections(name)
	switch {
	case len(sections) > 1:
		return "it stands in more than one section, [" + strings.Join(sections, "] and [") + "], of which the AWS tools take one",
			"put what they say into one of them, then run 'fob doctor'"
	case awsfile.Overlooked(section):
		return "[" + section + "] has a blank in its name and no quotes, so the AWS CLI and boto3 don't see it",
			"write it [" + awsfile.ConfigSection(name) + "], then run 'fob doctor'"
	}
	return "", ""
}

// signIns are the settings by which the AWS tools get credentials in another way
// than by credential_process, before they look at it: of IAM Identity Center, of
// "aws login", and of a web identity.
var signIns = []string{"sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name", "login_session", "web_identity_token_file"}

// prompting are the settings of a profile for which the AWS tools ask for a code
// themselves, or that have them look for credentials elsewhere.
var prompting = []string{"role_arn", "mfa_serial", "source_profile"}

// signInWins is what becomes of a profile with one of them.
const signInWins = "the AWS tools sign in by it, and leave fob out"

// Traps finds what makes the AWS tools take other credentials than fob's, in
// silence or with a prompt (AWS SDKs and Tools Reference Guide, "Credential
// provider chain"), in profiles that are fob's; it tells of each of them. environ
// is as os.Environ.
func Traps(config, credentials *awsfile.File, environ []string) []api.Check {
	var found []api.Check
	for _, section := range config.Sections() {
		name, ok := awsfile.Profile(section)
		command, is := config.Get(section, "credential_process")
		if !ok || !is || !process.IsFob(command) {
			continue
		}
		before := len(found)
		if why, hint := astray(config, name, section); why != "" {
			found = append(found, trap(name, why, hint))
		}
		if _, own := credentials.Get(name, "aws_access_key_id"); own {
			found = append(found, trap(name, "long-term keys stand under the same name in the credentials file; they win over fob, and no MFA happens",
				"rename ["+name+"] there to ["+KeysName(name)+"], and set source_profile: "+KeysName(name)+" in fob.yaml"))
		}
		if _, own := config.Get(section, "aws_access_key_id"); own {
			found = append(found, trap(name, "long-term keys stand in the profile itself; they win over fob, and no MFA happens",
				"move them to a profile of their own, and name it as source_profile in fob.yaml"))
		}
		found = append(found, beside(name, config, section, "")...)
		// Of a setting that stands in both files the AWS tools take this one's.
		found = append(found, beside(name, credentials, name, " in the credentials file")...)
		if other, there := credentials.Get(name, "credential_process"); there && !process.IsFob(other) {
			found = append(found, trap(name, "another credential_process stands in the credentials file; it wins over fob",
				"take it out there"))
		}
		if len(found) == before {
			found = append(found, api.Check{Name: "AWS profile " + name, State: api.CheckOK, Message: "is served by fob alone"})
		}
	}
	for _, row := range environ {
		if name, value, _ := strings.Cut(row, "="); (name == "AWS_ACCESS_KEY_ID" || name == "AWS_SECRET_ACCESS_KEY") && value != "" && len(found) > 0 {
			found = append(found, api.Check{Name: "environment", State: api.CheckWarn,
				Message: name + " is set: it wins over every profile", Hint: "unset " + name})
		}
	}
	return found
}

// beside finds what must not stand beside credential_process in a file's section
// of a profile.
func beside(profile string, file *awsfile.File, section, where string) (found []api.Check) {
	for _, key := range prompting {
		if _, there := file.Get(section, key); there {
			found = append(found, trap(profile, key+where+" stands beside credential_process; the AWS tools then ask for a code themselves, or leave fob out",
				"move "+key+" to the profile in fob.yaml"))
		}
	}
	for _, key := range signIns {
		if _, there := file.Get(section, key); there {
			found = append(found, trap(profile, key+where+" stands beside credential_process; "+signInWins,
				"take "+key+" out of the profile, or credential_process where the sign-in is meant"))
		}
	}
	return found
}

func trap(profile, message, hint string) api.Check {
	return api.Check{Name: "AWS profile " + profile, State: api.CheckFail, Message: message, Hint: hint}
}
