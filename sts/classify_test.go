package sts

import (
	"strings"
	"testing"
)

// Long messages of the table below.
const (
	unableMFA    = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
	selfManage   = "To complete this action, please ensure that you are authenticated with an MFA device that is enabled for this user."
	badSignature = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	fidoOnly     = "The MFA device serial number sent in the request is invalid or not supported by this API. Currently, only hardware FIDO security keys are supported. Please use the compatible device or API."
	constraint   = "1 validation error detected: Value '12345' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6"
)

// Every refusal that was captured or reported of STS, of IAM's MFA operations
// and of S3, as action, status, code and message. Messages are exact, white
// space included.
var refusals = []struct {
	action  string
	status  int
	code    string
	message string
	want    Class
}{
	// The life of an MFA device.
	{"CreateVirtualMFADevice", 409, "EntityAlreadyExists", "MFA device already exists.", Exists},
	{"CreateVirtualMFADevice", 409, "EntityAlreadyExists", "MFADevice entity at the same path and name already exists.", Exists},
	{"CreateVirtualMFADevice", 409, "LimitExceeded", "", Limit},
	{"CreateVirtualMFADevice", 400, "InvalidInput", "", Invalid},
	{"CreateVirtualMFADevice", 409, "ConcurrentModification", "", Busy},
	{"CreateVirtualMFADevice", 500, "ServiceFailure", "", Fault},
	{"DeactivateMFADevice", 404, "NoSuchEntity", "MFA Device invalid for user.", Missing},
	{"ResyncMFADevice", 404, "NoSuchEntity", "MFA Device invalid for user.", Missing},
	{"EnableMFADevice", 403, "InvalidAuthenticationCode", "Authentication code for device is not valid.", WrongPair},
	{"ResyncMFADevice", 403, "InvalidAuthenticationCode", "Authentication code for device is not valid.", WrongPair},
	{"EnableMFADevice", 409, "EntityAlreadyExists", "MFA Device for user carol already exists.", Exists},
	{"EnableMFADevice", 409, "EntityAlreadyExists", "MFA Device is already in use.", Exists},
	{"EnableMFADevice", 409, "EntityTemporarilyUnmodifiable", "", Busy},
	{"EnableMFADevice", 409, "LimitExceeded", "", Limit},
	{"GetMFADevice", 400, "ValidationError", fidoOnly, Invalid},
	{"DeleteVirtualMFADevice", 409, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.", InUse},
	{"DeleteVirtualMFADevice", 404, "NoSuchEntity", "VirtualMFADevice with serial number arn:aws:iam::111122223333:mfa/x doesn't exist.", Missing},
	{"DeleteUser", 409, "DeleteConflict", "Cannot delete entity, must remove tokens from principal first.", InUse},
	{"EnableMFADevice", 403, "AccessDenied", selfManage, NeedsMFA},
	{"DeactivateMFADevice", 403, "AccessDenied", selfManage, NeedsMFA},

	// Codes.
	{"GetSessionToken", 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", WrongCode},
	{"AssumeRole", 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", WrongCode},
	{"GetSessionToken", 403, "AccessDenied", unableMFA, Unverifiable},
	{"AssumeRole", 403, "AccessDenied", unableMFA, Unverifiable},
	{"GetSessionToken", 403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.", MissingMFA},
	{"GetSessionToken", 400, "ValidationError", constraint, Invalid},

	// Keys and signatures.
	{"GetSessionToken", 403, "AccessDenied", "Cannot call GetSessionToken with session credentials", SessionCaller},
	{"ListUsers", 403, "InvalidClientTokenId", "The security token included in the request is invalid", BadKeys},
	{"GetCallerIdentity", 403, "InvalidClientTokenId", "The security token included in the request is invalid.", BadKeys},
	{"GetCallerIdentity", 403, "ExpiredToken", "The security token included in the request is expired", Expired},
	{"ListObjects", 400, "ExpiredToken", "The provided token has expired.", Expired},
	{"AssumeRoot", 400, "ExpiredTokenException", "", Expired},
	{"GetSessionToken", 403, "SignatureDoesNotMatch", badSignature, BadSignature},
	{"GetSessionToken", 403, "SignatureDoesNotMatch", "Signature expired: 20261122T110000Z is now earlier than 20261122T114500Z (20261122T120000Z - 15 min.)", Skewed},
	{"GetSessionToken", 403, "SignatureDoesNotMatch", "Signature not yet current: 20261122T130000Z is still later than 20261122T121500Z (20261122T120000Z + 15 min.)", Skewed},
	{"ListObjects", 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", Skewed},
	{"GetSessionToken", 400, "RequestExpired", "", Skewed},
	{"GetSessionToken", 403, "SignatureDoesNotMatch", "Credential should be scoped to a valid Region, not mars-1", BadSignature},
	{"GetSessionToken", 403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'", BadSignature},
	{"GetSessionToken", 403, "SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: 'aws4_request'", BadSignature},
	{"GetSessionToken", 403, "MissingAuthenticationToken", "Request is missing Authentication Token", BadSignature},
	{"GetSessionToken", 400, "IncompleteSignature", "", BadSignature},
	{"GetSessionTokens", 400, "InvalidAction", "Could not find operation GetSessionTokens for version 2011-06-15", Invalid},

	// Roles.
	{"AssumeRole", 403, "AccessDenied", "User: arn:aws:iam::111122223333:user/carol is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/R", Denied},
	{"AssumeRole", 403, "AccessDenied", "Roles may not be assumed by root accounts.", RootCaller},
	{"AssumeRole", 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", RoleDuration},
	{"AssumeRole", 400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", ChainDuration},
	{"AssumeRole", 400, "ValidationError", "nothing-valid-in-here is invalid", Invalid},
	{"AssumeRole", 400, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", Invalid},
	{"AssumeRole", 400, "MalformedPolicyDocument", "This policy contains invalid Json", Invalid},
	{"AssumeRole", 400, "PackedPolicyTooLarge", "", Invalid},
	{"AssumeRole", 400, "MalformedInput", "", Invalid},
	{"AssumeRole", 403, "RegionDisabledException", "STS is not activated in this region for account:111122223333.", RegionOff},
	{"GetUser", 404, "NoSuchEntity", "The user with name foobar cannot be found.", Missing},
	{"ListUsers", 403, "AccessDenied", "User: arn:aws:iam::111122223333:user/carol is not authorized to perform: iam:ListUsers on resource: * with an explicit deny in an identity-based policy", Denied},
	{"ListUsers", 403, "AccessDenied", "User: arn:aws:iam::111122223333:user/carol is not authorized to perform: iam:ListUsers because no permissions boundary allows the iam:ListUsers action", Denied},

	// AWS is busy or broken, or it wasn't AWS that answered.
	{"GetSessionToken", 400, "Throttling", "Rate exceeded", Throttled},
	{"GetSessionToken", 429, "", "", Throttled},
	{"GetSessionToken", 503, "SlowDown", "", Throttled},
	{"GetSessionToken", 503, "ServiceUnavailable", "", Fault},
	{"GetSessionToken", 500, "InternalFailure", "", Fault},
	{"GetSessionToken", 502, "", "", Fault},
	{"GetSessionToken", 407, "", "", Other},
	{"GetSessionToken", 403, "", "", Other},
	{"GetSessionToken", 403, "SomethingNew", "of next year", Other},
	{"GetSessionToken", 403, "InvalidAuthenticationCode", "Authentication code for device is not valid.", Other},
	{"GetSessionToken", 200, "", "", Other},
	{"", 0, "", "", Other},
}

func TestClassify(t *testing.T) {
	for _, test := range refusals {
		if got := Classify(test.action, test.status, test.code, test.message); got != test.want {
			t.Errorf("%s %d %s %q: %s, want %s", test.action, test.status, test.code, test.message, got, test.want)
		}
		if got := Classify(test.action, test.status, test.code, "\n "+test.message+"\t"); got != test.want {
			t.Errorf("%s %d %s %q with white space around it: %s, want %s", test.action, test.status, test.code, test.message, got, test.want)
		}
	}
}

// A message alone is nothing: the code it comes with must fit, so that a role
// or user named after a message can't pass for it.
func TestClassifyNeedsTheCode(t *testing.T) {
	for _, w := range wordings() {
		if got := Classify("AssumeRole", 403, "SomethingNew", w.message); got != Other {
			t.Errorf("%q with another code: %s", w.message, got)
		}
		if !w.prefix && w.code == "AccessDenied" {
			if got := Classify("AssumeRole", 403, "AccessDenied", "x "+w.message); got != Denied {
				t.Errorf("%q within a longer message: %s", w.message, got)
			}
		}
	}
}

// classes are all there are.
var classes = []Class{
	WrongCode, Unverifiable, WrongPair, MissingMFA, NeedsMFA, BadKeys, Expired, Skewed, BadSignature,
	SessionCaller, Denied, RootCaller, RoleDuration, ChainDuration, Missing, Exists, Limit, InUse, Busy,
	RegionOff, Invalid, Throttled, Fault, Unsent, Unanswered, Other,
}

func FuzzClassify(f *testing.F) {
	for _, r := range refusals {
		f.Add(r.action, r.status, r.code, r.message)
	}
	known := map[Class]bool{}
	for _, c := range classes {
		known[c] = true
	}
	f.Fuzz(func(t *testing.T, action string, status int, code, message string) {
		class := Classify(action, status, code, message)
		if !known[class] || class == Unsent || class == Unanswered {
			t.Errorf("class %q", class)
		}
		if class != Classify(action, status, code, strings.TrimSpace(message)) {
			t.Error("white space around the message changes the class")
		}
	})
}
