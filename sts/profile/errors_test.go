package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

// refusedCase is a profile that can't be served. says are words that its error
// must hold; CONFIG and CREDENTIALS stand for the files' paths.
type refusedCase struct {
	name    string
	own     []Settings
	url     string
	config  string
	profile string // "dev" where left out
	as      any
	says    []string
}

var refusedCases = []refusedCase{
	{
		name: "unknown", as: new(*UnknownError), says: []string{`"dev"`, "CONFIG", "CREDENTIALS"},
	}, {
		name: "unknown source of fob's profile", as: new(*UnknownError),
		own: []Settings{{Name: "dev", SourceProfile: "nobody", MFASerial: carol}}, says: []string{`"nobody"`, `source_profile of "dev"`},
	}, {
		name: "unknown source of an AWS profile", as: new(*UnknownError),
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = nobody\n", says: []string{`"nobody"`, `"dev"`},
	}, {
		name: "a source that only fob's config knows", as: new(*FileError),
		own:    []Settings{{Name: "base", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = base\n", says: []string{"CONFIG", `"base"`, "fob's config"},
	}, {
		name: "no keys", as: new(*KeysError), own: []Settings{{Name: "dev", MFASerial: carol}},
		says: []string{`"dev"`, "aws_access_key_id", "CREDENTIALS"},
	}, {
		name: "a source without keys", as: new(*KeysError), own: []Settings{{Name: "dev", SourceProfile: "empty", MFASerial: carol}},
		config: "[profile empty]\nregion = eu-west-1\n", says: []string{`"empty"`, "aws_access_key_id"},
	}, {
		name: "an AWS source without keys", as: new(*KeysError),
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = empty\n[profile empty]\nregion = eu-west-1\n",
		says:   []string{`"empty"`, "aws_access_key_id"},
	}, {
		name: "half a key", as: new(*FileError), own: []Settings{{Name: "dev", SourceProfile: "half", MFASerial: carol}},
		config: "[profile half]\naws_secret_access_key = " + secret + "\n", says: []string{"CONFIG", `"half"`},
	}, {
		name: "a session's keys", as: new(*KeysError), own: []Settings{{Name: "dev", SourceProfile: "session", MFASerial: carol}},
		says: []string{`"session"`, "long-term"},
	}, {
		name: "fob by credential_process", as: new(*LoopError),
		config: "[profile dev]\ncredential_process = fob credentials --profile dev\n", says: []string{`"dev"`, "fob credentials --profile dev"},
	}, {
		name: "fob by credential_process of the source", as: new(*LoopError),
		own:    []Settings{{Name: "dev", SourceProfile: "base", MFASerial: carol}},
		config: "[profile base]\ncredential_process = \"/opt/my tools/fob\" credentials --profile dev\n", says: []string{"dev → base"},
	}, {
		name: "fob by credential_process of an AWS source", as: new(*LoopError),
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = base\n[profile base]\ncredential_process = /usr/bin/env X=1 fob credentials --profile dev\n",
		says:   []string{"dev → base", "env X=1 fob"},
	}, {
		name: "a profile whose own keys are fob's", as: new(*LoopError),
		own:    []Settings{{Name: "dev", SourceProfile: "dev", MFASerial: carol}},
		config: "[profile dev]\ncredential_process = fob credentials --profile dev\n", says: []string{"from fob itself"},
	}, {
		name: "another program", as: new(*SourceError), own: []Settings{{Name: "dev", SourceProfile: "base", MFASerial: carol}},
		config: "[profile base]\ncredential_process = /usr/bin/other --name fob\n", says: []string{`"base"`, "never runs a credential_process"},
	}, {
		name: "single sign-on", as: new(*SourceError), own: []Settings{{Name: "dev", SourceProfile: "base", MFASerial: carol}},
		config: "[profile base]\nsso_session = s\n[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x\n", says: []string{"sso_session"},
	}, {
		name: "old single sign-on", as: new(*SourceError), own: []Settings{{Name: "dev", SourceProfile: "base", MFASerial: carol}},
		config: "[profile base]\nsso_start_url = https://x\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r\n", says: []string{"sso_start_url"},
	}, {
		name: "web identity", as: new(*SourceError), own: []Settings{{Name: "dev", SourceProfile: "base", MFASerial: carol}},
		config: "[profile base]\nrole_arn = " + roleA + "\nweb_identity_token_file = /x\n", says: []string{"web_identity_token_file"},
	}, {
		name: "credential_source", as: new(*SourceError), own: []Settings{{Name: "dev", SourceProfile: "base", MFASerial: carol}},
		config: "[profile base]\nrole_arn = " + roleA + "\ncredential_source = Ec2InstanceMetadata\n", says: []string{"credential_source"},
	}, {
		name: "a browser's login", as: new(*SourceError), own: []Settings{{Name: "dev", SourceProfile: "base", MFASerial: carol}},
		config: "[profile base]\nlogin_session = arn:aws:iam::111122223333:user/carol\n", says: []string{"login_session"},
	}, {
		name: "a circle", as: new(*LoopError),
		own:  []Settings{{Name: "dev", SourceProfile: "b"}, {Name: "b", SourceProfile: "c"}, {Name: "c", SourceProfile: "dev"}},
		says: []string{"dev → b → c → dev"},
	}, {
		name: "a circle that doesn't come back", as: new(*LoopError),
		own:  []Settings{{Name: "dev", SourceProfile: "b"}, {Name: "b", SourceProfile: "c"}, {Name: "c", SourceProfile: "b"}},
		says: []string{"dev → b → c → b"},
	}, {
		name: "a circle in the AWS config", as: new(*LoopError),
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = b\n[profile b]\nrole_arn = " + roleA + "\nsource_profile = c\n" +
			"[profile c]\nrole_arn = " + roleA + "\nsource_profile = b\n",
		says: []string{"in a circle: b → … → b"},
	}, {
		name: "a role for longer than AWS takes", as: new(*SettingError),
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = dev-keys\nduration_seconds = 99999\n", says: []string{"duration_seconds", "900 to 43200"},
	}, {
		name: "a chain without end", as: new(*SettingError), own: longChain(40), profile: "p0", says: []string{"source_profile"},
	}, {
		name: "an endpoint that only the AWS config names", as: new(*EndpointError),
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nendpoint_url = https://aws.example\n", says: []string{"CONFIG", "https://aws.example", "in fob's own config"},
	}, {
		name: "an endpoint of the source", as: new(*EndpointError),
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev-keys]\nendpoint_url = https://aws.example\n", says: []string{`"dev-keys"`},
	}, {
		name: "an endpoint in a services section", as: new(*EndpointError),
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nservices = local\n[services local]\nsts =\n  endpoint_url = https://aws.example\n", says: []string{"services local, sts"},
	}, {
		name: "an endpoint of IAM in a services section", as: new(*EndpointError),
		own:    []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}},
		config: "[profile dev]\nservices = local\n[services local]\niam =\n  endpoint_url = https://aws.example\n", says: []string{"services local, iam"},
	}, {
		name: "an endpoint in plain text", as: new(*sts.EndpointError), url: "http://aws.example",
		own: []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}}, says: []string{"plain text"},
	}, {
		name: "two MFA devices", as: new(*SettingError),
		own:  []Settings{{Name: "dev", SourceProfile: "hub", RoleARN: roleB, MFASerial: carol}, {Name: "hub", SourceProfile: "dev-keys", RoleARN: roleA, MFASerial: "GAHT12345678"}},
		says: []string{"mfa_serial", carol, "GAHT12345678"},
	}, {
		name: "nothing to ask for", as: new(*SettingError), own: []Settings{{Name: "dev", SourceProfile: "dev-keys"}}, says: []string{"mfa_serial"},
	}, {
		name: "a long role in a chain", as: new(*ChainDurationError),
		own:  []Settings{{Name: "dev", SourceProfile: "hub", RoleARN: roleB, RoleDuration: 2 * time.Hour}, {Name: "hub", SourceProfile: "dev-keys", MFASerial: carol, RoleARN: roleA}},
		says: []string{`"dev"`, "2h0m0s", "chains 2"},
	},
	bad("mfa_serial", Settings{MFASerial: "GAHT1234"}),
	bad("mfa_serial", Settings{MFASerial: "GAHT 12345678"}),
	bad("role_arn", Settings{RoleARN: "A"}),
	bad("role_arn", Settings{RoleARN: "arn:aws:iam::111122223333:user/carol"}),
	bad("role_arn", Settings{RoleARN: roleA + strings.Repeat("x", 2048)}),
	bad("role_session_name", Settings{RoleARN: roleA, RoleSessionName: "x"}),
	bad("role_session_name", Settings{RoleARN: roleA, RoleSessionName: "a b"}),
	bad("external_id", Settings{RoleARN: roleA, ExternalID: "ü"}),
	bad("duration", Settings{MFASerial: carol, Duration: 14 * time.Minute}),
	bad("duration", Settings{MFASerial: carol, Duration: 37 * time.Hour}),
	bad("duration", Settings{MFASerial: carol, Duration: -time.Hour}),
	bad("duration", Settings{MFASerial: carol, Duration: time.Hour + time.Millisecond}),
	bad("role_duration", Settings{RoleARN: roleA, RoleDuration: 13 * time.Hour}),
	bad("role_duration", Settings{RoleARN: roleA, RoleDuration: time.Minute}),
	{
		name: "a lifetime that is no number", as: new(*SettingError),
		config: "[profile dev]\nrole_arn = " + roleA + "\nsource_profile = dev-keys\nduration_seconds = an hour\n", says: []string{"duration_seconds"},
	},
}

