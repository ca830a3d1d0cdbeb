package iam

import (
	"fmt"
	"slices"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

type policyDetail struct {
	PolicyName     string
	PolicyDocument string
}

type userDetail struct {
	userElement
	UserPolicyList          *query.List[policyDetail] `xml:",omitempty"`
	GroupList               query.List[string]
	AttachedManagedPolicies query.List[attachedElement]
}

type groupDetail struct {
	groupElement
	GroupPolicyList         query.List[policyDetail]
	AttachedManagedPolicies query.List[attachedElement]
}

type roleDetail struct {
	roleElement
	InstanceProfileList     query.List[string]
	RolePolicyList          query.List[policyDetail]
	AttachedManagedPolicies query.List[attachedElement]
}

type managedDetail struct {
	policyElement
	PolicyVersionList query.List[versionElement]
}

type getDetailsResult struct {
	Policies        query.List[managedDetail]
	UserDetailList  query.List[userDetail]
	RoleDetailList  query.List[roleDetail]
	GroupDetailList query.List[groupDetail]
	page
}

// A detail is one row of the details: an identity, or a managed policy.
type detail struct {
	place    string
	identity identity
	policy   *store.Policy
}

// getAccountAuthorizationDetails shows all that says who may do what. A page
// takes users, roles, groups and policies one after the other (observed).
func (s *Service) getAccountAuthorizationDetails(r *access.Request) (any, error) {
	filter, err := readDetailFilter(r.In)
	if err != nil {
		return nil, err
	}
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if err := authorize(r, "GetAccountAuthorizationDetails", "*"); err != nil {
		return nil, err
	}
	u := usageOf(r)
	rows, next, err := cut(cursor, details(r, filter, u), func(d detail) string { return d.place })
	if err != nil {
		return nil, err
	}
	result := getDetailsResult{page: next}
	for _, row := range rows {
		if err := result.add(r, u, row); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// detailFilters are the values of Filter, in the order in which AWS tells them.
var detailFilters = []string{"LocalManagedPolicy", "User", "AWSManagedPolicy", "Role", "Group"}

func readDetailFilter(in *query.Input) ([]string, error) {
	filter := in.Strings("Filter")
	if err := in.Err(); err != nil {
		return nil, err
	}
	for _, f := range filter {
		if !slices.Contains(detailFilters, f) {
			return nil, query.ValidationError("1 validation error detected: Value at 'filter' failed to satisfy constraint: " +
				"Member must satisfy constraint: [Member must satisfy enum value set: [LocalManagedPolicy, User, AWSManagedPolicy, Role, Group]]")
		}
	}
	if len(filter) == 0 {
		filter = detailFilters
	}
	return filter, nil
}

// details are the rows that the filter wants, by place. Of AWS's policies those
// that are used are there.
func details(r *access.Request, filter []string, u usage) []detail {
	var rows []detail
	for order, k := range []kind{user, role, group} {
		if slices.Contains(filter, k.title()) {
			for _, i := range k.all(r) {
				rows = append(rows, detail{place: fmt.Sprintf("%d%s", order, i.name), identity: i})
			}
		}
	}
	for _, p := range policiesIn(r, "All") {
		local := p.Account != ""
		if local && slices.Contains(filter, "LocalManagedPolicy") ||
			!local && slices.Contains(filter, "AWSManagedPolicy") && u.count(p.ARN, "") > 0 {
			rows = append(rows, detail{place: "3" + p.ARN, policy: &p})
		}
	}
	return rows
}

func (d *getDetailsResult) add(r *access.Request, u usage, row detail) error {
	i := row.identity
	attached := attachedElements(i.grants.Attached)
	inline := policyDetails(i.grants.Inline)
	switch {
	case row.policy != nil:
		m := managedDetail{policyElement: u.element(*row.policy)}
		for _, v := range newestFirst(row.policy.Versions) {
			e := newVersionElement(*row.policy, v)
			e.Document = encodeDocument(v.Document)
			m.PolicyVersionList.Member = append(m.PolicyVersionList.Member, e)
		}
		d.Policies.Member = append(d.Policies.Member, m)
	case i.kind == user:
		one, _ := r.Tx.Users.Get(i.id)
		e := userDetail{userElement: newUserElement(r.Caller.Account, target{user: one}).withDetails(one), AttachedManagedPolicies: attached}
		if len(inline.Member) > 0 {
			e.UserPolicyList = &inline
		}
		for _, g := range group.all(r) {
			if slices.Contains(one.Groups, g.id) {
				e.GroupList.Member = append(e.GroupList.Member, g.name)
			}
		}
		d.UserDetailList.Member = append(d.UserDetailList.Member, e)
	case i.kind == group:
		d.GroupDetailList.Member = append(d.GroupDetailList.Member, groupDetail{
			groupElement: newGroupElement(i), GroupPolicyList: inline, AttachedManagedPolicies: attached})
	case i.kind == role:
		one, _ := r.Tx.Roles.Get(i.id)
		e, err := newRoleElement(r, one)
		if err != nil {
			return err
		}
		e = e.withDetails(one)
		e.Description, e.MaxSessionDuration, e.RoleLastUsed = "", 0, roleLastUsed(one.LastUsed) // RoleDetail has no others
		d.RoleDetailList.Member = append(d.RoleDetailList.Member, roleDetail{roleElement: e, RolePolicyList: inline, AttachedManagedPolicies: attached})
	}
	return nil
}

func policyDetails(inline []store.InlinePolicy) query.List[policyDetail] {
	var list query.List[policyDetail]
	for _, p := range inline {
		list.Member = append(list.Member, policyDetail{PolicyName: p.Name, PolicyDocument: encodeDocument(p.Document)})
	}
	return list
}
