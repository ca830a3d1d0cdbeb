package cmd_test

import (
	"strings"
	"time"
)

type params = map[string]any

func refused(status int, code, message string) answered { return answered{status, code, message} }

const (
	suiteCarol  = "arn:aws:iam::111122223333:user/carol"
	suiteDevice = "arn:aws:iam::111122223333:mfa/carol"
	suiteTagged = "arn:aws:iam::111122223333:role/Tagged"
	suitePlain  = "arn:aws:iam::111122223333:role/Plain"
	suiteAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

var (
	suiteBadCode   = refused(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
	suiteBadDevice = refused(403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	suiteSignature = refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
)

// suiteCalls is the suite: STS, IAM and S3 where they succeed, and each kind of
// refusal that a client meets.
func suiteCalls() []suiteCall {
	var calls []suiteCall
	calls = append(calls, sessionCalls()...)
	calls = append(calls, deviceCalls()...)
	calls = append(calls, roleCalls()...)
	calls = append(calls, objectCalls()...)
	return append(calls, lastCalls()...)
}

func sessionCalls() []suiteCall {
	code := params{"SerialNumber": suiteDevice, "TokenCode": "{code 0}"}
	return []suiteCall{
		{name: "who am I", as: "carol", service: "sts", operation: "GetCallerIdentity", fields: map[string]string{"Arn": suiteCarol, "Account": "111122223333"}},
		{name: "an unknown key", as: "unknown", service: "sts", operation: "GetCallerIdentity", want: refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")},
		{name: "a wrong secret", as: "wrong", service: "sts", operation: "GetCallerIdentity", want: suiteSignature},
		{name: "a wrong secret at IAM", as: "wrong", service: "iam", operation: "ListUsers", want: suiteSignature},
		{name: "without MFA", as: "carol", service: "iam", operation: "ListUsers", want: refused(403, "AccessDenied",
			"User: "+suiteCarol+" is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::111122223333:user/ because no identity-based policy allows the iam:ListUsers action")},
		{name: "a session with a code", as: "carol", service: "sts", operation: "GetSessionToken", params: code, keep: "mfa"},
		{name: "the code again", as: "carol", service: "sts", operation: "GetSessionToken", params: code, want: suiteBadCode},
		{name: "a wrong code", as: "carol", service: "sts", operation: "GetSessionToken", params: params{"SerialNumber": suiteDevice, "TokenCode": "{code 7}"}, want: suiteBadCode},
		{name: "another device", as: "carol", service: "sts", operation: "GetSessionToken", params: params{"SerialNumber": "GAHT12345678", "TokenCode": "123456"}, want: suiteBadDevice},
		{name: "a serial without a code", as: "carol", service: "sts", operation: "GetSessionToken", params: params{"SerialNumber": suiteDevice},
			want: refused(403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")},
		{name: "a code that is none", as: "carol", service: "sts", operation: "GetSessionToken", params: params{"SerialNumber": suiteDevice, "TokenCode": "12345a"},
			want: refused(400, "ValidationError", `1 validation error detected: Value '12345a' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]*`)},
		{name: "a session of a session", as: "mfa", service: "sts", operation: "GetSessionToken", want: refused(403, "AccessDenied", "Cannot call GetSessionToken with session credentials")},
		{name: "who the session is", as: "mfa", service: "sts", operation: "GetCallerIdentity", fields: map[string]string{"Arn": suiteCarol}},
		{name: "with MFA", as: "mfa", service: "iam", operation: "ListUsers", fields: map[string]string{"Users.0.UserName": "admin", "Users.1.UserName": "carol"}},
		{name: "a session without a code", as: "carol", service: "sts", operation: "GetSessionToken", params: params{"DurationSeconds": 900}, keep: "plain"},
		{name: "which IAM doesn't take", as: "plain", service: "iam", operation: "ListUsers", want: refused(403, "InvalidClientTokenId", "The security token included in the request is invalid")},
	}
}

func deviceCalls() []suiteCall {
	made := []string{"--virtual-mfa-device-name", "new", "--outfile", "seed", "--bootstrap-method", "Base32StringSeed"}
	return []suiteCall{
		{name: "a device", as: "mfa", service: "iam", operation: "CreateVirtualMFADevice", params: params{"VirtualMFADeviceName": "new"}, cli: made,
			fields: map[string]string{"VirtualMFADevice.SerialNumber": "arn:aws:iam::111122223333:mfa/new"}},
		{name: "the same again", as: "mfa", service: "iam", operation: "CreateVirtualMFADevice", params: params{"VirtualMFADeviceName": "new"}, cli: made,
			want: refused(409, "EntityAlreadyExists", "MFA device already exists."), modelled: "EntityAlreadyExistsException"},
		{name: "enabled with wrong codes", as: "mfa", service: "iam", operation: "EnableMFADevice",
			params: params{"UserName": "carol", "SerialNumber": "arn:aws:iam::111122223333:mfa/new", "AuthenticationCode1": "000000", "AuthenticationCode2": "000000"},
			want:   refused(403, "InvalidAuthenticationCode", "Authentication code for device is not valid."), modelled: "InvalidAuthenticationCodeException"},
		{name: "deleted while enabled", as: "mfa", service: "iam", operation: "DeleteVirtualMFADevice", params: params{"SerialNumber": suiteDevice},
			want: refused(409, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first."), modelled: "DeleteConflictException"},
		{name: "deleted", as: "mfa", service: "iam", operation: "DeleteVirtualMFADevice", params: params{"SerialNumber": "arn:aws:iam::111122223333:mfa/new"}},
		{name: "deleted twice", as: "mfa", service: "iam", operation: "DeleteVirtualMFADevice", params: params{"SerialNumber": "arn:aws:iam::111122223333:mfa/new"},
			want: refused(404, "NoSuchEntity", "VirtualMFADevice with serial number arn:aws:iam::111122223333:mfa/new doesn't exist."), modelled: "NoSuchEntityException"},
		{name: "carol's devices", as: "mfa", service: "iam", operation: "ListMFADevices", fields: map[string]string{"MFADevices.0.SerialNumber": suiteDevice, "MFADevices.0.UserName": "carol"}},
		{name: "no such user", as: "mfa", service: "iam", operation: "GetUser", params: params{"UserName": "nobody"},
			want: refused(404, "NoSuchEntity", "The user with name nobody cannot be found."), modelled: "NoSuchEntityException"},
	}
}

func roleCalls() []suiteCall {
	role := func(arn string, more params) params {
		p := params{"RoleArn": arn, "RoleSessionName": "me"}
		for name, value := range more {
			p[name] = value
		}
		return p
	}
	tags := params{"Tags": []params{{"Key": "team", "Value": "red"}}, "TransitiveTagKeys": []string{"team"}}
	notAuthorized := func(action, arn string) answered {
		return refused(403, "AccessDenied", "User: "+suiteCarol+" is not authorized to perform: "+action+" on resource: "+arn)
	}
	return []suiteCall{
		{name: "a role", as: "mfa", service: "sts", operation: "AssumeRole", params: role(suiteTagged, tags), keep: "role",
			fields: map[string]string{"AssumedRoleUser.Arn": "arn:aws:sts::111122223333:assumed-role/Tagged/me"}},
		{name: "a role with a code", as: "carol", service: "sts", operation: "AssumeRole", params: role(suitePlain, params{"SerialNumber": suiteDevice, "TokenCode": "{code 1}"})},
		{name: "a role without a code", as: "carol", service: "sts", operation: "AssumeRole", params: role(suitePlain, nil), want: notAuthorized("sts:AssumeRole", suitePlain)},
		{name: "tags that aren't trusted", as: "mfa", service: "sts", operation: "AssumeRole", params: role(suitePlain, tags), want: notAuthorized("sts:TagSession", suitePlain)},
		{name: "for too long", as: "mfa", service: "sts", operation: "AssumeRole", params: role(suitePlain, params{"DurationSeconds": 3601}),
			want: refused(400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")},
		{name: "a policy that is none", as: "mfa", service: "sts", operation: "AssumeRole", params: role(suitePlain, params{"Policy": "{"}),
			want: refused(400, "MalformedPolicyDocument", "This policy contains invalid Json"), modelled: "MalformedPolicyDocumentException"},
		{name: "a policy that is too large", as: "mfa", service: "sts", operation: "AssumeRole", params: role(suitePlain, params{"Policy": suiteAll + strings.Repeat(" ", 2048)}),
			want: refused(400, "PackedPolicyTooLarge", "Serialized token too large for session: packed size 105% of the limit"), modelled: "PackedPolicyTooLargeException"},
		{name: "a role can't have a session", as: "role", service: "sts", operation: "GetFederationToken", params: params{"Name": "fed"},
			want: refused(403, "AccessDenied", "Cannot call GetFederationToken with session credentials")},
		{name: "a federated user", as: "admin", service: "sts", operation: "GetFederationToken", params: params{"Name": "fed", "Policy": suiteAll}, keep: "federated",
			fields: map[string]string{"FederatedUser.FederatedUserId": "111122223333:fed"}},
		{name: "who it is", as: "federated", service: "sts", operation: "GetCallerIdentity", fields: map[string]string{"Arn": "arn:aws:sts::111122223333:federated-user/fed"}},
		{name: "whose key it is", as: "admin", service: "sts", operation: "GetAccessKeyInfo", params: params{"AccessKeyId": "AKIACAROLEXAMPLE0001"}, fields: map[string]string{"Account": "111122223333"}},
		{name: "a message that is none", as: "admin", service: "sts", operation: "DecodeAuthorizationMessage", params: params{"EncodedMessage": "x"},
			want: refused(400, "InvalidAuthorizationMessageException", "Message is not valid"), modelled: "InvalidAuthorizationMessageException"},
	}
}

func objectCalls() []suiteCall {
	object := params{"Bucket": "files", "Key": "a"}
	return []suiteCall{
		{name: "an object", as: "mfa", service: "s3", operation: "PutObject", params: object},
		{name: "an object without MFA", as: "carol", service: "s3", operation: "DeleteObject", params: object, want: refused(403, "AccessDenied", "Access Denied")},
		{name: "the objects", as: "mfa", service: "s3", operation: "ListObjectsV2", params: params{"Bucket": "files"}, fields: map[string]string{"Contents.0.Key": "a"}},
		{name: "no policy", as: "mfa", service: "s3", operation: "GetBucketPolicy", params: params{"Bucket": "files"}, want: refused(404, "NoSuchBucketPolicy", "The bucket policy does not exist")},
		{name: "no bucket", as: "mfa", service: "s3", operation: "ListObjectsV2", params: params{"Bucket": "nothing"}, want: refused(404, "NoSuchBucket", "The specified bucket does not exist"), modelled: "NoSuchBucket"},
		{name: "an unknown key at S3", as: "unknown", service: "s3", operation: "ListBuckets", want: refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")},
		{name: "a wrong secret at S3", as: "wrong", service: "s3", operation: "ListBuckets", want: refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")},
	}
}

// lastCalls are those after which the sessions are over.
func lastCalls() []suiteCall {
	expired := refused(403, "ExpiredToken", "The security token included in the request is expired")
	return []suiteCall{
		{name: "a session that is over", later: 13 * time.Hour, as: "mfa", service: "sts", operation: "GetCallerIdentity", want: expired},
		{name: "at IAM", as: "mfa", service: "iam", operation: "ListUsers", want: expired},
		{name: "at S3", as: "mfa", service: "s3", operation: "ListBuckets", want: refused(400, "ExpiredToken", "The provided token has expired.")},
		{name: "a new code", as: "carol", service: "sts", operation: "GetSessionToken", params: params{"SerialNumber": suiteDevice, "TokenCode": "{code 0}"}},
	}
}
