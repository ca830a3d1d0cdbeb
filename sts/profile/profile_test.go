package profile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

const (
	carol  = "arn:aws:iam::111122223333:mfa/carol"
	roleA  = "arn:aws:iam::111122223333:role/A"
	roleB  = "arn:aws:iam::444455556666:role/team/B"
	secret = "wJalrXUtnFEMIK7MDENG"
)

// keysFile is a credentials file as people have it.
const keysFile = `
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = ` + secret + `

[dev-keys]
aws_access_key_id = AKIADEV
aws_secret_access_key = ` + secret + `

[session]
aws_access_key_id = ASIASESSION
aws_secret_access_key = ` + secret + `
aws_session_token = ` + secret + `
`

// write makes a Resolver over files of that content; "" leaves a file out.
func write(t testing.TB, config, credentials string) Resolver {
	t.Helper()
	dir := t.TempDir()
	r := Resolver{ConfigFile: filepath.Join(dir, "config"), CredentialsFile: filepath.Join(dir, "credentials")}
	for file, content := range map[string]string{r.ConfigFile: config, r.CredentialsFile: credentials} {
		if content != "" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

// describe writes a plan as a line per call, the first call first.
func describe(p sts.Plan) string {
	var parent, with string
	if p.Parent != nil {
		parent = describe(*p.Parent) + "\n"
	} else {
		with = " by " + p.Keys.AccessKeyID
	}
	line := string(p.Call) + with + " for " + p.Duration.String() + " at " + p.Endpoint.Region
	if p.Endpoint.URL != "" {
		line += " of " + p.Endpoint.URL
	}
	if p.MFASerial != "" {
		line += " with " + p.MFASerial
	}
	if p.Role != (sts.Role{}) {
		line += " as " + p.Role.ARN + " " + p.Role.SessionName
		if p.Role.ExternalID != "" {
			line += " " + p.Role.ExternalID
		}
	}
	return parent + line
}

// resolved is one case of TestResolve.
type resolved struct {
	name    string
	own     []Settings
	url     string
	config  string
	profile string // "dev" where left out
	want    string
}

var resolvedCases = []resolved{
	{
		name: "fob's profile over a key profile",
		own:  []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol, Duration: 8 * time.Hour, Region: "eu-west-1"}},
		want: "GetSessionToken by AKIADEV for 8h0m0s at eu-west-1 with " + carol,
	}, {
		name: "defaults",
		own:  []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: "GAHT12345678"}},
		want: "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with GAHT12345678",
	}, {
		name:   "the AWS profile fills in what fob's leaves out",
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys"}},
		config: "[profile dev]\nmfa_serial = " + carol + "\nregion = eu-north-1\ncredential_process = fob credentials --profile dev\n",
		want:   "GetSessionToken by AKIADEV for 12h0m0s at eu-north-1 with " + carol,
	}, {
		name:   "fob's settings win",
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol, Region: "eu-west-1"}},
		config: "[profile dev]\nmfa_serial = GAHT12345678\nregion = eu-north-1\n",
		want:   "GetSessionToken by AKIADEV for 12h0m0s at eu-west-1 with " + carol,
	}, {
		name:   "the region of the source",
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev-keys]\nregion = us-gov-west-1\n",
		want:   "GetSessionToken by AKIADEV for 12h0m0s at us-gov-west-1 with " + carol,
	}, {
		name: "a profile with keys of its own", profile: "dev-keys",
		config: "[profile dev-keys]\nmfa_serial = " + carol + "\n",
		want:   "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with " + carol,
	}, {
		name: "a profile that names itself", profile: "dev-keys",
		own:  []Settings{{Name: "dev-keys", SourceProfile: "dev-keys", MFASerial: carol}},
		want: "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with " + carol,
	}, {
		name: "an AWS profile that names itself", profile: "dev-keys",
		config: "[profile dev-keys]\nrole_arn = " + roleA + "\nsource_profile = dev-keys\nmfa_serial = " + carol + "\n",
		want: "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with " + carol +
			"\nAssumeRole for 1h0m0s at us-east-1 as " + roleA + " fob-dev-keys",
	}, {
		name: "default", profile: "default",
		config: "[default]\nmfa_serial = " + carol + "\n",
		want:   "GetSessionToken by AKIADEFAULT for 12h0m0s at us-east-1 with " + carol,
	}, {
		name: "a role of the AWS config",
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = dev-keys\nmfa_serial = " + carol +
			"\nexternal_id = ext\nrole_session_name = carol\nduration_seconds = 1800\nregion = eu-west-1\n",
		want: "GetSessionToken by AKIADEV for 12h0m0s at eu-west-1 with " + carol +
			"\nAssumeRole for 30m0s at eu-west-1 as " + roleA + " carol ext",
	}, {
		name: "a role without an MFA device",
		own:  []Settings{{Name: "dev", SourceProfile: "dev-keys", RoleARN: roleA, RoleDuration: 2 * time.Hour}},
		want: "AssumeRole by AKIADEV for 2h0m0s at us-east-1 as " + roleA + " fob-dev",
	}, {
		name: "a role for longer than an hour takes the code itself",
		own:  []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol, RoleARN: roleA, RoleDuration: 4 * time.Hour}},
		want: "AssumeRole by AKIADEV for 4h0m0s at us-east-1 with " + carol + " as " + roleA + " fob-dev",
	}, {
		name: "a role for an hour doesn't",
		own:  []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol, RoleARN: roleA, RoleDuration: time.Hour, Duration: time.Hour}},
		want: "GetSessionToken by AKIADEV for 1h0m0s at us-east-1 with " + carol +
			"\nAssumeRole for 1h0m0s at us-east-1 as " + roleA + " fob-dev",
	}, {
		name: "a chain of roles, the one in between cut to the hour",
		own: []Settings{
			{Name: "dev", SourceProfile: "hub", RoleARN: roleB, RoleDuration: 30 * time.Minute},
			{Name: "hub", SourceProfile: "dev-keys", MFASerial: carol, RoleARN: roleA, RoleDuration: 4 * time.Hour, Duration: 10 * time.Hour},
		},
		want: "GetSessionToken by AKIADEV for 10h0m0s at us-east-1 with " + carol +
			"\nAssumeRole for 1h0m0s at us-east-1 as " + roleA + " fob-hub" +
			"\nAssumeRole for 30m0s at us-east-1 as " + roleB + " fob-dev",
	}, {
		name: "roles of the AWS config over a profile that fob serves",
		own:  []Settings{{Name: "base", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = base\nmfa_serial = " + carol +
			"\n[profile base]\ncredential_process = /usr/local/bin/fob credentials --profile base\n",
		want: "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with " + carol +
			"\nAssumeRole for 1h0m0s at us-east-1 as " + roleA + " fob-dev",
	}, {
		name: "an endpoint for all of fob", url: "http://127.0.0.1:4566",
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nendpoint_url = http://127.0.0.1:9999\n",
		want:   "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 of http://127.0.0.1:4566 with " + carol,
	}, {
		name: "an endpoint of the profile", url: "http://127.0.0.1:4566",
		own:  []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol, EndpointURL: "https://aws.example"}},
		want: "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 of https://aws.example with " + carol,
	}, {
		name:   "an endpoint of S3 alone is nobody's business",
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nservices = local\n[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:9000\n",
		want:   "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with " + carol,
	}, {
		name:   "an endpoint that AWS tools don't follow either",
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nendpoint_url = http://127.0.0.1:9999\nignore_configured_endpoint_urls = true\n",
		want:   "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with " + carol,
	}, {
		name: "a name that AWS wouldn't take", profile: "dev ü/" + strings.Repeat("x", 80),
		own:  []Settings{{Name: "dev ü/" + strings.Repeat("x", 80), SourceProfile: "dev-keys", RoleARN: roleA}},
		want: "AssumeRole by AKIADEV for 1h0m0s at us-east-1 as " + roleA + " fob-dev---" + strings.Repeat("x", 54),
	},
}

