package policy

import (
	"regexp"
	"slices"
	"strings"
)

// validateAccess checks policies that name principals: trust policies and
// those of resources.
func (d *Document) validateAccess(k Kind) *ValidationError {
	if len(d.statements) == 0 {
		return fault(-1, msgEmpty)
	}
	if err := d.each([]func(*statement) string{
		func(s *statement) string { return s.accessFault(k) },
		func(s *statement) string { return when(s.malformed(k), malformedMessage(k)) },
	}); err != nil {
		return err
	}
	if k == Trust {
		return d.sids()
	}
	return nil
}

func malformedMessage(k Kind) string {
	if k == Resource {
		return msgS3Syntax
	}
	return msgSyntax
}

func (s *statement) accessFault(k Kind) string {
	switch {
	case s.principal == nil:
		return msgMissing + "Principal"
	case !s.principal.all && len(s.principal.entries) == 0:
		return msgEmptyPrincipal
	case s.principal.not && s.effect == EffectAllow:
		return msgNotPrincipal
	case len(s.action.values) == 0:
		return msgMissing + "Action"
	}
	if m := s.principal.fault(); m != "" {
		return m
	}
	if k == Trust {
		return s.trustFault()
	}
	switch {
	case slices.ContainsFunc(s.action.values, func(a string) bool { return a != "*" && strings.Count(a, ":") != 1 }):
		return msgInvalidAction
	case len(s.resource.values) == 0:
		return msgMissing + "Resource"
	case slices.Contains(s.resource.values, ""):
		return msgInvalidResource
	}
	return ""
}

func (s *statement) trustFault() string {
	switch {
	case s.hasRes && s.notRes:
		return msgTrustResources
	case s.hasRes:
		return msgProhibited + "Resource"
	}
	for _, a := range s.action.values {
		if vendor, _, _ := strings.Cut(a, ":"); !strings.EqualFold(vendor, "sts") {
			return msgAssumeRole
		}
	}
	return ""
}

// InvalidPrincipal returns the error for a principal that can't be named, or
// that doesn't exist, which is for the caller to find out. kind is AWS,
// Service, Federated or CanonicalUser.
func InvalidPrincipal(kind, name string) *ValidationError {
	return fault(-1, `Invalid principal in policy: "`+strings.ToUpper(kind)+`":"`+name+`"`)
}

var (
	accountPattern   = regexp.MustCompile(`^[0-9]{12}$`)
	idPattern        = regexp.MustCompile(`^A(IDA|ROA)[A-Z0-9]+$`)
	principalPattern = regexp.MustCompile(`^arn:aws[a-z-]*:(iam::[0-9]{12}:(root|(user|role)/[^*?]+)|sts::[0-9]{12}:(assumed-role/[^*?/]+/[^*?/]+|federated-user/[^*?/]+))$`)
	servicePattern   = regexp.MustCompile(`^[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+$`)
)

// fault returns the message for the first value that can't be a principal.
// A wildcard stands for everybody or for nobody: it is never part of a name
// ("Principal": "Specifying a principal").
func (p *principals) fault() string {
	for _, e := range p.entries {
		if len(e.values.values) == 0 {
			return msgEmptyPrincipal
		}
		for _, v := range e.values.values {
			ok := v != ""
			switch e.kind {
			case "AWS":
				ok = v == "*" || accountPattern.MatchString(v) || idPattern.MatchString(v) || principalPattern.MatchString(v)
			case "Service":
				ok = servicePattern.MatchString(v)
			}
			if !ok {
				return InvalidPrincipal(e.kind, v).Message
			}
		}
	}
	return ""
}
