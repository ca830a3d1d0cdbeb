package s3_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fob-auth/fob/sts/local"
)

// python finds an interpreter that has boto3.
func python(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(path, "-c", "import boto3").Run() == nil {
			return path
		}
	}
	t.Skip("needs python3-boto3 to be installed")
	return ""
}

// TestBoto3 runs testdata/client.py, which holds S3 to what boto3 makes of it.
func TestBoto3(t *testing.T) {
	interpreter := python(t)
	l := newLab(t, func(o *local.Options) { o.Journal, o.Objects = openJournal(t, t.TempDir()), t.TempDir() })
	cmd := exec.CommandContext(t.Context(), interpreter, "testdata/client.py", l.URL, alice.id, alice.secret, root.id, root.secret,
		rootDevice, l.Code(seed, -1), l.Code(seed, 0), l.Code(seed, 1))
	cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "HOME="+t.TempDir(), "NO_PROXY=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "done\n") && !strings.Contains(string(out), "\ndone\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// awscli runs the AWS CLI as somebody and returns what it printed, and whether
// it succeeded.
func (l *lab) awscli(t *testing.T, as keys, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), cliPath(t), append([]string{"--endpoint-url", l.URL}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+as.id, "AWS_SECRET_ACCESS_KEY="+as.secret, "AWS_SESSION_TOKEN="+as.token,
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true", "HOME="+t.TempDir(), "AWS_PAGER=", "NO_PROXY=127.0.0.1")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func cliPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/aws", "aws"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs awscli to be installed")
	return ""
}

// TestCLI: what people type, with files of both sides of the CLI's multipart
// threshold, and MFA Delete as S3's guide tells it.
func TestCLI(t *testing.T) {
	cliPath(t)
	l := newLab(t)
	dir := t.TempDir()
	large := strings.Repeat("0123456789abcdef", 10<<20/16)
	for name, body := range map[string]string{"small": "small\n", "large": large} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(as keys, want string, args ...string) {
		t.Helper()
		out, good := l.awscli(t, as, args...)
		if !strings.Contains(out, want) || good != !strings.HasPrefix(want, "An error") && !strings.Contains(want, "(") {
			t.Errorf("%s:\ngot  %s\nwant %s", strings.Join(args, " "), out, want)
		}
	}
	run(alice, "An error occurred (InvalidBucketName) when calling the CreateBucket operation: The specified bucket is not valid.",
		"s3api", "create-bucket", "--bucket", "Account-A-bucket")
	run(alice, "make_bucket: account-a-bucket", "s3", "mb", "s3://account-a-bucket")
	run(alice, "", "s3api", "put-bucket-policy", "--bucket", "account-a-bucket", "--policy", scenario)
	run(alice, "", "s3", "cp", "--no-progress", filepath.Join(dir, "small"), "s3://account-a-bucket/a b/small")
	run(alice, "", "s3", "cp", "--no-progress", filepath.Join(dir, "large"), "s3://account-a-bucket/large")
	run(alice, "copy:", "s3", "cp", "--no-progress", "s3://account-a-bucket/large", "s3://account-a-bucket/larger")
	run(alice, "PRE a b/", "s3", "ls", "s3://account-a-bucket")
	run(alice, "download:", "s3", "sync", "--no-progress", "s3://account-a-bucket", filepath.Join(dir, "back"))
	for name, want := range map[string]string{"a b/small": "small\n", "large": large, "larger": large} {
		if got, err := os.ReadFile(filepath.Join(dir, "back", name)); err != nil || string(got) != want {
			t.Errorf("%s came back with %d bytes, %v", name, len(got), err)
		}
	}
	run(charlie, "(AccessDenied)", "s3", "cp", "--no-progress", filepath.Join(dir, "small"), "s3://account-a-bucket/charlie")
	session := l.session(charlie, "arn:aws:iam::777788889999:mfa/charlie", seed, 0)
	run(session, "upload:", "s3", "cp", "--no-progress", filepath.Join(dir, "small"), "s3://account-a-bucket/charlie")
	run(session, "(AccessDenied)", "s3api", "get-object", "--bucket", "account-a-bucket", "--key", "charlie", filepath.Join(dir, "out"))
	run(session, "delete:", "s3", "rm", "s3://account-a-bucket/charlie")
	run(alice, "An error occurred (AccessDenied) when calling the PutBucketVersioning operation: Mfa Authentication must be used for this request",
		"s3api", "put-bucket-versioning", "--bucket", "account-a-bucket", "--versioning-configuration", "Status=Enabled,MFADelete=Enabled")
	run(root, "", "s3api", "put-bucket-versioning", "--bucket", "account-a-bucket", "--versioning-configuration", "Status=Enabled,MFADelete=Enabled",
		"--mfa", rootDevice+" "+l.Code(seed, 1)) // the session took 0 of the same seed
	run(alice, `"MFADelete": "Enabled"`, "s3api", "get-bucket-versioning", "--bucket", "account-a-bucket")
	run(alice, "An error occurred (AccessDenied) when calling the DeleteObject operation: Mfa Authentication must be used for this request",
		"s3api", "delete-object", "--bucket", "account-a-bucket", "--key", "large", "--version-id", "null")
	run(root, `"VersionId": "null"`, "s3api", "delete-object", "--bucket", "account-a-bucket", "--key", "large", "--version-id", "null",
		"--mfa", rootDevice+" "+l.Code(seed, 2))
	run(alice, `"Permission": "FULL_CONTROL"`, "s3api", "get-bucket-acl", "--bucket", "account-a-bucket")
	run(alice, "(NotImplemented) when calling the PutBucketAcl operation: authorised; s3:PutBucketAcl is not served here",
		"s3api", "put-bucket-acl", "--bucket", "account-a-bucket", "--acl", "private")
}
