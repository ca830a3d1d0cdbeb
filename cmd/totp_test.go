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

	"github.com/fob-auth/fob/sts/local/mfa"
)

// cmdTOTP sets variables to the codes that a device shows from the local AWS's
// time on: totp FILE VARIABLE[,VARIABLE] [STEPS]. The file holds the seed in
// base32, as the AWS CLI writes it; STEPS is how many time steps of 30 s the
// first is ahead. Consecutive codes come from one reading of the clock. With none
// for STEPS the digits are no code of the device's that AWS could look for.
func cmdTOTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: totp FILE VARIABLE[,VARIABLE] [STEPS]")
	}
	seed, now := strings.TrimSpace(ts.ReadFile(args[0])), awsTime(ts)
	if len(args) == 3 && args[2] == "none" {
		ts.Setenv(args[1], noCode(ts, seed, now))
		return
	}
	steps := 0
	if len(args) == 3 {
		var err error
		steps, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	for i, variable := range strings.Split(args[1], ",") {
		ts.Setenv(variable, codeAhead(ts, seed, now, steps+i))
	}
}

func codeAhead(ts *testscript.TestScript, seed string, now time.Time, steps int) string {
	code, err := totp.GenerateCode(seed, now.Add(time.Duration(steps)*30*time.Second))
	ts.Check(err)
	return code
}

// noCode is digits of no step to which AWS's search for a pair could come, soon
// or now: a code of another step is one of this one's by chance.
func noCode(ts *testscript.TestScript, seed string, now time.Time) string {
	codes := map[string]bool{}
	for steps := -2 * mfa.PairBack; steps <= 2*mfa.PairAhead; steps++ {
		codes[codeAhead(ts, seed, now, steps)] = true
	}
	none := 0
	for codes[fmt.Sprintf("%06d", none)] {
		none++
	}
	return fmt.Sprintf("%06d", none)
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
