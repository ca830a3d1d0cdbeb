package sts

import (
	"net/http"
	"strings"
)

// A wording is a row of the table of messages: AWS uses one error code for
// many things, and only the message tells them apart.
type wording struct {
	code    string
	message string
	// prefix says that the message goes on after these words.
	prefix bool
	class  Class
}

// wordings returns the messages that mean more than their code. Those on MFA
// were captured from AWS by the project stackd in September 2026; the others
// are from the field and from the IAM User Guide, "Troubleshoot Signature
// Version 4 signing". White space at either end isn't compared.
func wordings() []wording {
	return []wording{
		{"AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", false, WrongCode},
		{"AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.", false, Unverifiable},
		{"AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.", false, MissingMFA},
		{"AccessDenied", "To complete this action, please ensure that you are authenticated with an MFA device that is enabled for this user.", false, NeedsMFA},
		{"AccessDenied", "Cannot call GetSessionToken with session credentials", false, SessionCaller},
		{"AccessDenied", "Roles may not be assumed by root accounts.", false, RootCaller},
		{"SignatureDoesNotMatch", "Signature expired: ", true, Skewed},
		{"SignatureDoesNotMatch", "Signature not yet current: ", true, Skewed},
		{"ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", false, RoleDuration},
		{"ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", false, ChainDuration},
	}
}

// classOfCode gives a class to the error codes that mean one thing (IAM and
// STS API references, "Errors" of each operation and "Common Errors"). "" is a
// code that isn't known.
func classOfCode(code string) Class {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired":
		return Denied
	case "InvalidAuthenticationCode":
		return WrongPair
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId":
		return BadKeys
	case "ExpiredToken", "ExpiredTokenException":
		return Expired
	case "RequestExpired", "RequestTimeTooSkewed":
		return Skewed
	case "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException":
		return BadSignature
	case "NoSuchEntity":
		return Missing
	case "EntityAlreadyExists":
		return Exists
	case "LimitExceeded":
		return Limit
	case "DeleteConflict":
		return InUse
	case "ConcurrentModification", "EntityTemporarilyUnmodifiable":
		return Busy
	case "RegionDisabledException":
		return RegionOff
	case "ValidationError", "ValidationException", "InvalidInput", "InvalidParameterValue",
		"InvalidParameterCombination", "InvalidQueryParameter", "InvalidAction", "MissingAction",
		"MissingParameter", "MalformedInput", "MalformedQueryString", "MalformedPolicyDocument",
		"PackedPolicyTooLarge":
		return Invalid
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
		"RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "BandwidthLimitExceeded":
		return Throttled
	case "ServiceFailure", "InternalFailure", "InternalError", "InternalServerError",
		"ServiceUnavailable":
		return Fault
	}
	return ""
}

// Classify says what a refusal means: action is the operation that was called,
// status the HTTP status, code and message AWS's words. It never fails; what
// it doesn't know is [Fault] for a status of 500 and above, [Throttled] for
// 429, else [Other].
func Classify(action string, status int, code, message string) Class {
	message = strings.TrimSpace(message)
	for _, w := range wordings() {
		if w.code != code {
			continue
		}
		text := strings.TrimSpace(w.message)
		if message == text || w.prefix && strings.HasPrefix(message, text) {
			return w.class
		}
	}
	if class := classOfCode(code); class != "" {
		// The pair of codes belongs to these two alone; elsewhere the code
		// would mean something fob hasn't seen.
		if class == WrongPair && action != "EnableMFADevice" && action != "ResyncMFADevice" {
			return Other
		}
		return class
	}
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status >= http.StatusInternalServerError:
		return Fault
	}
	return Other
}
