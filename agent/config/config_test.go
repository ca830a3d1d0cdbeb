package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// full is every key of the file.
const full = `
socket: /run/user/1000/fob/agent.sock
seal: keyring
devices:
  pcsc: {enabled: false}
  serial: [{port: /dev/ttyACM0, baud: 9600, dialect: fob}, {port: /dev/ttyACM1}]
  emulated: [{socket: /run/user/1000/fobemu.sock}]
  prompt: {enabled: false, pinentry: /usr/bin/pinentry-gnome3}
  record: /var/tmp/cards
aws:
  endpoint_url: http://127.0.0.1:4566
  region: eu-central-1
lock_after: 15m
limits: {per_second: 5, burst: 50}
landlock: false
remote: {socket: /run/user/1000/fob-remote/s}
notify: {desktop: false, touch_socket: true}
profiles:
  - name: Dev.Über
    source_profile: dev-keys
    mfa_serial: arn:aws:iam::111122223333:mfa/carol
    credential: "AWS:carol"
    role_arn: arn:aws-us-gov:iam::111122223333:role/team/Deploy
    role_session_name: ci@host
    external_id: x/1
    region: us-gov-west-1
    endpoint_url: https://sts.example.com
    duration: 36h
    role_duration: 12h
    min_ttl: 1m
    max_age: 300s
    allow_emulated: true
    attested: optional
    confirm: each-session
    token: prompt
    resync: auto
    callers: [{exe: /usr/bin/fob, started_by: "/opt/**"}, {exe: "/usr/bin/*"}]
  - name: dev.über
`

