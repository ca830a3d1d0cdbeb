package cmd_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdTOTP sets variables to the codes that a device shows from the local AWS's
// time on: totp FILE VARIABLE[,VARIABLE] [STEPS]. The file holds the seed in
// base32, as the AWS CLI writes it; STEPS is how many time steps of 30 s the
// first is ahead. Consecutive codes come from one reading of the clock.
func cmdTOTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: totp FILE VARIABLE[,VARIABLE] [STEPS]")
	}
	steps := 0
	if len(args) == 3 {
		var err error
		steps, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	now := awsTime(ts)
	for i, variable := range strings.Split(args[1], ",") {
		at := now.Add(time.Duration(steps+i) * 30 * time.Second)
		code, err := totp.GenerateCode(strings.TrimSpace(ts.ReadFile(args[0])), at)
		ts.Check(err)
		ts.Setenv(variable, code)
	}
}

func awsTime(ts *testscript.TestScript) time.Time {
	resp, err := http.Get(ts.Getenv("fobaws_READY") + "/_fobaws/clock")
	ts.Check(err)
	defer resp.Body.Close()
	var clock struct{ Now time.Time }
	ts.Check(json.NewDecoder(resp.Body).Decode(&clock))
	return clock.Now
}

// cmdProfile makes a profile of the AWS CLI of the keys in the answer of
// CreateAccessKey, GetSessionToken or AssumeRole: profile NAME FILE. A later
// profile of that name counts.
func cmdProfile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: profile NAME FILE")
	}
	type keys struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	var answer struct{ AccessKey, Credentials *keys }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &answer))
	k := answer.AccessKey
	if k == nil {
		k = answer.Credentials
	}
	if k == nil {
		ts.Fatalf("%s holds no keys", args[1])
	}
	path := ts.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	old, err := os.ReadFile(path)
	ts.Check(err)
	text := withoutProfile(string(old), args[0])
	text += fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", args[0], k.AccessKeyID, k.SecretAccessKey)
	if k.SessionToken != "" {
		text += "aws_session_token = " + k.SessionToken + "\n"
	}
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
}

// withoutProfile leaves a section out of a credentials file.
func withoutProfile(text, name string) string {
	var b strings.Builder
	skip := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[") {
			skip = strings.TrimSpace(line) == "["+name+"]"
		}
		if !skip {
			b.WriteString(line)
		}
	}
	return b.String()
}
