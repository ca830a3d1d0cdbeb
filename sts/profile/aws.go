package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/fob-auth/fob/sts"
)

// maxFile bounds an AWS file, in bytes.
const maxFile = 1 << 20

// An awsProfile is a profile of the AWS files as the SDK understands it.
type awsProfile struct{ config.SharedConfig }

func (r Resolver) files() []string { return []string{r.ConfigFile, r.CredentialsFile} }

// load reads a profile from the AWS files and reports whether it is there.
func (r Resolver) load(ctx context.Context, name string) (awsProfile, bool, error) {
	var there []string
	for _, file := range r.files() {
		ok, err := readable(file)
		if err != nil {
			return awsProfile{}, false, &FileError{File: file, Err: err}
		}
		if ok {
			there = append(there, file)
		}
	}
	if len(there) == 0 {
		return awsProfile{}, false, nil
	}
	shared, err := r.shared(ctx, name)
	var missing config.SharedConfigProfileNotExistError
	var role config.SharedConfigAssumeRoleError
	switch {
	case err == nil:
		return awsProfile{shared}, true, nil
	case errors.As(err, &role):
		return awsProfile{}, false, r.badSource(ctx, name, role)
	case errors.As(err, &missing) && missing.Profile == name:
		return awsProfile{}, false, nil
	}
	return awsProfile{}, false, &FileError{File: r.ConfigFile, Profile: name, Err: err}
}

// badSource says what is wrong with the source that an AWS profile names. A
// source which fob's config alone knows is wrong too: the AWS tools, which read
// the same profile, would fail on it.
func (r Resolver) badSource(ctx context.Context, name string, e config.SharedConfigAssumeRoleError) error {
	if _, listed := r.settings(e.Profile); listed {
		return &FileError{File: r.ConfigFile, Profile: name, Err: fmt.Errorf(
			"its source_profile %q has no keys in the AWS files; to build on fob's profile of that name, put %q into fob's config too",
			e.Profile, name)}
	}
	if r.keeps(e.Profile) {
		return &FileError{File: r.ConfigFile, Profile: name, Err: fmt.Errorf(
			"the keys of its source_profile %q are in fob's own store, so the AWS tools can't use it; put %q into fob's config",
			e.Profile, name)}
	}
	if e.Err != nil {
		return &UnknownError{Profile: e.Profile, From: name, Files: r.files()}
	}
	if r.circles(ctx, e.Profile) {
		return &LoopError{Chain: []string{e.Profile, "…", e.Profile}}
	}
	return &KeysError{e.Profile, r.files(), "has no aws_access_key_id and aws_secret_access_key"}
}

// circles reports whether an AWS profile's sources lead back to it: the SDK, which
// doesn't say what lies between, then misses keys in the profile itself.
func (r Resolver) circles(ctx context.Context, name string) bool {
	_, err := r.shared(ctx, name)
	var role config.SharedConfigAssumeRoleError
	return errors.As(err, &role) && role.Profile == name && role.Err == nil
}

// shared has the SDK read a profile.
func (r Resolver) shared(ctx context.Context, name string) (config.SharedConfig, error) {
	// The SDK takes nil for "the default files", and empty for none.
	return config.LoadSharedConfigProfile(ctx, name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = []string{r.ConfigFile}, []string{r.CredentialsFile}
	})
}

// readable reports whether an AWS file is there, and why it can't be read. The
// SDK takes a file that it may not read for an empty one, and waits for the
// writer of a FIFO, which is opened at once here (open(2), O_NONBLOCK).
func readable(file string) (bool, error) {
	if file == "" {
		return false, nil
	}
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, errors.Unwrap(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return false, errors.Unwrap(err)
	case !info.Mode().IsRegular():
		return false, errors.New("isn't a regular file")
	case info.Size() > maxFile:
		return false, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return true, nil
}

// keys returns the profile's own access keys, empty where it has none. Of a
// profile that names itself as its source, the SDK keeps them one level down.
func (p awsProfile) keys() sts.Keys {
	c := p.Credentials
	if !c.HasKeys() && p.Source != nil && p.SourceProfileName == p.Profile {
		c = p.Source.Credentials
	}
	if !c.HasKeys() {
		return sts.Keys{}
	}
	return sts.Keys{
		AccessKeyID:     c.AccessKeyID,
		SecretAccessKey: sts.Secret(c.SecretAccessKey),
		SessionToken:    sts.Secret(c.SessionToken),
	}
}

// foreignSource names the setting by which the profile's keys come from
// somewhere else than the AWS files; "" where none does.
func (p awsProfile) foreignSource() string {
	switch {
	case p.CredentialProcess != "":
		return "credential_process"
	case p.CredentialSource != "":
		return "credential_source"
	case p.WebIdentityTokenFile != "":
		return "web_identity_token_file"
	case p.SSOSessionName != "":
		return "sso_session"
	case p.SSOStartURL != "" || p.SSOAccountID != "" || p.SSORoleName != "" || p.SSORegion != "":
		return "sso_start_url"
	case p.LoginSession != "":
		return "login_session"
	}
	return ""
}

// endpoint returns the endpoint that the AWS config names for STS or IAM, and
// where it stands; "" where it names none.
func (p awsProfile) endpoint() (setting, url string) {
	if aws.ToBool(p.IgnoreConfiguredEndpoints) {
		return "", ""
	}
	for _, service := range []string{"sts", "iam"} {
		if url := p.Services.ServiceValues[service]["endpoint_url"]; url != "" {
			return fmt.Sprintf("services %s, %s", p.ServicesSectionName, service), url
		}
	}
	return "endpoint_url", p.BaseEndpoint
}
