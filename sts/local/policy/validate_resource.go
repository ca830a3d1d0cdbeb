package policy

import (
	"slices"
	"strings"
)

// partitions are the first parts of an ARN that IAM knows. A wildcard may
// stand for one.
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}

// iamPaths are what the last part of an IAM resource may begin with.
var iamPaths = []string{"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/",
	"server-certificate/", "policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"}

// s3Regional are the S3 resources that, unlike buckets and objects, name a region.
var s3Regional = []string{"accesspoint/", "job/", "storage-lens/", "async-request/", "access-grants/"}

// resourceFault returns what is wrong with the form of a Resource value.
func (d *Document) resourceFault(r string) string {
	if r == "*" || d.dynamic(r) {
		return ""
	}
	_, rest, colon := strings.Cut(r, ":")
	if !colon {
		return "Resource " + r + ` must be in ARN format or "*".`
	}
	partition, rest, colon := strings.Cut(rest, ":")
	if !slices.Contains(partitions, partition) && !strings.ContainsAny(partition, "*?") {
		return `Partition "` + partition + `" is not valid for resource "` + filledARN(partition, rest) + `".`
	}
	if !colon {
		return msgFullVendor
	}
	service, rest, _ := strings.Cut(rest, ":")
	if strings.ContainsAny(service, "*?") {
		return msgFullVendor
	}
	region, rest, _ := strings.Cut(rest, ":")
	_, last, _ := strings.Cut(rest, ":")
	switch service {
	case "iam":
		return iamFault(r, region, last)
	case "s3":
		if region != "" && region != "*" && !beginsWith(last, s3Regional) {
			return "Resource " + r + " can not contain region information."
		}
	}
	return ""
}

func iamFault(r, region, last string) string {
	switch {
	case region != "" && region != "*":
		return "IAM resource " + r + " cannot contain region information."
	case strings.Count(r, ":") < arnParts-1, last == "*", last == "root", beginsWith(last, iamPaths):
		return ""
	}
	return `IAM resource path must either be "*" or start with ` + strings.Join(iamPaths, ", ") + "."
}

// beginsWith says whether a text that last may match begins with one of the
// prefixes.
func beginsWith(last string, prefixes []string) bool {
	literal := last
	wild := strings.IndexAny(last, "*?$")
	if wild >= 0 {
		literal = last[:wild]
	}
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return strings.HasPrefix(literal, p) || wild >= 0 && strings.HasPrefix(p, literal)
	})
}

// filledARN writes the ARN as IAM read it, with a star for each missing part.
func filledARN(partition, rest string) string {
	parts := []string{"*", "*", "*", "*"}
	if rest != "" {
		copy(parts, strings.SplitN(rest, ":", len(parts)))
	}
	return "arn:" + partition + ":" + strings.Join(parts, ":")
}
