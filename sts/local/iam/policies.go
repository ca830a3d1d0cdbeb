package iam

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/managed"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

var policyARN = regexp.MustCompile(`^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$`)

// checkPolicyARN refuses what can't be a policy's ARN.
func checkPolicyARN(arn string) error {
	if !policyARN.MatchString(arn) {
		return invalidInput("ARN %s is not valid.", arn)
	}
	return nil
}

func noPolicy(arn string) *query.Error { return query.NoSuchEntity("Policy %s was not found.", arn) }

func notAttachable(arn string) *query.Error {
	return query.NoSuchEntity("Policy %s does not exist or is not attachable.", arn)
}

// policyOf finds a managed policy of the caller's account, or of AWS in the
// caller's partition.
func policyOf(r *access.Request, arn string) (store.Policy, bool) {
	if p, ok := ownPolicy(r, arn); ok {
		return p, true
	}
	p, ok := managed.Find(arn)
	if !ok || !strings.HasPrefix(arn, "arn:"+r.Caller.Account.Partition+":") {
		return store.Policy{}, false
	}
	return ofAWS(p), true
}

func ownPolicy(r *access.Request, arn string) (store.Policy, bool) {
	p, ok := r.Tx.Policies.Get(arn)
	return p, ok && p.Account == r.Caller.Account.ID
}

// ofAWS is an AWS-managed policy as a record; its Account is "".
func ofAWS(p managed.Policy) store.Policy {
	return store.Policy{
		ARN: p.ARN, ID: p.ID, Name: p.Name, Path: p.Path, Created: managed.Created, Description: p.Description,
		Document: p.Document, Default: p.Version, Latest: p.Version,
		Versions: []store.PolicyVersion{{Number: p.Version, Document: p.Document, Created: managed.Created}},
	}
}

// allowedPolicy authorises a call about a managed policy and finds it. Changes
// are asked of its owner too: AWS gives none for its own, and no account for
// another's.
func allowedPolicy(r *access.Request, action, arn string, change bool) (store.Policy, error) {
	if err := checkPolicyARN(arn); err != nil {
		return store.Policy{}, err
	}
	owner := strings.SplitN(arn, ":", 6)[4]
	if owner == "aws" && !change {
		owner = ""
	}
	p, ok := policyOf(r, arn)
	q := access.Question{Action: "iam:" + action, Resource: arn, Shown: "policy " + arn, Account: owner}
	if err := ask(r, q, resourceTags(p.Tags)); err != nil {
		return p, err
	}
	if !ok {
		return p, noPolicy(arn)
	}
	return p, nil
}

type policyElement struct {
	PolicyName                    string
	PolicyID                      string `xml:"PolicyId"`
	Arn                           string
	Path                          string
	DefaultVersionID              string `xml:"DefaultVersionId"`
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty"`
	CreateDate                    query.Time
	UpdateDate                    query.Time
	Tags                          *query.List[tagElement] `xml:",omitempty"`
}

// A usage is how often policies are attached and are boundaries, by ARN.
type usage struct{ attached, boundary map[string]int }

func usageOf(r *access.Request) usage {
	u := usage{attached: map[string]int{}, boundary: map[string]int{}}
	for _, i := range everybody(r) {
		for _, arn := range i.grants.Attached {
			u.attached[arn]++
		}
		if i.boundary != "" {
			u.boundary[i.boundary]++
		}
	}
	return u
}

func (u usage) element(p store.Policy) policyElement {
	updated := p.Updated
	if updated.IsZero() {
		updated = p.Created
	}
	return policyElement{
		PolicyName: p.Name, PolicyID: p.ID, Arn: p.ARN, Path: p.Path, DefaultVersionID: versionID(p.Default),
		AttachmentCount: u.attached[p.ARN], PermissionsBoundaryUsageCount: u.boundary[p.ARN],
		IsAttachable: true, CreateDate: query.Time(p.Created), UpdateDate: query.Time(updated),
	}
}

func versionID(n int) string { return "v" + strconv.Itoa(n) }

type policyResult struct{ Policy policyElement }

