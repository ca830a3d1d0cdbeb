package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

func (l *lab) s3(k keys) *s3.Client {
	return s3.New(s3.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(l.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(k.id, k.secret, k.token), Retryer: aws.NopRetryer{},
	})
}

// codeOf is the code of an error as the SDK has it, "" for none.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestGoSDK: what the SDK sends by default and on demand (checksums in headers
// and trailers, unseekable bodies), and its own error types.
func TestGoSDK(t *testing.T) {
	l := newLab(t)
	c, ctx, bucket := l.s3(alice), t.Context(), aws.String("bucket")
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("Account-A-bucket")})
	if codeOf(err) != "InvalidBucketName" {
		t.Error(err)
	}
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	var owned *types.BucketAlreadyOwnedByYou
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); !errors.As(err, &owned) {
		t.Error(err)
	}
	body := strings.Repeat("0123456789", 300_000)
	for _, algorithm := range append(types.ChecksumAlgorithmCrc32.Values(), "") {
		in := &s3.PutObjectInput{Bucket: bucket, Key: aws.String("a b/é"), Body: strings.NewReader(body), ChecksumAlgorithm: algorithm}
		switch algorithm {
		case "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "":
		default:
			continue // not served
		}
		if _, err := c.PutObject(ctx, in); err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: in.Key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if got, err := io.ReadAll(out.Body); err != nil || string(got) != body {
			t.Errorf("%s: %d bytes, %v", algorithm, len(got), err)
		}
	}
	var key *types.NoSuchKey
	if _, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")}); !errors.As(err, &key) {
		t.Error(err)
	}
	var none *types.NoSuchBucket
	if _, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("none")}); !errors.As(err, &none) {
		t.Error(err)
	}
	var missing *types.NotFound
	if _, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("none")}); !errors.As(err, &missing) {
		t.Error(err)
	}
	presigned, err := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("a b/é")}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(presigned.URL)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || string(got) != body {
		t.Errorf("presigned: %d, %d bytes, %v", resp.StatusCode, len(got), err)
	}
	_ = resp.Body.Close()
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("a b/é")}, {Key: aws.String("none")}}}})
	if err != nil || len(out.Deleted) != 2 {
		t.Errorf("%v, %+v", err, out)
	}
}

// TestGoSDKUploads: a multipart upload with a checksum over all parts.
func TestGoSDKUploads(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	c, ctx, bucket, key := l.s3(alice), t.Context(), aws.String("bucket"), aws.String("k")
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for n := int32(1); n <= 2; n++ {
		p, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: &n,
			Body: bytes.NewReader(bytes.Repeat([]byte{byte(n)}, 5<<20)), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme})
		if err != nil {
			t.Fatal(err)
		}
		number := n
		parts = append(parts, types.CompletedPart{PartNumber: &number, ETag: p.ETag, ChecksumCRC64NVME: p.ChecksumCRC64NVME})
	}
	if _, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(out.Body); err != nil || len(got) != 10<<20 || out.ChecksumCRC64NVME == nil {
		t.Errorf("%d bytes, checksum %v, %v", len(got), out.ChecksumCRC64NVME, err)
	}
}

// TestGoSDKMFADelete: the SDK's MFA field is x-amz-mfa.
func TestGoSDKMFADelete(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	on := &s3.PutBucketVersioningInput{Bucket: aws.String("bucket"), VersioningConfiguration: &types.VersioningConfiguration{
		Status: types.BucketVersioningStatusEnabled, MFADelete: types.MFADeleteEnabled}}
	if _, err := l.s3(root).PutBucketVersioning(t.Context(), on); codeOf(err) != "AccessDenied" || !strings.Contains(err.Error(), mfaRequired) {
		t.Error(err)
	}
	on.MFA = aws.String(rootDevice + " " + l.Code(seed, 0))
	if _, err := l.s3(root).PutBucketVersioning(t.Context(), on); err != nil {
		t.Error(err)
	}
	out, err := l.s3(alice).GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: aws.String("bucket")})
	if err != nil || out.MFADelete != types.MFADeleteStatusEnabled {
		t.Errorf("%v, %+v", err, out)
	}
}

// TestABucketMadeAgain: in us-east-1 who makes their bucket again is told that
// it is there, as if it were new; everywhere else that it was theirs already.
func TestABucketMadeAgain(t *testing.T) {
	l := newLab(t)
	create := func(k keys, region, constraint, name string) error {
		in := &s3.CreateBucketInput{Bucket: &name}
		if constraint != "" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(constraint)}
		}
		_, err := l.s3(k).CreateBucket(t.Context(), in, func(o *s3.Options) { o.Region = region })
		return err
	}
	for _, c := range []struct {
		as                       keys
		region, constraint, name string
		want                     string
	}{
		{alice, "us-east-1", "", "in-virginia", ""},
		{alice, "eu-west-1", "eu-west-1", "in-ireland", ""},
		{alice, "us-east-1", "", "in-virginia", ""},
		{alice, "us-east-1", "eu-west-1", "in-virginia", "BucketAlreadyOwnedByYou"},
		{alice, "us-west-2", "", "in-virginia", "BucketAlreadyOwnedByYou"},
		{alice, "us-east-1", "", "in-ireland", "BucketAlreadyOwnedByYou"},
		{bob, "us-east-1", "", "in-virginia", "BucketAlreadyExists"},
		{ned, "us-east-1", "", "in-virginia", "AccessDenied"},
	} {
		if got := codeOf(create(c.as, c.region, c.constraint, c.name)); got != c.want {
			t.Errorf("%s makes %s for %q at %s: %q, want %q", c.as.id, c.name, c.constraint, c.region, got, c.want)
		}
	}
	l.make(alice, "PUT", "/in-virginia?versioning", versioningOn)
	l.make(alice, "PUT", "/in-virginia/k", "content")
	if err := create(alice, "us-east-1", "", "in-virginia"); err != nil {
		t.Error(err)
	}
	if got := l.make(alice, "GET", "/in-virginia?versioning", "").body + l.make(alice, "GET", "/in-virginia/k", "").body; !strings.Contains(got, "Enabled") || !strings.HasSuffix(got, "content") {
		t.Errorf("the bucket became another one: %s", got)
	}
}
