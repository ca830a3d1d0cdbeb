package binding

import (
	"fmt"
	"strings"
	"time"
)

// What AWS verifies (IAM User Guide, "Assign a virtual MFA device": RFC 6238
// with its defaults; the QR code of CreateVirtualMFADevice names no others).
const (
	awsDigits = 6
	awsPeriod = 30 * time.Second
	awsHash   = "SHA1"
)

// A Credential is what an OATH account computes, as far as AWS cares.
type Credential struct {
	// Type is "TOTP" or "HOTP".
	Type string
	// Algorithm is "SHA1", "SHA256" or "SHA512".
	Algorithm string
	Digits    int
	// Period is the length of a time step; 0 for HOTP.
	Period time.Duration
}

// Unusable says in a sentence why AWS can't take the credential's codes; "" if
// it can.
func Unusable(c Credential) string {
	switch {
	case !strings.EqualFold(c.Type, "TOTP"):
		return fmt.Sprintf("its codes are counted, not timed (%s), and AWS takes time-based codes only", c.Type)
	case strings.ReplaceAll(strings.ToUpper(c.Algorithm), "-", "") != awsHash:
		return fmt.Sprintf("it computes with %s, and AWS with SHA1", c.Algorithm)
	case c.Digits != awsDigits:
		return fmt.Sprintf("its codes have %d digits, and AWS's have 6", c.Digits)
	case c.Period != awsPeriod:
		return fmt.Sprintf("its codes change every %s, and AWS's every 30s", c.Period)
	}
	return ""
}
