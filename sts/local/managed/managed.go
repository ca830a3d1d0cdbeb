// Package managed holds the AWS-managed policies of the local AWS, under
// arn:PARTITION:iam::aws:policy/, and the partitions they are in. There are a
// few of the many, each whole, as AWS has it in the partition aws. In another
// partition AWS's own may name fewer actions; here the ARNs alone differ.
package managed

import (
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/ids"
)

// The partitions.
const (
	AWS      = "aws"
	GovCloud = "aws-us-gov"
	China    = "aws-cn"
)

// IsPartition tells whether p is one of the partitions.
func IsPartition(p string) bool { return p == AWS || p == GovCloud || p == China }

// A Policy is an AWS-managed policy.
type Policy struct {
	ARN         string
	ID          string // ANPA…
	Name        string
	Path        string // / or /PART/
	Description string
	Version     int    // the number of AWS's version, the only one here
	Document    string // JSON
}

// Created is when all the policies are said to have been made: the day on
// which AWS introduced managed policies.
var Created = time.Date(2015, 2, 6, 18, 39, 46, 0, time.UTC)

// Lookup finds the document of an AWS-managed policy by its ARN.
func Lookup(arn string) (document string, ok bool) {
	partition, s, ok := find(arn)
	if !ok {
		return "", false
	}
	return s.in(partition), true
}

// Find finds an AWS-managed policy by its ARN.
func Find(arn string) (Policy, bool) {
	partition, s, ok := find(arn)
	if !ok {
		return Policy{}, false
	}
	return s.policy(partition), true
}

// All are the AWS-managed policies of a partition, by ARN.
func All(partition string) []Policy {
	policies := make([]Policy, 0, len(sources))
	for _, s := range sources {
		policies = append(policies, s.policy(partition))
	}
	return policies
}

func find(arn string) (partition string, s source, ok bool) {
	rest, ok := strings.CutPrefix(arn, "arn:")
	if !ok {
		return "", s, false
	}
	partition, name, ok := strings.Cut(rest, ":iam::aws:policy/")
	if !ok || !IsPartition(partition) {
		return "", s, false
	}
	for _, s := range sources {
		if s.name == name {
			return partition, s, true
		}
	}
	return "", s, false
}

// in is the document with the ARNs of a partition.
func (s source) in(partition string) string {
	if partition == AWS {
		return s.document
	}
	return strings.ReplaceAll(s.document, "arn:aws:", "arn:"+partition+":")
}

func (s source) policy(partition string) Policy {
	slash := strings.LastIndexByte(s.name, '/')
	return Policy{
		ARN: "arn:" + partition + ":iam::aws:policy/" + s.name, ID: ids.Of(ids.ManagedPolicy, s.name),
		Name: s.name[slash+1:], Path: "/" + s.name[:slash+1], Description: s.description,
		Version: s.version, Document: s.in(partition),
	}
}
