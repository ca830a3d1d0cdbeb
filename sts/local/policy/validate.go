package policy

import (
	"regexp"
	"strings"
)

// Kind is where a policy is to be stored or used, which decides what it must
// and may not contain, and in whose words it is refused.
type Kind uint8

// The kinds of policy.
const (
	Identity Kind = iota // inline, on a user, group or role
	Managed              // a managed policy
	Boundary             // a managed policy as a permissions boundary
	Session              // passed to AssumeRole or GetFederationToken
	Trust                // a role's AssumeRolePolicyDocument
	Resource             // of a bucket, a queue, a topic
)

// Messages of IAM and STS for the error code MalformedPolicyDocument, and of
// S3 for MalformedPolicy where it differs (recorded from the services by the
// tests of moto and versitygw and by reports of users).
const (
	msgSyntax          = "Syntax errors in policy."
	msgLegacy          = "The policy failed legacy parsing"
	msgVersion         = "Policy document must be version 2012-10-17 or greater."
	msgPrincipal       = "Policy document should not specify a principal."
	msgSidFormat       = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	msgSidUnique       = "Statement IDs (SID) in a single policy must be unique."
	msgNoActions       = "Policy statement must contain actions."
	msgNoResources     = "Policy statement must contain resources."
	msgNoVendor        = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	msgColons          = "Actions/Condition can contain only one colon."
	msgFullVendor      = "Resource vendor must be fully qualified and cannot contain regexes."
	msgInvalidJSON     = "This policy contains invalid Json"
	msgS3JSON          = "Policies must be valid JSON and the first byte must be '{'"
	msgS3Syntax        = "Invalid policy syntax."
	msgEmpty           = "Could not parse the policy: Statement is empty!"
	msgMissing         = "Missing required field "
	msgProhibited      = "Has prohibited field "
	msgEmptyPrincipal  = "Missing required field Principal cannot be empty!"
	msgAssumeRole      = "AssumeRole policy may only specify STS AssumeRole actions."
	msgTrustResources  = "AssumeRole policy must not contain resources."
	msgNotPrincipal    = "Allow with NotPrincipal is not allowed."
	msgInvalidAction   = "Policy has invalid action"
	msgInvalidResource = "Policy has invalid resource"
)

// ValidationError is what Validate returns. Its text is the service's message.
type ValidationError struct {
	Message   string
	Statement int // index, -1 where the document as a whole is at fault
}

func (e *ValidationError) Error() string { return e.Message }

func fault(statement int, message string) *ValidationError {
	return &ValidationError{Message: message, Statement: statement}
}

// Validate says whether the document may be stored or used as a policy of
// kind k. The error is always a *ValidationError.
func (d *Document) Validate(k Kind) error {
	var err *ValidationError
	if k == Trust || k == Resource {
		err = d.validateAccess(k)
	} else {
		err = d.validateIdentity(k)
	}
	if err != nil {
		return err
	}
	return nil
}

// validateIdentity checks what IAM checks of policies on identities, in its
// order: each check goes over the whole document before the next begins.
func (d *Document) validateIdentity(k Kind) *ValidationError {
	if len(d.statements) == 0 {
		return fault(-1, msgSyntax)
	}
	if (k == Managed || k == Boundary) && d.version != Version2012 {
		return fault(-1, msgVersion)
	}
	checks := []func(*statement) string{
		func(s *statement) string { return when(s.principal != nil, msgPrincipal) },
		func(s *statement) string { return when(s.malformed(k), msgLegacy) },
	}
	if err := d.each(checks); err != nil {
		return err
	}
	format, err := d.resourceFormat()
	if err != nil {
		return err
	}
	if err := d.sids(); err != nil {
		return err
	}
	checks = []func(*statement) string{
		func(s *statement) string { return when(len(s.action.values) == 0, msgNoActions) },
	}
	if err := d.each(checks); err != nil {
		return err
	}
	if format != nil {
		return format
	}
	return d.each([]func(*statement) string{
		(*statement).actionFault,
		func(s *statement) string { return when(len(s.resource.values) == 0, msgNoResources) },
	})
}

// each runs the checks one after the other, each over all statements.
func (d *Document) each(checks []func(*statement) string) *ValidationError {
	for _, check := range checks {
		for i := range d.statements {
			if m := check(&d.statements[i]); m != "" {
				return fault(i, m)
			}
		}
	}
	return nil
}

func when(broken bool, message string) string {
	if broken {
		return message
	}
	return ""
}

// malformed says whether the statement has a literal or a variable that k's
// storage refuses. STS takes literals that are not binary, which then match as
// what they are (Captures).
func (s *statement) malformed(k Kind) bool {
	for i := range s.resources {
		if s.resources[i].text.malformed {
			return true
		}
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		for j := range c.operands {
			o := &c.operands[j]
			if o.text.malformed || o.malformed && (k != Session || c.op.family == familyBinary) {
				return true
			}
		}
	}
	return false
}

// resourceFormat returns the first fault in the form of a resource, which
// counts only after other checks, or as err one that counts at once.
func (d *Document) resourceFormat() (format, err *ValidationError) {
	for i := range d.statements {
		values := d.statements[i].resource.values
		for _, r := range values {
			if m := d.resourceFault(r); m != "" && format == nil {
				format = fault(i, m)
			}
		}
		for _, r := range values {
			if format == nil && d.legacyResource(r) {
				return nil, fault(i, msgLegacy)
			}
		}
	}
	return format, nil
}

// legacyResource says whether r is an ARN with parts missing in its middle.
func (d *Document) legacyResource(r string) bool {
	if r == "*" || d.dynamic(r) {
		return false
	}
	parts := strings.Split(r, ":")
	return len(parts) < arnParts && strings.Contains(r, "::") || len(parts) < 3 || parts[2] == ""
}

// dynamic says whether r has a policy variable before its last part, so that
// its form shows only when it is used.
func (d *Document) dynamic(r string) bool {
	i := strings.Index(r, "${")
	return d.version == Version2012 && i >= 0 && strings.Count(r[:i], ":") < arnParts-1
}

var sidPattern = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (d *Document) sids() *ValidationError {
	seen := map[string]bool{}
	for i := range d.statements {
		sid := d.statements[i].sid
		switch {
		case sid == "":
		case !sidPattern.MatchString(sid):
			return fault(i, msgSidFormat)
		case seen[sid]:
			return fault(i, msgSidUnique)
		}
		seen[sid] = true
	}
	return nil
}

var vendorPattern = regexp.MustCompile(`^[a-zA-Z0-9.-]*$`)

// actionFault returns what is wrong with the first action at fault.
func (s *statement) actionFault() string {
	for _, a := range s.action.values {
		vendor, _, colon := strings.Cut(a, ":")
		switch {
		case a == "*":
		case !colon:
			return msgNoVendor
		case strings.Count(a, ":") > 1:
			return msgColons
		case vendor != "*" && !vendorPattern.MatchString(vendor):
			return "Vendor " + vendor + " is not valid"
		}
	}
	return ""
}
