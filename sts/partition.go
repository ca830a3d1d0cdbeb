package sts

import "strings"

// PartitionOf returns the AWS partition of a region: "aws", "aws-us-gov",
// "aws-cn", or one of the isolated ones (AWS General Reference, ARNs; the
// prefixes are those of the SDK's partitions.json). A region that nothing is
// known about belongs to "aws".
func PartitionOf(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"us-gov-", "aws-us-gov"},
		{"cn-", "aws-cn"},
		{"us-iso-", "aws-iso"},
		{"us-isob-", "aws-iso-b"},
		{"eu-isoe-", "aws-iso-e"},
		{"us-isof-", "aws-iso-f"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}