func TestParse(t *testing.T) {
	got, err := Parse("fob.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Socket: "/run/user/1000/fob/agent.sock",
		Seal:   SealKeyring, IdleExit: 30 * time.Minute, Notify: Notify{TouchSocket: true},
		Devices: Devices{
			Serial:   []Serial{{Port: "/dev/ttyACM0", Baud: 9600}, {Port: "/dev/ttyACM1", Baud: 115200}},
			Emulated: []Emulated{{"/run/user/1000/fobemu.sock"}},
			Record:   "/var/tmp/cards",
			Pinentry: "/usr/bin/pinentry-gnome3",
		},
		LockAfter: 15 * time.Minute, Limits: Limits{PerSecond: 5, Burst: 50}, Remote: Remote{"/run/user/1000/fob-remote/s"},
		AWS: AWS{"http://127.0.0.1:4566", "eu-central-1"},
		Profiles: []Profile{
			{
				Name: "Dev.Über", SourceProfile: "dev-keys", MFASerial: "arn:aws:iam::111122223333:mfa/carol",
				Credential: "AWS:carol", RoleARN: "arn:aws-us-gov:iam::111122223333:role/team/Deploy",
				RoleSessionName: "ci@host", ExternalID: "x/1", Region: "us-gov-west-1", EndpointURL: "https://sts.example.com",
				Duration: 36 * time.Hour, RoleDuration: 12 * time.Hour, MinTTL: time.Minute, MaxAge: 5 * time.Minute,
				AllowEmulated: true, Attested: AttestedOptional, Confirm: ConfirmEachSession, Token: TokenPrompt, Resync: ResyncAuto,
				Callers: []Caller{{"/usr/bin/fob", "/opt/**"}, {Exe: "/usr/bin/*"}},
			},
			{
				Name: "dev.über", MinTTL: 20 * time.Minute,
				Attested: AttestedOptional, Confirm: ConfirmNever, Resync: ResyncOffer,
			},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if p, ok := got.Profile("dev.über"); !ok || p.SourceProfile != "" {
		t.Errorf("profile %+v, %t", p, ok)
	}
	if _, ok := got.Profile("DEV.über"); ok {
		t.Error("a profile's case doesn't count")
	}
}

// TestDefaultsSpelledOut: the file that spells out each default is the one that
// says nothing.
func TestDefaultsSpelledOut(t *testing.T) {
	got, err := Parse("fob.yaml", []byte(`
socket: ""                             # default $XDG_RUNTIME_DIR/fob/agent.sock
seal: auto
devices:
  pcsc: {enabled: true}
  prompt: {enabled: true}
aws:
  endpoint_url: ""
lock_after: 0
limits: {per_second: 20, burst: 400}
landlock: true
remote: {socket: ""}
profiles:
  - name: dev
    role_arn: ""
    duration: 12h
    role_duration: 1h
    min_ttl: 20m
    max_age: 0s
    allow_emulated: false
    attested: optional
    confirm: never
    resync: offer
`))
	want := defaults()
	want.Profiles = []Profile{defaultProfile()}
	want.Profiles[0].Name = "dev"
	// Lifetimes that are written count over those of the AWS profile.
	want.Profiles[0].Duration, want.Profiles[0].RoleDuration = 12*time.Hour, time.Hour
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseSaysNothing(t *testing.T) {
	want := &Config{Seal: SealAuto, IdleExit: 30 * time.Minute, Landlock: true, Limits: Limits{PerSecond: 20, Burst: 400}, Notify: Notify{Desktop: true}, Devices: Devices{PCSC: true, Prompt: true}}
	for _, text := range []string{
		"", "\n", "# nothing\n", "---\n", "null\n", "{}\n",
		"socket:\ndevices:\naws:\nprofiles:\n",
		"socket: \"\"\ndevices: {pcsc: , serial: [], emulated: }\naws: {endpoint_url: \"\"}\nprofiles: []\n",
	} {
		got, err := Parse("fob.yaml", []byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	profile := func(line string) string { return "profiles:\n  - name: dev\n    " + line + "\n" }
	tests := []struct{ name, text, want string }{
		{"unknown key", "sockets: /x\n", `f:1:1: sockets: unknown key; is "socket" meant?`},
		{"unknown key unlike any", "flavour: x\n", "f:1:1: flavour: unknown key; known here: aws, devices, idle_exit, landlock, limits, lock_after, notify, profiles, remote, seal, socket"},
		{"unknown key in a profile", profile("durations: 12h"), `f:3:5: profiles[0].durations: unknown key; is "duration" meant?`},
		{"key in other case", "Socket: /x\n", `f:1:1: Socket: unknown key; is "socket" meant?`},
		{"unknown key deep down", "devices:\n  serial:\n    - port: /dev/x\n      speed: 9600\n", "f:4:7: devices.serial[0].speed: unknown key; known here: baud, dialect, port, serial"},
		{"merge key", "devices: {<<: {pcsc: {enabled: false}}}\n", "f:1:11: devices.<<: unknown key; known here: dialects, emulated, emulated_attestation_root, pcsc, prompt, record, serial"},
		{"key twice", "socket: /a\naws: {}\nsocket: /b\n", "f:3:1: socket: stands there twice; the first is in line 1"},
		{"a mapping as key", "{[a]: b}\n", "f:1:2: a key has to be a word, and is a list"},
		{"caller of no name", profile("callers: [{}]"), "f:3:15: profiles[0].callers[0]: names no program: exe or started_by is needed"},
		{"caller by name", profile("callers: [{exe: fob}]"), "f:3:21: profiles[0].callers[0].exe: has to be an absolute path, or a pattern of one"},
		{"caller that is no pattern", profile(`callers: [{started_by: "/a["}]`), "f:3:28: profiles[0].callers[0].started_by: isn't a pattern: a [ is not closed, or a backslash ends it"},
		{"lock at once", "lock_after: 1s\n", "f:1:13: lock_after: has to be from 1m to 36h"},
		{"limit below none", "limits: {burst: -1}\n", "f:1:17: limits.burst: has to be a whole number from 0 to 1000000"},
		{"own socket as remote one", "remote: {socket: /run/fob//s}\nsocket: /run/fob/s\n", "f:1:18: remote.socket: is the agent's own socket, and has to be another"},
		{"relative remote socket", "remote: {socket: s}\n", "f:1:18: remote.socket: has to be an absolute path"},
		{"list at the top", "- a\n", "f:1:1: has to be a mapping of keys to values, and is a list"},
		{"text at the top", "hello\n", "f:1:1: has to be a mapping of keys to values, and is text"},
		{"two documents", "socket: /a\n---\nsocket: /b\n", "f:2:1: a second document begins here; the file holds one"},
		{"not YAML", "a: b: c\n", "f:1: isn't YAML: mapping values are not allowed in this context"},
		{"not UTF-8", "socket: /a\naws: {region: \"\xff\"}\n", "f:2: has bytes in it that aren't printable UTF-8"},
		{"control byte", "\x00", "f:1: has bytes in it that aren't printable UTF-8"},
		{"tab", "devices:\n\tpcsc: {}\n", "f:2: isn't YAML: found character that cannot start any token"},
		{"alias", "aws: {region: &r eu-west-1}\nprofiles: [{name: *r}]\n", "f:2:19: profiles[0].name: has to be text (put quotes around it), and is an alias, which isn't followed here"},
		{"number for text", profile("credential: 123456"), "f:3:17: profiles[0].credential: has to be text (put quotes around it), and is a number"},
		{"bool for text", profile("region: true"), "f:3:13: profiles[0].region: has to be text (put quotes around it), and is true or false"},
		{"date for text", profile("external_id: 2026-01-01"), "f:3:18: profiles[0].external_id: has to be text (put quotes around it), and is a date"},
		{"list for text", "socket: [/a]\n", "f:1:9: socket: has to be text (put quotes around it), and is a list"},
		{"own tag", "socket: !path /a\n", "f:1:9: socket: has to be text (put quotes around it), and is of another type"},
		{"text for bool", profile(`allow_emulated: "yes"`), "f:3:21: profiles[0].allow_emulated: has to be true or false, and is text"},
		{"yes for bool", profile("allow_emulated: yes"), "f:3:21: profiles[0].allow_emulated: has to be true or false, and is text"},
		{"text for number", "devices: {serial: [{port: /x, baud: fast}]}\n", "f:1:37: devices.serial[0].baud: has to be a whole number, and is text"},
		{"number out of range", "devices: {serial: [{port: /x, baud: 5}]}\n", "f:1:37: devices.serial[0].baud: no serial line has 5 bits per second; 1200 is the least"},
		{"rate that no line has", "devices: {serial: [{port: /x, baud: 12345}]}\n", "f:1:37: devices.serial[0].baud: no serial line has 12345 bits per second; the next are 9600 and 19200"},
		{"negative rate", "devices: {serial: [{port: /x, baud: -9600}]}\n", "f:1:37: devices.serial[0].baud: has to be a whole number from 0 to 2147483647"},
		{"huge number", "devices: {serial: [{port: /x, baud: 99999999999999999999}]}\n", "f:1:37: devices.serial[0].baud: has to be a whole number, and is a number"},
		{"mapping for list", "profiles: {dev: {}}\n", "f:1:11: profiles: has to be a list, and is a mapping"},
		{"text for mapping", "devices: {pcsc: true}\n", "f:1:17: devices.pcsc: has to be a mapping of keys to values, and is true or false"},
		{"relative socket", "socket: agent.sock\n", "f:1:9: socket: has to be an absolute path"},
		{"control character", "socket: \"/a\\nb\"\n", "f:1:9: socket: has a control character in it"},
		{"no port", "devices: {serial: [{baud: 9600}]}\n", "f:1:20: devices.serial[0]: port is missing"},
		{"no socket", "devices: {emulated: [{}]}\n", "f:1:22: devices.emulated[0]: socket is missing"},
		{"other dialect", "devices: {serial: [{port: /x, dialect: gemalto}]}\n", "f:1:40: devices.serial[0].dialect: has to be one of: fob"},
		{"no name", "profiles: [{region: eu-west-1}]\n", "f:1:12: profiles[0]: name is missing"},
		{"empty item", "profiles: [null]\n", "f:1:12: profiles[0]: name is missing"},
		{"name twice", "profiles:\n  - name: dev\n  - name: x\n  - name: dev\n", `f:4:5: profiles[2]: profile "dev" is in line 2 already`},
		{"blank around a name", `profiles: [{name: " dev"}]`, "f:1:19: profiles[0].name: begins or ends with a blank"},
		{"long name", `profiles: [{name: ` + strings.Repeat("x", 257) + `}]`, "f:1:19: profiles[0].name: has 257 bytes, and 256 are the most"},
		{"MFA serial", profile("mfa_serial: carol's"), "f:3:17: profiles[0].mfa_serial: has to be the serial of a hardware fob, or the ARN of an MFA device"},
		{"role", profile("role_arn: Deploy"), "f:3:15: profiles[0].role_arn: has to be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME"},
		{"session name", profile(`role_session_name: "a b"`), "f:3:24: profiles[0].role_session_name: has to be 2 to 64 letters, digits or any of _+=,.@-"},
		{"external ID", profile("external_id: x"), "f:3:18: profiles[0].external_id: has to have 2 to 1224 characters"},
		{"region", profile("region: Frankfurt"), "f:3:13: profiles[0].region: has to be a region such as eu-central-1"},
		{"duration without unit", profile("duration: 12"), `f:3:15: profiles[0].duration: has to be a duration with its unit, such as "12h" or "20m"`},
		{"duration of float", profile("duration: 1.5"), `f:3:15: profiles[0].duration: has to be a duration such as "12h" or "20m", and is a number`},
		{"duration too short", profile("duration: 14m59s"), "f:3:15: profiles[0].duration: has to be from 15m to 36h"},
		{"duration too long", profile("duration: 37h"), "f:3:15: profiles[0].duration: has to be from 15m to 36h"},
		{"duration zero", profile("duration: 0"), "f:3:15: profiles[0].duration: has to be from 15m to 36h"},
		{"role duration too long", profile("role_duration: 13h"), "f:3:20: profiles[0].role_duration: has to be from 15m to 12h"},
		{"min_ttl negative", profile("min_ttl: -1s"), "f:3:14: profiles[0].min_ttl: has to be from 0 to 12h"},
		{"max_age below a step", profile("max_age: 5s"), "f:3:14: profiles[0].max_age: has to be from 30s to 36h"},
		{"attested unknown", profile("attested: always"), "f:3:15: profiles[0].attested: has to be one of: optional, required"},
		{"root by a relative path", "devices: {emulated_attestation_root: root.pem}\n", "f:1:38: devices.emulated_attestation_root: has to be an absolute path"},
		{"resync unknown", profile("resync: never"), "f:3:13: profiles[0].resync: has to be one of: offer, auto"},
		{"confirm unknown", profile("confirm: sometimes"), "f:3:14: profiles[0].confirm: has to be one of: never, each-use, each-session"},
		{"endpoint without TLS", "aws: {endpoint_url: \"http://sts.example.com\"}\n", "f:1:21: aws.endpoint_url: may be http on this machine's loopback alone; elsewhere it has to be https"},
		{"endpoint like loopback", "aws: {endpoint_url: \"http://127.0.0.1.example.com\"}\n", "f:1:21: aws.endpoint_url: may be http on this machine's loopback alone; elsewhere it has to be https"},
		{"endpoint with a user", "aws: {endpoint_url: \"http://127.0.0.1@example.com\"}\n", "f:1:21: aws.endpoint_url: has to be scheme, host and port alone"},
		{"endpoint with a path", "aws: {endpoint_url: \"https://x/sts\"}\n", "f:1:21: aws.endpoint_url: has to be scheme, host and port alone"},
		{"endpoint of another scheme", "aws: {endpoint_url: \"file://x\"}\n", "f:1:21: aws.endpoint_url: has to be https, or http on this machine's loopback"},
		{"endpoint without scheme", "aws: {endpoint_url: \"127.0.0.1:80\"}\n", "f:1:21: aws.endpoint_url: has to be a URL such as https://sts.example.com"},
		{"all at once", "a: 1\nb: 2\n", "f:1:1: a: unknown key; known here: aws, devices, idle_exit, landlock, limits, lock_after, notify, profiles, remote, seal, socket\nf:2:1: b: unknown key; known here: aws, devices, idle_exit, landlock, limits, lock_after, notify, profiles, remote, seal, socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.text))
			if !errors.As(err, new(*Error)) || err.Error() != tt.want {
				t.Errorf("error %v\nwant  %s", err, tt.want)
			}
		})
	}
}

func TestEndpointsServed(t *testing.T) {
	for _, url := range []string{
		"http://127.0.0.1:4566", "http://localhost:80/", "http://[::1]:1", "http://127.1.2.3", "https://sts.eu-central-1.amazonaws.com", "https://10.0.0.1:8443",
	} {
		if err := endpoint(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestBounds(t *testing.T) {
	if _, err := Parse("f", make([]byte, MaxFile+1)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a huge file: %v", err)
	}
	if _, err := Parse("f", []byte("profiles: ["+strings.Repeat("{name: a},", maxItems+1)+"]")); err == nil || !strings.Contains(err.Error(), "1001 items") {
		t.Errorf("a long list: %v", err)
	}
	_, err := Parse("f", []byte(strings.Repeat("x: 1\n", 1000)))
	var e *Error
	if !errors.As(err, &e) || len(e.Faults) != maxFaults {
		t.Errorf("many faults: %v", err)
	}
	long := strings.Repeat("k", 10000)
	if _, err := Parse("f", []byte(long+": 1\n"+"profiles: [{name: a, "+long+": 1}]\n")); err == nil || len(err.Error()) > 1000 {
		t.Errorf("a long key makes an error of %d bytes", len(err.Error()))
	}
}

func TestAttestedProfile(t *testing.T) {
	c, err := Parse("fob.yaml", []byte("devices: {emulated_attestation_root: /root.pem}\nprofiles: [{name: dev, attested: required}, {name: other}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	dev, _ := c.Profile("dev")
	other, _ := c.Profile("other")
	if c.Devices.EmulatedRoot != "/root.pem" || dev.Attested != AttestedRequired || other.Attested != AttestedOptional {
		t.Errorf("%q, %s, %s", c.Devices.EmulatedRoot, dev.Attested, other.Attested)
	}
}

func TestSettle(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
		"DBUS_SESSION_BUS_ADDRESS", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	settle := func(args ...string) Settings {
		t.Helper()
		flags := pflag.NewFlagSet("fobd", pflag.ContinueOnError)
		Flags(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		s, err := Settle(flags)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := Settings{
		File: home + "/.config/fob/fob.yaml", LogFormat: "text",
		StateDir: home + "/.local/state/fob", DataDir: home + "/.local/share/fob",
		AWSConfig: home + "/.aws/config", AWSCredentials: home + "/.aws/credentials",
	}
	if got := settle(); got != want {
		t.Errorf("by default %+v", got)
	}

	t.Setenv("XDG_CONFIG_HOME", "/c")
	t.Setenv("XDG_STATE_HOME", "relative/is/ignored")
	t.Setenv("XDG_DATA_HOME", "/d")
	t.Setenv("XDG_RUNTIME_DIR", "/r")
	t.Setenv("AWS_CONFIG_FILE", "/aws/c")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/aws/s")
	want = Settings{
		File: "/c/fob/fob.yaml", LogFormat: "text", StateDir: home + "/.local/state/fob", DataDir: "/d/fob",
		AWSConfig: "/aws/c", AWSCredentials: "/aws/s", Bus: "unix:path=/r/bus",
	}
	if got := settle(); got != want {
		t.Errorf("by environment %+v", got)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/b")
	if got := settle(); got.Bus != "unix:path=/b" {
		t.Errorf("bus %q", got.Bus)
	}
	if got := settle("--config", "/x/../y.yaml", "--log-format", "json"); got.File != "/y.yaml" || got.LogFormat != "json" {
		t.Errorf("by flags %+v", got)
	}
}
