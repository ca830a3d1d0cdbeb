package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/fob-auth/fob/sts/sdkhttp"
)

// startGo makes calls with the Go SDK, by the operations' names.
func startGo(t *testing.T, url string) func(suiteCall, suiteCredentials) suiteAnswer {
	return func(c suiteCall, who suiteCredentials) suiteAnswer {
		config := aws.Config{
			Region: "us-east-1", BaseEndpoint: &url, HTTPClient: sdkhttp.Client{}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
			Credentials: credentials.NewStaticCredentialsProvider(who.id, who.secret, who.token),
		}
		client := reflect.ValueOf(map[string]any{
			"iam": iam.NewFromConfig(config), "sts": sts.NewFromConfig(config),
			"s3": s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }),
		}[c.service])
		method := client.MethodByName(c.operation)
		in := reflect.New(method.Type().In(1).Elem())
		params, err := json.Marshal(c.params)
		if err == nil {
			err = json.Unmarshal(params, in.Interface())
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
		if err, failed := out[1].Interface().(error); failed {
			return goRefusal(t, c, err)
		}
		got := suiteAnswer{answered: answered{Status: 200}}
		text, err := json.Marshal(out[0].Interface())
		if err == nil {
			err = json.Unmarshal(text, &got.Result)
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		return got
	}
}

func goRefusal(t *testing.T, c suiteCall, err error) suiteAnswer {
	var response *smithyhttp.ResponseError
	var refused smithy.APIError
	if !errors.As(err, &response) || !errors.As(err, &refused) {
		t.Fatalf("%s: %v", c.name, err)
	}
	return suiteAnswer{
		answered: answered{Status: response.HTTPStatusCode(), Code: refused.ErrorCode(), Message: refused.ErrorMessage()},
		Type:     fmt.Sprintf("%T", refused),
	}
}

// cliRefusal is how the AWS CLI tells a service's refusal.
var cliRefusal = regexp.MustCompile(`An error occurred \((.*?)\) when calling the \w+ operation(?: \(.*?\))?: (.*)`)

// startCLI makes calls with the AWS CLI, which tells no status.
func startCLI(t *testing.T, url string) func(suiteCall, suiteCredentials) suiteAnswer {
	dir := t.TempDir()
	return func(c suiteCall, who suiteCredentials) (got suiteAnswer) {
		params, err := json.Marshal(c.params)
		if err != nil {
			t.Fatal(err)
		}
		service := c.service
		if service == "s3" {
			service = "s3api"
		}
		args := []string{"--endpoint-url", url, "--region", "us-east-1", "--output", "json", service, cliName(c.operation)}
		if c.cli != nil {
			args = append(args, c.cli...)
		} else {
			args = append(args, "--cli-input-json", string(params))
		}
		cmd := exec.Command(awsCLI, args...)
		cmd.Dir = dir
		cmd.Env = cleanEnv(t, "AWS_ACCESS_KEY_ID="+who.id, "AWS_SECRET_ACCESS_KEY="+who.secret)
		if who.token != "" {
			cmd.Env = append(cmd.Env, "AWS_SESSION_TOKEN="+who.token)
		}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err = cmd.Run()
		if m := cliRefusal.FindStringSubmatch(strings.TrimSpace(stderr.String())); err != nil && m != nil && cmd.ProcessState.ExitCode() == 254 {
			got.Code, got.Message = m[1], m[2]
			return got
		}
		if err != nil {
			t.Fatalf("%s: %v: %s", c.name, err, stderr.String())
		}
		if stdout.Len() > 0 {
			if err := json.Unmarshal(stdout.Bytes(), &got.Result); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		return got
	}
}

// cliName writes an operation's name as the AWS CLI does: ListMFADevices is
// list-mfa-devices.
func cliName(operation string) string {
	var b strings.Builder
	letters := []rune(operation)
	for i, r := range letters {
		lower := func(j int) bool { return j < len(letters) && unicode.IsLower(letters[j]) }
		if i > 0 && unicode.IsUpper(r) && (lower(i-1) || lower(i+1) && letters[i+1] != 's' || unicode.IsDigit(letters[i-1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