func (s *Service) createPolicy(r *access.Request) (any, error) {
	name := r.In.Required("PolicyName", nameRules...)
	path := readPath(r.In, "Path", policyPathRules)
	document := r.In.Required("PolicyDocument", documentRules...)
	description := r.In.String("Description", policyDescriptionRules...)
	tags := readTags(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	account := r.Caller.Account
	arn := account.IAM("policy" + path + name)
	if err := authorizeCreate(r, "Policy", arn, "policy "+name, tags); err != nil {
		return nil, err
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	if err := checkManaged(document); err != nil {
		return nil, err
	}
	if _, ok := r.Tx.PolicyNamed(account.ID, name); ok {
		return nil, query.EntityAlreadyExists("A policy called %s already exists. Duplicate names are not allowed.", name)
	}
	if len(r.Tx.PoliciesOf(account.ID)) >= maxPolicies {
		return nil, limitExceeded("PoliciesPerAccount", maxPolicies)
	}
	id, err := ids.New(s.Rand, ids.ManagedPolicy)
	if err != nil {
		return nil, err
	}
	p := store.Policy{
		ARN: arn, ID: id, Account: account.ID, Name: name, Path: path, Created: r.Now, Description: description,
		Tags: tags, Document: document, Default: 1, Latest: 1,
		Versions: []store.PolicyVersion{{Number: 1, Document: document, Created: r.Now}},
	}
	r.Tx.Policies.Put(p)
	e := usage{}.element(p)
	e.Tags = tagElements(tags)
	return policyResult{e}, nil
}

func checkManaged(document string) error {
	if err := checkDocument(document, policy.Managed); err != nil {
		return err
	}
	if sizeOf(document) > maxManaged {
		return limitExceeded("PolicySize", maxManaged)
	}
	return nil
}

func readPolicyARN(r *access.Request) (string, error) {
	arn := r.In.Required("PolicyArn", arnRules...)
	return arn, r.In.Err()
}

func (s *Service) getPolicy(r *access.Request) (any, error) {
	arn, err := readPolicyARN(r)
	if err != nil {
		return nil, err
	}
	p, err := allowedPolicy(r, "GetPolicy", arn, false)
	if err != nil {
		return nil, err
	}
	e := usageOf(r).element(p)
	e.Description, e.Tags = p.Description, tagElements(p.Tags)
	return policyResult{e}, nil
}

// deletePolicy deletes a policy that nobody uses and that has no version but
// the default one.
func (s *Service) deletePolicy(r *access.Request) (any, error) {
	arn, err := readPolicyARN(r)
	if err != nil {
		return nil, err
	}
	p, err := allowedPolicy(r, "DeletePolicy", arn, true)
	if err != nil {
		return nil, err
	}
	u := usageOf(r)
	switch {
	case u.attached[arn]+u.boundary[arn] > 0:
		return nil, deleteConflict("Cannot delete a policy attached to entities.")
	case len(p.Versions) > 1:
		return nil, deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
			"The default version is deleted with the policy.")
	}
	r.Tx.Policies.Delete(arn)
	return nil, nil
}

type listPoliciesResult struct {
	Policies query.List[policyElement]
	page
}

// listPolicies lists without descriptions and tags. The filter by usage counts
// only where attached policies alone are asked for (observed).
func (s *Service) listPolicies(r *access.Request) (any, error) {
	scope := r.In.String("Scope", query.OneOf("All", "AWS", "Local"))
	onlyAttached := r.In.Bool("OnlyAttached")
	prefix := readPath(r.In, "PathPrefix", policyPathRules)
	filter := r.In.String("PolicyUsageFilter", usageRule)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	q := access.Question{Action: "iam:ListPolicies", Resource: r.Caller.Account.IAM("policy" + prefix), Shown: "policy path " + prefix}
	if err := ask(r, q); err != nil {
		return nil, err
	}
	u := usageOf(r)
	found := slices.DeleteFunc(policiesIn(r, scope), func(p store.Policy) bool {
		return !strings.HasPrefix(p.Path, prefix) || onlyAttached && u.count(p.ARN, filter) == 0
	})
	found, next, err := cut(cursor, found, func(p store.Policy) string { return p.ARN })
	if err != nil {
		return nil, err
	}
	result := listPoliciesResult{page: next}
	for _, p := range found {
		result.Policies.Member = append(result.Policies.Member, u.element(p))
	}
	return result, nil
}

// The values of PolicyUsageFilter.
const (
	asPermissions = "PermissionsPolicy"
	asBoundary    = "PermissionsBoundary"
)

var usageRule = query.OneOf(asPermissions, asBoundary)

// count is how often a policy is used in the way of the filter, in any without.
func (u usage) count(arn, filter string) int {
	n := 0
	if filter != asBoundary {
		n += u.attached[arn]
	}
	if filter != asPermissions {
		n += u.boundary[arn]
	}
	return n
}

// policiesIn are the managed policies of a scope, by ARN.
func policiesIn(r *access.Request, scope string) []store.Policy {
	var found []store.Policy
	if scope != "AWS" {
		found = append(found, r.Tx.PoliciesOf(r.Caller.Account.ID)...)
	}
	if scope != "Local" {
		for _, p := range managed.All(r.Caller.Account.Partition) {
			found = append(found, ofAWS(p))
		}
	}
	slices.SortFunc(found, func(a, b store.Policy) int { return cmp.Compare(a.ARN, b.ARN) })
	return found
}