func TestResolve(t *testing.T) {
	for _, test := range resolvedCases {
		t.Run(test.name, func(t *testing.T) {
			r := write(t, test.config, keysFile)
			r.Profiles, r.EndpointURL = test.own, test.url
			if test.profile == "" {
				test.profile = "dev"
			}
			p, err := r.Resolve(context.Background(), test.profile)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(p); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if p.Root().Keys.SecretAccessKey.Reveal() != secret {
				t.Error("the secret key is missing")
			}
		})
	}
}

// Nothing but the files that are named is read.
func TestEnvironmentHasNoSay(t *testing.T) {
	other := write(t, "[profile dev]\nrole_arn = "+roleB+"\nsource_profile = default\nregion = ap-south-1\nendpoint_url = http://127.0.0.1:1\n", keysFile)
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": other.ConfigFile, "AWS_SHARED_CREDENTIALS_FILE": other.CredentialsFile, "AWS_PROFILE": "default",
		"AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "ap-south-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
		"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "other", "HOME": filepath.Dir(other.ConfigFile),
	} {
		t.Setenv(name, value)
	}
	r := write(t, "", keysFile)
	r.Profiles = []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}}
	p, err := r.Resolve(context.Background(), "dev")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describe(p), "GetSessionToken by AKIADEV for 12h0m0s at us-east-1 with "+carol; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := (Resolver{}).Resolve(context.Background(), "dev"); err == nil {
		t.Error("without files a profile was found")
	}
}

func TestLongTerm(t *testing.T) {
	r := write(t, "[profile dev]\nregion = eu-west-1\n", keysFile)
	r.Profiles = []Settings{{Name: "dev", SourceProfile: "dev-keys"}}
	got, err := r.LongTerm(context.Background(), "dev")
	want := LongTerm{
		Profile: "dev-keys", Keys: sts.Keys{AccessKeyID: "AKIADEV", SecretAccessKey: secret},
		Endpoint: sts.Endpoint{Region: "eu-west-1"},
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}
