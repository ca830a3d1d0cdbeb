package awsissuer

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/fob-auth/fob/sts"
)

// MaxAccessKeys is how many access keys a user can have (IAM User Guide, "IAM
// and AWS STS quotas").
const MaxAccessKeys = 2

var errNoKey = errors.New("the answer holds no access key")

// An AccessKey is a long-term access key as IAM lists it.
type AccessKey struct {
	ID       string
	Inactive bool
	Created  time.Time
}

// CreateAccessKey makes another access key for the user whose keys call. AWS
// shows its secret this once.
func (i *Issuer) CreateAccessKey(ctx context.Context, c Caller) (sts.Keys, error) {
	var k sts.Keys
	_, err := i.call(ctx, "CreateAccessKey", c, func(ctx context.Context, client *iam.Client) error {
		out, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
		if err != nil {
			return err
		}
		if out.AccessKey == nil || aws.ToString(out.AccessKey.AccessKeyId) == "" || aws.ToString(out.AccessKey.SecretAccessKey) == "" {
			return errNoKey
		}
		k = sts.Keys{AccessKeyID: *out.AccessKey.AccessKeyId, SecretAccessKey: sts.Secret(*out.AccessKey.SecretAccessKey)}
		return nil
	})
	return k, err
}

// ListAccessKeys lists the access keys of the user whose keys call. The
// time is AWS's.
func (i *Issuer) ListAccessKeys(ctx context.Context, c Caller) ([]AccessKey, time.Time, error) {
	var list []AccessKey
	date, err := i.call(ctx, "ListAccessKeys", c, func(ctx context.Context, client *iam.Client) error {
		out, err := client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
		if err != nil {
			return err
		}
		for _, k := range out.AccessKeyMetadata {
			list = append(list, AccessKey{
				ID: aws.ToString(k.AccessKeyId), Inactive: k.Status != types.StatusTypeActive, Created: aws.ToTime(k.CreateDate).UTC(),
			})
		}
		return nil
	})
	return list, date, err
}

// DisableAccessKey switches an access key of the calling user off.
func (i *Issuer) DisableAccessKey(ctx context.Context, c Caller, id string) error {
	_, err := i.call(ctx, "UpdateAccessKey", c, func(ctx context.Context, client *iam.Client) error {
		_, err := client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: aws.String(id), Status: types.StatusTypeInactive})
		return err
	})
	return err
}

// DeleteAccessKey deletes an access key of the calling user.
func (i *Issuer) DeleteAccessKey(ctx context.Context, c Caller, id string) error {
	_, err := i.call(ctx, "DeleteAccessKey", c, func(ctx context.Context, client *iam.Client) error {
		_, err := client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: aws.String(id)})
		return err
	})
	return err
}
