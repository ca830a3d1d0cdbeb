package s3

import (
	"net/http"
	"strings"

	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/store"
)

// mfaHeader carries an MFA device's serial and code (S3 User Guide, "Deleting
// an object from an MFA delete-enabled bucket").
const mfaHeader = "X-Amz-Mfa"

// codeLength is the length of a code in digits.
const codeLength = 6

// AWS's refusals of MFA Delete, from field reports.
var (
	errMFARequired = errorf(http.StatusForbidden, "AccessDenied", "Mfa Authentication must be used for this request")
	errMFAOwner    = errorf(http.StatusForbidden, "AccessDenied", "This operation may only be performed by the bucket owner")
	errMFASession  = invalidRequest("DevPay and Mfa are mutually exclusive authorization methods.")
)

// verifyMFA asks for what MFA Delete demands: the root user of the account that
// owns the bucket, with long-term keys, and a good code of one of its devices,
// which is spent. It is independent of aws:MultiFactorAuthPresent: neither
// stands in for the other.
func (q *request) verifyMFA(tx *store.Tx, b store.Bucket) error {
	header := q.r.Header.Get(mfaHeader)
	if header == "" {
		return errMFARequired
	}
	serial, code, ok := strings.Cut(strings.TrimSpace(header), " ")
	if !ok || serial == "" || len(code) != codeLength || strings.Trim(code, "0123456789") != "" {
		return invalidArgument("Mfa header is invalid -- the header should be formatted as {serialNumber}(space){tokenCode}", "", "").
			with("ArgumentName", strings.ToLower(mfaHeader))
	}
	c := q.call.Caller
	if !c.IsRoot() || c.IsAnonymous() || c.Account.ID != b.Account {
		return errMFAOwner
	}
	report := q.Devices.Verify(tx, c.MFAOwner(), serial, code, q.now)
	q.call.Note.MFA = append(q.call.Note.MFA, report)
	if report.Outcome != device.Accepted {
		return errAccessDenied // AWS's words for a bad code aren't known
	}
	return nil
}
