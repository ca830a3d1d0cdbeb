package iam

import (
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/query"
)

type policyGroupElement struct {
	GroupName string
	GroupID   string `xml:"GroupId"`
}

type policyUserElement struct {
	UserName string
	UserID   string `xml:"UserId"`
}

type policyRoleElement struct {
	RoleName string
	RoleID   string `xml:"RoleId"`
}

type listEntitiesResult struct {
	PolicyGroups query.List[policyGroupElement]
	PolicyUsers  query.List[policyUserElement]
	PolicyRoles  query.List[policyRoleElement]
	page
}

// entityRule is EntityType of the service model.
var entityRule = query.OneOf("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")

// listEntitiesForPolicy lists who has a policy attached, or as its boundary.
func (s *Service) listEntitiesForPolicy(r *access.Request) (any, error) {
	arn := r.In.Required("PolicyArn", arnRules...)
	only := r.In.String("EntityFilter", entityRule)
	prefix := readPath(r.In, "PathPrefix", pathRules)
	filter := r.In.String("PolicyUsageFilter", usageRule)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if _, err := allowedPolicy(r, "ListEntitiesForPolicy", arn, false); err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(everybody(r), func(i identity) bool {
		attached := filter != asBoundary && slices.Contains(i.grants.Attached, arn)
		bounded := filter != asPermissions && i.boundary == arn
		return !attached && !bounded || only != "" && only != i.kind.title() || !strings.HasPrefix(i.path, prefix)
	})
	found, next, err := cut(cursor, found, identity.place)
	if err != nil {
		return nil, err
	}
	result := listEntitiesResult{page: next}
	for _, i := range found {
		switch i.kind {
		case group:
			result.PolicyGroups.Member = append(result.PolicyGroups.Member, policyGroupElement{i.name, i.id})
		case user:
			result.PolicyUsers.Member = append(result.PolicyUsers.Member, policyUserElement{i.name, i.id})
		case role:
			result.PolicyRoles.Member = append(result.PolicyRoles.Member, policyRoleElement{i.name, i.id})
		}
	}
	return result, nil
}

// place is where an identity stands in lists of several kinds: users, then
// groups, then roles, each by name.
func (i identity) place() string {
	order := map[kind]string{user: "1", group: "2", role: "3"}
	return order[i.kind] + i.name
}
