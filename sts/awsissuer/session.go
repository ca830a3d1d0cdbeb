package awsissuer

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/resync"
)

var (
	errNoSession = errors.New("the answer holds no session")
	errNobody    = errors.New("the answer names no account")
	errHalf      = errors.New("an MFA serial needs a code, and a code an MFA serial")
)

// Issue makes the plan's one call, once. Every failure is an *sts.Refusal:
// Unsent where no byte of the call can have left, Unanswered where some may
// have and no answer came.
func (i *Issuer) Issue(ctx context.Context, p sts.Plan, code string) (sts.Session, error) {
	if (p.MFASerial == "") != (code == "") {
		return sts.Session{}, &sts.Refusal{Class: sts.Unsent, Action: string(p.Call), Err: errHalf}
	}
	c := Caller{Endpoint: p.Endpoint, Keys: p.Keys, Skew: p.Skew}
	ctx, cancel, w, err := i.prepare(ctx, string(p.Call), c, code)
	if err != nil {
		return sts.Session{}, err
	}
	defer cancel()
	client := stsClient(c, w)
	var serial, tokenCode *string
	if p.MFASerial != "" {
		serial, tokenCode = aws.String(p.MFASerial), aws.String(code)
	}
	s := sts.Session{MFASerial: p.MFASerial}
	switch p.Call {
	case sts.GetSessionToken:
		out, err := client.GetSessionToken(ctx, &awssts.GetSessionTokenInput{
			DurationSeconds: seconds(p.Duration), SerialNumber: serial, TokenCode: tokenCode,
		})
		if err != nil {
			return sts.Session{}, w.refusal(err)
		}
		return w.session(s, out.Credentials)
	case sts.AssumeRole:
		out, err := client.AssumeRole(ctx, &awssts.AssumeRoleInput{
			RoleArn: aws.String(p.Role.ARN), RoleSessionName: aws.String(p.Role.SessionName),
			ExternalId: optional(p.Role.ExternalID), DurationSeconds: seconds(p.Duration),
			SerialNumber: serial, TokenCode: tokenCode,
		})
		if err != nil {
			return sts.Session{}, w.refusal(err)
		}
		if out.AssumedRoleUser != nil {
			s.AssumedRole = aws.ToString(out.AssumedRoleUser.Arn)
		}
		return w.session(s, out.Credentials)
	}
	return sts.Session{}, &sts.Refusal{Class: sts.Unsent, Action: string(p.Call), Err: errors.New("fob knows no such call")}
}

// session fills in what AWS gave. An answer without keys or an end is no
// session: handing it out would have clients fail far away from the cause.
func (w *wire) session(s sts.Session, c *types.Credentials) (sts.Session, error) {
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" ||
		aws.ToString(c.SessionToken) == "" || c.Expiration == nil {
		return sts.Session{}, &sts.Refusal{
			Class: sts.Other, Action: w.action, Status: w.status, Date: w.date, Err: errNoSession,
		}
	}
	s.Keys = sts.Keys{
		AccessKeyID:     *c.AccessKeyId,
		SecretAccessKey: sts.Secret(*c.SecretAccessKey),
		SessionToken:    sts.Secret(*c.SessionToken),
	}
	s.Expiration, s.Date = c.Expiration.UTC(), w.date
	return s, nil
}

// Identity asks whose the keys are (GetCallerIdentity, which no policy can
// deny). The call carries no code, so where AWS refuses its signature's time
// it is made once more with the time that AWS's answer gave; the Date of what
// is returned lets the caller learn the skew.
func (i *Issuer) Identity(ctx context.Context, c Caller) (sts.Identity, error) {
	id, err := i.identity(ctx, c)
	var r *sts.Refusal
	if !errors.As(err, &r) {
		return id, err
	}
	skew, again := resync.CorrectSkew(r.Class, r.Date, time.Now(), c.Skew)
	if !again {
		return id, err
	}
	c.Skew = skew
	return i.identity(ctx, c)
}

func (i *Issuer) identity(ctx context.Context, c Caller) (sts.Identity, error) {
	ctx, cancel, w, err := i.prepare(ctx, "GetCallerIdentity", c)
	if err != nil {
		return sts.Identity{}, err
	}
	defer cancel()
	out, err := stsClient(c, w).GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})
	if err != nil {
		return sts.Identity{}, w.refusal(err)
	}
	if aws.ToString(out.Account) == "" || aws.ToString(out.Arn) == "" {
		return sts.Identity{}, &sts.Refusal{
			Class: sts.Other, Action: w.action, Status: w.status, Date: w.date, Err: errNobody,
		}
	}
	return sts.Identity{
		Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn),
		UserID: aws.ToString(out.UserId), Date: w.date,
	}, nil
}

func seconds(d time.Duration) *int32 {
	if d <= 0 {
		return nil
	}
	return aws.Int32(int32(d / time.Second))
}

// optional leaves a parameter out where it is empty: AWS takes an empty one
// for a wrong one.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