// bad is a case of one value that AWS wouldn't take.
func bad(setting string, s Settings) refusedCase {
	s.Name, s.SourceProfile = "dev", "dev-keys"
	return refusedCase{name: fmt.Sprintf("bad %+v", s), own: []Settings{s}, as: new(*SettingError), says: []string{`"dev": ` + setting}}
}

func longChain(n int) (list []Settings) {
	for i := range n {
		list = append(list, Settings{Name: fmt.Sprintf("p%d", i), SourceProfile: fmt.Sprintf("p%d", i+1)})
	}
	return list
}

func TestRefused(t *testing.T) {
	for _, test := range refusedCases {
		t.Run(test.name, func(t *testing.T) {
			r := write(t, test.config+"\n[profile unrelated]\nregion = eu-west-1\n", keysFile)
			r.Profiles, r.EndpointURL = test.own, test.url
			if test.profile == "" {
				test.profile = "dev"
			}
			_, err := r.Resolve(context.Background(), test.profile)
			if err == nil || !errors.As(err, test.as) {
				t.Fatalf("error %v (%T), want %T", err, err, test.as)
			}
			for _, word := range test.says {
				word = strings.NewReplacer("CONFIG", r.ConfigFile, "CREDENTIALS", r.CredentialsFile).Replace(word)
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q doesn't say %q", err, word)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q shows the secret key", err)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	r := write(t, "[profile dev]\n", keysFile)
	var bad *FileError
	if err := os.Truncate(r.ConfigFile, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(context.Background(), "dev"); !errors.As(err, &bad) || bad.File != r.ConfigFile {
		t.Errorf("a huge file: %v", err)
	}
	r.ConfigFile = t.TempDir()
	if _, err := r.Resolve(context.Background(), "dev"); !errors.As(err, &bad) || bad.File != r.ConfigFile {
		t.Errorf("a folder: %v", err)
	}
	r = write(t, "", "")
	var unknown *UnknownError
	if _, err := r.Resolve(context.Background(), "dev"); !errors.As(err, &unknown) {
		t.Errorf("no files: %v", err)
	}
}

// Whatever stands in the AWS files, an answer comes, and a plan's code goes
// nowhere but to AWS.
func FuzzResolve(f *testing.F) {
	for _, test := range resolvedCases {
		f.Add([]byte(test.config), []byte(keysFile))
	}
	for _, test := range refusedCases {
		f.Add([]byte(test.config), []byte(keysFile))
	}
	f.Fuzz(func(t *testing.T, config, credentials []byte) {
		r := write(t, string(config), string(credentials))
		r.Profiles = []Settings{{Name: "own", SourceProfile: "dev", MFASerial: carol}}
		for _, name := range []string{"own", "dev", "default"} {
			p, err := r.Resolve(context.Background(), name)
			if err != nil {
				if !typed(err) {
					t.Errorf("error of type %T: %v", err, err)
				}
				continue
			}
			for q := &p; q != nil; q = q.Parent {
				if q.Endpoint.URL != "" || q.Endpoint.Validate() != nil {
					t.Errorf("profile %q: endpoint %+v", name, q.Endpoint)
				}
			}
			if root := p.Root(); root.Keys.AccessKeyID == "" || root.Keys.SessionToken != "" {
				t.Errorf("profile %q: root plan %+v", name, root)
			}
		}
	})
}

func typed(err error) bool {
	for _, as := range []any{
		new(*UnknownError), new(*FileError), new(*KeysError), new(*LoopError), new(*SourceError), new(*EndpointError),
		new(*SettingError), new(*ChainDurationError), new(*sts.EndpointError),
	} {
		if errors.As(err, as) {
			return true
		}
	}
	return false
}
