package sts

import (
	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/query"
)

// Constraints of the MFA parameters (STS service model: serialNumberType,
// tokenCodeType).
var (
	serialRules = []query.Rule{query.MinLen(9), query.MaxLen(256), query.Match(`[\w+=/:,.@-]*`)}
	codeRules   = []query.Rule{query.MinLen(6), query.MaxLen(6), query.Match(`[\d]*`)}
)

// mfaInput is the MFA parameters of a call.
type mfaInput struct {
	serial, code       string
	hasSerial, hasCode bool
}

func readMFA(in *query.Input) mfaInput {
	return mfaInput{
		serial: in.String("SerialNumber", serialRules...), hasSerial: in.Has("SerialNumber"),
		code: in.String("TokenCode", codeRules...), hasCode: in.Has("TokenCode"),
	}
}

// AWS's refusals of MFA parameters, to the letter: the first is from a field
// report, the others were captured.
var (
	errMFAIncomplete = query.AccessDenied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	errMFACode       = query.AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	errMFADevice     = query.AccessDenied("MultiFactorAuthentication failed, unable to validate MFA code.  " +
		"Please verify your MFA serial number is valid and associated with this user.")
)

// verify spends the call's code. It tells whether there was one; a call
// without MFA is fine.
func (s *Service) verify(r *access.Request, in mfaInput) (bool, error) {
	if !in.hasSerial && !in.hasCode {
		return false, nil
	}
	if !in.hasSerial || !in.hasCode {
		return false, errMFAIncomplete
	}
	report := s.Devices.Verify(r.Tx, r.Caller.MFAOwner(), in.serial, in.code, r.Now)
	r.Note.MFA = append(r.Note.MFA, report)
	switch report.Outcome {
	case device.Accepted:
		return true, nil
	case device.Refused, device.Replayed:
		return false, errMFACode
	}
	return false, errMFADevice
}
