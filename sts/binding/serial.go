package binding

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/fob-auth/fob/sts"
)

// A SerialError says why a device's codes can't get a session for the user.
type SerialError struct {
	Serial string
	// Reason is the end of the sentence "MFA device … ".
	Reason string
}

func (e *SerialError) Error() string { return fmt.Sprintf("MFA device %s %s", e.Serial, e.Reason) }

// An arn is an ARN in its parts (AWS General Reference, "Amazon Resource
// Names").
type arn struct{ partition, service, account, resource string }

// parseARN takes an ARN apart; ok is false for anything else, as the serial of
// a hardware fob.
func parseARN(s string) (a arn, ok bool) {
	part := strings.SplitN(s, ":", 6)
	if len(part) != 6 || part[0] != "arn" {
		return arn{}, false
	}
	return arn{partition: part[1], service: part[2], account: part[4], resource: part[5]}, true
}

// hardwareForm is the serial of a hardware fob: AWS's pattern for SerialNumber
// without what only ARNs have (IAM API reference, EnableMFADevice).
var hardwareForm = regexp.MustCompile(`^[A-Za-z0-9-]{9,256}$`)

// Hardware reports whether the MFA serial is a hardware fob's, not the ARN of a
// virtual device.
func Hardware(serial string) bool { return hardwareForm.MatchString(serial) }

// CheckSerial reports, as a *SerialError, that the device can't be the
// identity's, so that no code is spent to find out: a device of another
// account or partition, one of a kind that gives no codes, a hardware fob in
// GovCloud (which has virtual devices only: IAM User Guide, "AWS GovCloud (US)
// and MFA").
func CheckSerial(serial string, id sts.Identity) error {
	bad := func(format string, args ...any) error {
		return &SerialError{Serial: serial, Reason: fmt.Sprintf(format, args...)}
	}
	caller, ok := parseARN(id.ARN)
	if !ok {
		return bad("can't be checked: AWS named the caller %q", id.ARN)
	}
	if Hardware(serial) {
		if caller.partition == "aws-us-gov" {
			return bad("is a hardware fob, and AWS GovCloud takes virtual devices only")
		}
		return nil
	}
	a, ok := parseARN(serial)
	kind, name, _ := strings.Cut(a.resource, "/")
	switch {
	case !ok || a.service != "iam" || name == "":
		return bad("is neither the ARN of an MFA device nor the serial of a hardware fob")
	case kind == "u2f":
		return bad("is a FIDO key, and STS takes six-digit codes only")
	case kind == "sms-mfa":
		return bad("gets its codes by text message, which AWS has retired")
	case kind != "mfa":
		return bad("is neither the ARN of an MFA device nor the serial of a hardware fob")
	case a.partition != caller.partition:
		return bad("belongs to the partition %s, and the keys to %s", a.partition, caller.partition)
	case a.account != id.Account:
		return bad("belongs to account %s, and the keys to account %s", a.account, id.Account)
	}
	return nil
}

// VirtualSerial is the serial of the virtual device of that path ("" or "/x/")
// and name in the identity's account and partition (IAM User Guide, "IAM
// identifiers").
func VirtualSerial(id sts.Identity, path, name string) string {
	partition := "aws"
	if a, ok := parseARN(id.ARN); ok {
		partition = a.partition
	}
	return "arn:" + partition + ":iam::" + id.Account + ":mfa" + cmp.Or(path, "/") + name
}

// UserName returns the name of the IAM user whose the identity is; ok is false
// for the root user, a role's session or anything else that is no user.
func UserName(id sts.Identity) (name string, ok bool) {
	a, isARN := parseARN(id.ARN)
	rest, isUser := strings.CutPrefix(a.resource, "user/")
	if !isARN || a.service != "iam" || !isUser {
		return "", false
	}
	name = rest[strings.LastIndexByte(rest, '/')+1:]
	return name, name != ""
}
