package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/sts/sdkhttp"
)

// exitDrifted is fob's exit status for a token outside AWS's window.
var exitDrifted = api.Drifted.Info().Exit

// awsConfig is what a tool of the user's would have, built by hand so that
// nothing of the machine's own AWS set-up gets in.
func (s *stage) awsConfig(provider aws.CredentialsProvider) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(s.url), Credentials: provider, HTTPClient: sdkhttp.Client{}}
}

func (s *stage) longTerm(user string) aws.Config {
	k := s.keys[user]
	return s.awsConfig(credentials.NewStaticCredentialsProvider(k.id, k.secret, ""))
}

func (s *stage) listUsersDenied(ctx context.Context, user string) error {
	_, err := iam.NewFromConfig(s.longTerm(user)).ListUsers(ctx, nil)
	if code := errorCode(err); code != "AccessDenied" {
		return fmt.Errorf("iam:ListUsers with %s's long-term keys: got %v, want AccessDenied", user, err)
	}
	tell1("iam:ListUsers as %s, long-term keys: AccessDenied", user)
	return nil
}

// listUsersAllowed calls AWS as the Go SDK does for a profile whose
// credential_process is fob.
func (s *stage) listUsersAllowed(ctx context.Context, user string) error {
	process := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "fob"), "credentials", "--profile", user)
		cmd.Env = s.env
		return cmd, nil
	}))
	out, err := iam.NewFromConfig(s.awsConfig(process)).ListUsers(ctx, nil)
	if err != nil {
		return fmt.Errorf("iam:ListUsers through profile %s: %w", user, err)
	}
	if len(out.Users) != 2 {
		return fmt.Errorf("iam:ListUsers through profile %s lists %d users, want 2", user, len(out.Users))
	}
	tell1("iam:ListUsers as %s, credential_process = fob credentials --profile %s: %d users", user, user, len(out.Users))
	return nil
}

// driftedCodeRefused sends the fob's present code to AWS without fob's help.
func (s *stage) driftedCodeRefused(ctx context.Context) error {
	out, err := s.fob(ctx, "code", fobSerial, "--peek", "--json")
	if err != nil {
		return err
	}
	var code api.Code
	if err := json.Unmarshal([]byte(out), &code); err != nil {
		return fmt.Errorf("fob code --json: %w", err)
	}
	_, err = sts.NewFromConfig(s.longTerm("dave")).GetSessionToken(ctx, &sts.GetSessionTokenInput{
		SerialNumber: aws.String(fobSerial), TokenCode: aws.String(code.Code),
	})
	if got := errorCode(err); got != "AccessDenied" {
		return fmt.Errorf("GetSessionToken with the drifted code: got %v, want AccessDenied", err)
	}
	var refused smithy.APIError
	errors.As(err, &refused)
	tell1("the code sent to AWS all the same: %s: %s", refused.ErrorCode(), refused.ErrorMessage())
	return nil
}

func errorCode(err error) string {
	var refused smithy.APIError
	if errors.As(err, &refused) {
		return refused.ErrorCode()
	}
	return ""
}

// watch follows the agent's events, from when it returns; the channel gets true
// at the first of the given type, and false if the stream ends without one.
func (s *stage) watch(ctx context.Context, eventType string) (<-chan bool, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "fob"), "watch", "--json")
	cmd.Env = s.env
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	events := bufio.NewScanner(stdout)
	if !events.Scan() { // the tokens that are there come first
		return nil, errors.Join(errors.New("fob watch tells nothing"), cmd.Wait())
	}
	found := make(chan bool, 1)
	go func() {
		seen := false
		for !seen && events.Scan() {
			var event api.Event
			seen = json.Unmarshal(events.Bytes(), &event) == nil && string(event.Type) == eventType
		}
		found <- seen
		cmd.Wait() // it ends with ctx
	}()
	return found, nil
}
