package cmd_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// goSDK is a program of the Go SDK's users: it finds its credentials as the SDK
// does by default, from the environment it is run in.
//
//	gosdk PROFILE ENDPOINT whoami|list-users|across-expiry
func goSDK() int {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: gosdk PROFILE ENDPOINT whoami|list-users|across-expiry")
		return 2
	}
	if err := callWithGoSDK(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		var refused smithy.APIError
		if errors.As(err, &refused) {
			fmt.Fprintf(os.Stderr, "%s: %s\n", refused.ErrorCode(), refused.ErrorMessage())
		} else {
			fmt.Fprintln(os.Stderr, err)
		}
		return 1
	}
	return 0
}

func callWithGoSDK(ctx context.Context, profile, endpoint, call string) error {
	c, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(profile), config.WithBaseEndpoint(endpoint), config.WithRegion("us-east-1"),
		// To the end, and not five minutes ahead of it.
		config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 0 }))
	if err != nil {
		return err
	}
	switch call {
	case "whoami":
		out, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
		if err == nil {
			fmt.Println(aws.ToString(out.Arn))
		}
		return err
	case "list-users":
		out, err := iam.NewFromConfig(c).ListUsers(ctx, nil)
		if err == nil {
			fmt.Println(len(out.Users), "users")
		}
		return err
	case "across-expiry":
		return callAcrossExpiry(ctx, c)
	}
	return fmt.Errorf("unknown call %q", call)
}

// callAcrossExpiry calls before and after the end of the first credentials, by
// this process's own clock.
func callAcrossExpiry(ctx context.Context, c aws.Config) error {
	client := iam.NewFromConfig(c)
	if _, err := client.ListUsers(ctx, nil); err != nil {
		return err
	}
	first, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	<-time.After(time.Until(first.Expires))
	if _, err := client.ListUsers(ctx, nil); err != nil {
		return err
	}
	second, err := c.Credentials.Retrieve(ctx)
	if err == nil && second.AccessKeyID == first.AccessKeyID {
		err = errors.New("the second call used the first call's keys")
	}
	return err
}

// later is a program that moves the local AWS's clock, and has the agent hear
// of it by a call to AWS.
//
//	later ENDPOINT DURATION
func later() int {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: later ENDPOINT DURATION")
		return 2
	}
	resp, err := http.Post(os.Args[1]+"/_fobaws/clock", "application/json", strings.NewReader(`{"advance":"`+os.Args[2]+`"}`))
	if err == nil {
		resp.Body.Close()
		err = exec.Command("fob", "credentials", "--profile", "deploy", "--renew").Run()
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, "later:", err)
		return 1
	}
	return 0
}
