package iam

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

type versionElement struct {
	Document         string `xml:",omitempty"`
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       query.Time
}

// newVersionElement is a version as lists show it: without its document.
func newVersionElement(p store.Policy, v store.PolicyVersion) versionElement {
	return versionElement{VersionID: versionID(v.Number), IsDefaultVersion: v.Number == p.Default, CreateDate: query.Time(v.Created)}
}

type versionResult struct{ PolicyVersion versionElement }

// createPolicyVersion adds a version with the next number; numbers are never
// given twice.
func (s *Service) createPolicyVersion(r *access.Request) (any, error) {
	arn := r.In.Required("PolicyArn", arnRules...)
	document := r.In.Required("PolicyDocument", documentRules...)
	asDefault := r.In.Bool("SetAsDefault")
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	p, err := allowedPolicy(r, "CreatePolicyVersion", arn, true)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(document); err != nil {
		return nil, err
	}
	if len(p.Versions) >= maxVersions {
		return nil, query.Errorf(http.StatusConflict, "LimitExceeded", "A managed policy can have up to %d versions. "+
			"Before you create a new version, you must delete an existing version.", maxVersions)
	}
	p.Latest++
	v := store.PolicyVersion{Number: p.Latest, Document: document, Created: r.Now}
	p.Versions = append(slices.Clone(p.Versions), v)
	p.Updated = r.Now
	if asDefault {
		p.Default, p.Document = v.Number, v.Document
	}
	r.Tx.Policies.Put(p)
	return versionResult{newVersionElement(p, v)}, nil
}

// namedVersion reads a call about a version, authorises it on the policy and
// finds the version's place.
func namedVersion(r *access.Request, action string, change bool) (p store.Policy, at int, err error) {
	arn := r.In.Required("PolicyArn", arnRules...)
	id := r.In.Required("VersionId", versionRules...)
	if err = r.In.Err(); err != nil {
		return p, 0, err
	}
	if p, err = allowedPolicy(r, action, arn, change); err != nil {
		return p, 0, err
	}
	number, _ := strconv.Atoi(strings.TrimPrefix(id, "v")) // none that isn't a number is there
	at = slices.IndexFunc(p.Versions, func(v store.PolicyVersion) bool { return v.Number == number })
	if at < 0 {
		return p, 0, query.NoSuchEntity("Policy %s version %s does not exist or is not attachable.", arn, id)
	}
	return p, at, nil
}

func (s *Service) getPolicyVersion(r *access.Request) (any, error) {
	p, at, err := namedVersion(r, "GetPolicyVersion", false)
	if err != nil {
		return nil, err
	}
	e := newVersionElement(p, p.Versions[at])
	e.Document = encodeDocument(p.Versions[at].Document)
	return versionResult{e}, nil
}

func (s *Service) setDefaultPolicyVersion(r *access.Request) (any, error) {
	p, at, err := namedVersion(r, "SetDefaultPolicyVersion", true)
	if err != nil {
		return nil, err
	}
	p.Default, p.Document, p.Updated = p.Versions[at].Number, p.Versions[at].Document, r.Now
	r.Tx.Policies.Put(p)
	return nil, nil
}

func (s *Service) deletePolicyVersion(r *access.Request) (any, error) {
	p, at, err := namedVersion(r, "DeletePolicyVersion", true)
	if err != nil {
		return nil, err
	}
	if p.Versions[at].Number == p.Default {
		return nil, deleteConflict("Cannot delete the default version of a policy.")
	}
	p.Versions = slices.Delete(slices.Clone(p.Versions), at, at+1)
	r.Tx.Policies.Put(p)
	return nil, nil
}

type listVersionsResult struct {
	Versions query.List[versionElement]
	page
}

// listPolicyVersions lists the newest first.
func (s *Service) listPolicyVersions(r *access.Request) (any, error) {
	arn := r.In.Required("PolicyArn", arnRules...)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	p, err := allowedPolicy(r, "ListPolicyVersions", arn, false)
	if err != nil {
		return nil, err
	}
	versions, next, err := cut(cursor, newestFirst(p.Versions), func(v store.PolicyVersion) string {
		return fmt.Sprintf("%010d", math.MaxInt32-v.Number) // texts in the order of the list
	})
	if err != nil {
		return nil, err
	}
	result := listVersionsResult{page: next}
	for _, v := range versions {
		result.Versions.Member = append(result.Versions.Member, newVersionElement(p, v))
	}
	return result, nil
}

func newestFirst(versions []store.PolicyVersion) []store.PolicyVersion {
	return slices.SortedFunc(slices.Values(versions), func(a, b store.PolicyVersion) int { return cmp.Compare(b.Number, a.Number) })
}
