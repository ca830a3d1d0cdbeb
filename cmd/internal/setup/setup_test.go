package setup

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/awsfile"
)

const carol = "arn:aws:iam::111122223333:mfa/carol"

func parse(t *testing.T, text string) *awsfile.File {
	t.Helper()
	f, err := awsfile.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func home(t *testing.T, config, credentials string, accounts ...api.Credential) Home {
	return Home{Config: parse(t, config), Credentials: parse(t, credentials), Accounts: accounts}
}

func TestMatch(t *testing.T) {
	on := func(token, id string) api.Credential { return api.Credential{Token: token, ID: id} }
	for _, c := range []struct {
		serial string
		id     string
		want   bool
	}{
		{carol, "AWS:carol", true},
		{carol, "Amazon Web Services:carol@111122223333", true},
		{carol, "Amazon Web Services:carol@example", true}, // an alias
		{carol, "Amazon Web Services:carol@444455556666", false},
		{carol, "AWS:carola", false},
		{carol, "GitHub:carol", false},
		{carol, "carol", false},
		{carol, carol, true},
		{"arn:aws:iam::111122223333:mfa/team/carol", "AWS:carol", true},
		{"GAHT12345678", "AWS:carol", false},
	} {
		if got := (Home{Accounts: []api.Credential{on("1", c.id)}}).Match(c.serial); (len(got) == 1) != c.want {
			t.Errorf("%s for %s: %v", c.id, c.serial, got)
		}
	}

	h := Home{Accounts: []api.Credential{on("1", "AWS:carol"), on("2", "AWS:carol"), {Token: "3", ID: "AWS:carol", Emulated: true},
		{Token: "4", ID: "AWS:carol", Unusable: "it counts"}, on("GAHT12345678", "fob")}}
	if got := h.Match(carol); len(got) != 2 {
		t.Errorf("by name: %v", got)
	}
	h.Bindings = []api.Binding{{MFASerial: carol, Token: "2", Credential: "AWS:carol"}}
	if got := h.Match(carol); len(got) != 1 || got[0].Token != "2" {
		t.Errorf("bound: %v", got)
	}
	if got := h.Match("GAHT12345678"); len(got) != 1 || got[0].ID != "fob" {
		t.Errorf("by serial: %v", got)
	}
	h.Emulated, h.Bindings = true, nil
	if got := h.Match(carol); len(got) != 3 {
		t.Errorf("with emulated: %v", got)
	}
}

// TestStoredKeys takes profiles whose long-term keys are in the agent's own
// store: they stand in no file, and stay where they are.
func TestStoredKeys(t *testing.T) {
	h := home(t, `[profile dev]
mfa_serial = `+carol+`
[profile deploy]
source_profile = vault
mfa_serial = `+carol+`
[profile bare]
source_profile = nowhere
mfa_serial = `+carol+`
`, "", api.Credential{Token: "1", ID: "AWS:carol"})
	h.Stored = []string{"dev", "vault"}
	ready, left := h.Profiles()
	if len(ready) != 2 || ready[0].Keys != "dev" || ready[0].Moved || ready[1].Keys != "vault" || ready[1].Moved {
		t.Errorf("ready %+v", ready)
	}
	if len(left) != 1 || left[0].Name != "bare" {
		t.Errorf("left %+v", left)
	}
}

// TestSignedIn: a profile that the AWS tools would go on signing in by, whatever
// its credential_process, stays as it is.
func TestSignedIn(t *testing.T) {
	for _, key := range signIns {
		h := home(t, "[profile dev]\nsource_profile = dev-keys\nmfa_serial = "+carol+"\n"+key+" = x\n",
			"[dev-keys]\naws_access_key_id = AKIA\naws_secret_access_key = s\n", api.Credential{Token: "1", ID: "AWS:carol"})
		ready, left := h.Profiles()
		if len(ready) != 0 || len(left) != 1 || !strings.Contains(left[0].Why, key) || left[0].Hint == "" {
			t.Errorf("%s: ready %+v, left %+v", key, ready, left)
		}
	}
}

// TestBesideKeys: the same in the credentials file, of which setup moves no more
// than the keys.
func TestBesideKeys(t *testing.T) {
	const keys = "[dev]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"
	for _, key := range slices.Concat([]string{"credential_process"}, prompting, signIns) {
		h := home(t, "[profile dev]\nmfa_serial = "+carol+"\n", keys+key+" = x\n", api.Credential{Token: "1", ID: "AWS:carol"})
		ready, left := h.Profiles()
		if len(ready) != 0 || len(left) != 1 || !strings.Contains(left[0].Why, key+" stands in its section of the credentials file") || left[0].Hint == "" {
			t.Errorf("%s: ready %+v, left %+v", key, ready, left)
		}
	}
}

// TestApply: a user's own profile, a role over it, and what has to stay.
func TestApply(t *testing.T) {
	h := home(t, `# work
[profile dev]
mfa_serial = `+carol+`
region = eu-west-1

[profile deploy]
role_arn = arn:aws:iam::111122223333:role/Deploy
source_profile = dev
mfa_serial = `+carol+`
duration_seconds = 3600
external_id = x
output = json

[profile chain]
role_arn = arn:aws:iam::444455556666:role/Far
source_profile = deploy
mfa_serial = `+carol+`

[profile done]
credential_process = /usr/bin/fob credentials --profile done
mfa_serial = x
[profile other]
credential_process = aws-vault export other
mfa_serial = x
[profile plain]
region = us-east-1
`, "[dev] # mine\naws_access_key_id = AKIA\naws_secret_access_key = s\n", api.Credential{Token: "1", ID: "AWS:carol"})
	ready, left := h.Profiles()
	if len(ready) != 2 || ready[0].Keys != "dev-keys" || !ready[0].Moved || ready[1].Keys != "dev-keys" || ready[1].Moved {
		t.Fatalf("ready %+v", ready)
	}
	var names []string
	for _, l := range left {
		names = append(names, l.Name)
	}
	if !slices.Equal(names, []string{"chain", "other"}) {
		t.Errorf("left %+v", left)
	}
	h.Apply(ready, "fob")
	config, credentials := string(h.Config.Bytes()), string(h.Credentials.Bytes())
	if credentials != "[dev-keys] # mine\naws_access_key_id = AKIA\naws_secret_access_key = s\n" {
		t.Errorf("credentials:\n%s", credentials)
	}
	want := `# work
[profile dev]
region = eu-west-1
credential_process = fob credentials --profile dev

[profile deploy]
output = json
credential_process = fob credentials --profile deploy
`
	if !strings.HasPrefix(config, want) || !strings.Contains(config, "aws-vault export other") {
		t.Errorf("config:\n%s", config)
	}
	yaml, err := AddProfiles("", ready)
	if err != nil || yaml != `profiles:
  - name: "dev"
    source_profile: "dev-keys"
    mfa_serial: `+carol+`
    credential: "AWS:carol"
    region: eu-west-1
  - name: "deploy"
    source_profile: "dev-keys"
    mfa_serial: `+carol+`
    credential: "AWS:carol"
    role_arn: arn:aws:iam::111122223333:role/Deploy
    external_id: "x"
    role_duration: 1h0m0s
` {
		t.Errorf("fob.yaml:\n%s%v", yaml, err)
	}
	if again, _ := h.Profiles(); len(again) != 0 {
		t.Errorf("once more: %+v", again)
	}
	h.Apply(ready[:1], "/opt/my tools/fob")
	if got, _ := h.Config.Get("profile dev", "credential_process"); got != `"/opt/my tools/fob" credentials --profile dev` {
		t.Errorf("a path with a blank: %s", got)
	}
	if _, left := h.Profiles(); len(left) != 2 {
		t.Errorf("a path with a blank: left %+v", left)
	}
}

func TestAddProfiles(t *testing.T) {
	p := []Profile{{Name: "new", MFASerial: carol}, {Name: "dev"}}
	entry := func(indent string) string {
		return indent + "- name: \"new\"\n" + indent + "  mfa_serial: " + carol + "\n" + indent + "- name: \"dev\"\n"
	}
	for _, c := range []struct{ text, want string }{
		{"socket: \"\"", "socket: \"\"\n\nprofiles:\n" + entry("  ")},
		{"profiles: []\naws: {}\n", "profiles: \n" + entry("  ") + "aws: {}\n"},
		{"profiles:\n- name: a # x\n  region: b\n\n# end\naws: {}\n", "profiles:\n- name: a # x\n  region: b\n" + entry("") + "\n# end\naws: {}\n"},
		{"profiles:\n    - name: dev\n", "profiles:\n    - name: dev\n    - name: \"new\"\n      mfa_serial: " + carol + "\n"},
	} {
		if got, err := AddProfiles(c.text, p); err != nil || got != c.want {
			t.Errorf("%q:\n%s%v\nwant\n%s", c.text, got, err, c.want)
		}
	}
	if got, err := AddProfiles("profiles: [{name: a}]\n", p); !errors.Is(err, ErrFlow) {
		t.Errorf("%q %v", got, err)
	}
}

func TestProfileNames(t *testing.T) {
	const text = `# name: not
other: {name: not}
profiles:
  - name: dev   # first
    role_session_name: not
  - {role_session_name: not, name: "two words", source_profile: keys}
  # - name: not
  - source_profile: keys
    name: 'deploy'
- {name: ci}
aws: {name: not}
`
	if got, want := ProfileNames(text), []string{"dev", "two words", "deploy", "ci"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	added, err := AddProfiles(text, []Profile{{Name: "two words"}, {Name: "ci"}, {Name: "not"}})
	if err != nil || strings.Count(added, "\"two words\"") != 1 || strings.Count(added, "name: \"ci\"") != 0 || strings.Count(added, "- name: \"not\"") != 1 {
		t.Errorf("%v\n%s", err, added)
	}
}

func TestTraps(t *testing.T) {
	const served = "[profile dev]\ncredential_process = \"/opt/fob\" credentials --profile dev\n"
	for _, c := range []struct {
		name, config, credentials string
		environ                   []string
		state                     api.CheckState
		says                      string
	}{
		{"good", served, "[dev-keys]\naws_access_key_id = AKIA\n", nil, api.CheckOK, "fob alone"},
		{"keys win", served, "[dev]\naws_access_key_id = AKIA\n", nil, api.CheckFail, "win over fob"},
		{"keys in the profile", served + "aws_access_key_id = AKIA\n", "", nil, api.CheckFail, "win over fob"},
		{"role beside", served + "role_arn = r\n", "", nil, api.CheckFail, "role_arn stands beside"},
		{"sign-in beside", served + "sso_session = s\n", "", nil, api.CheckFail, "sso_session stands beside"},
		{"sign-in of old beside", served + "sso_start_url = https://example.awsapps.com/start\n", "", nil, api.CheckFail, "leave fob out"},
		{"web identity beside", served + "web_identity_token_file = /t\n", "", nil, api.CheckFail, "web_identity_token_file stands beside"},
		{"role beside the keys", served, "[dev]\nrole_arn = r\n", nil, api.CheckFail, "role_arn in the credentials file stands beside"},
		{"sign-in beside the keys", served, "[dev]\nsso_session = s\n", nil, api.CheckFail, "sso_session in the credentials file stands beside"},
		{"another process", served, "[dev]\ncredential_process = aws-vault export dev\n", nil, api.CheckFail, "wins over fob"},
		{"fob in both", served, "[dev]\ncredential_process = fob credentials --profile dev\n", nil, api.CheckOK, "fob alone"},
		{"a path with a blank", "[profile dev]\ncredential_process = \"/opt/my tools/fob\" credentials --profile dev\naws_access_key_id = AKIA\n", "", nil, api.CheckFail, "win over fob"},
		{"behind env", "[profile dev]\ncredential_process = env FOB_SOCKET=/s fob credentials --profile dev\nrole_arn = r\n", "", nil, api.CheckFail, "role_arn stands beside"},
		{"environment", served, "", []string{"AWS_ACCESS_KEY_ID=AKIA"}, api.CheckWarn, "wins over every profile"},
		{"twice", "[profile 'dev']\n" + served, "", nil, api.CheckFail, "[profile 'dev'] and [profile dev]"},
		{"no quotes", "[profile two words]\ncredential_process = fob credentials --profile \"two words\"\n", "", nil, api.CheckFail, "no quotes"},
	} {
		found := Traps(parse(t, c.config), parse(t, c.credentials), c.environ)
		if last := found[len(found)-1]; last.State != c.state || !strings.Contains(last.Message, c.says) || (c.state != api.CheckOK && last.Hint == "") {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
	if found := Traps(parse(t, "[profile dev]\n"), parse(t, ""), []string{"AWS_ACCESS_KEY_ID=AKIA"}); len(found) != 0 {
		t.Errorf("where nothing is fob's: %+v", found)
	}
}

// TestQuotedProfile: a section keeps its quotes, and keys that move get them.
func TestQuotedProfile(t *testing.T) {
	config := "[profile 'two words']\nmfa_serial = " + carol + "\naws_access_key_id = AKIA\naws_secret_access_key = s\n"
	h := home(t, config, "", api.Credential{Token: "1", ID: "AWS:carol"})
	ready, left := h.Profiles()
	if len(ready) != 1 || len(left) != 0 {
		t.Fatalf("ready %+v, left %+v", ready, left)
	}
	h.Apply(ready, "fob")
	want := "[profile 'two words']\ncredential_process = fob credentials --profile \"two words\"\n\n" +
		"[profile \"two words-keys\"]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"
	if got := string(h.Config.Bytes()); got != want {
		t.Errorf("wrote\n%s\nwant\n%s", got, want)
	}
	for text, says := range map[string]string{
		config + "[profile two words]\n":                    "more than one section",
		"[profile two words]\nmfa_serial = " + carol + "\n": "no quotes",
	} {
		ready, left := home(t, text, "").Profiles()
		if len(ready) != 0 || len(left) != 1 || !strings.Contains(left[0].Why, says) {
			t.Errorf("%q: ready %+v, left %+v", text, ready, left)
		}
	}
}
