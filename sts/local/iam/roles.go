package iam

import (
	"errors"
	"net/http"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

type roleElement struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	Arn                      string
	CreateDate               query.Time
	AssumeRolePolicyDocument string
	Description              string                  `xml:",omitempty"`
	MaxSessionDuration       int                     `xml:",omitempty"`
	PermissionsBoundary      *boundaryElement        `xml:",omitempty"`
	Tags                     *query.List[tagElement] `xml:",omitempty"`
	RoleLastUsed             *roleLastUsedElement    `xml:",omitempty"`
}

// roleLastUsedElement is empty for a role that was never used.
type roleLastUsedElement struct {
	LastUsedDate *query.Time `xml:",omitempty"`
	Region       string      `xml:",omitempty"`
}

// newRoleElement is a role as lists show it: without boundary, tags and use.
func newRoleElement(r *access.Request, one store.Role) (roleElement, error) {
	trust, err := access.ShowPrincipals(r.Tx.Tables, one.Trust)
	if err != nil {
		return roleElement{}, err
	}
	return roleElement{
		Path: one.Path, RoleName: one.Name, RoleID: one.ID, Arn: access.RoleARN(r.Caller.Account, one),
		CreateDate: query.Time(one.Created), AssumeRolePolicyDocument: encodeDocument(trust),
		Description: one.Description, MaxSessionDuration: one.MaxSession,
	}, nil
}

func (e roleElement) withDetails(one store.Role) roleElement {
	e.PermissionsBoundary, e.Tags = newBoundaryElement(one.Boundary), tagElements(one.Tags)
	return e
}

func roleLastUsed(u store.Use) *roleLastUsedElement {
	if u.At.IsZero() {
		return &roleLastUsedElement{}
	}
	at := query.Time(u.At)
	return &roleLastUsedElement{LastUsedDate: &at, Region: u.Region}
}

type roleResult struct{ Role roleElement }

type createRoleInput struct {
	path, name, trust, description, boundary string
	duration                                 int
	tags                                     []store.Tag
}

func readCreateRole(in *query.Input) (createRoleInput, error) {
	c := createRoleInput{
		path:        readPath(in, "Path", pathRules),
		name:        in.Required("RoleName", shortNameRules...),
		trust:       in.Required("AssumeRolePolicyDocument", documentRules...),
		description: in.String("Description", roleDescriptionRules...),
		duration:    in.Int("MaxSessionDuration", defaultMaxSession, minMaxSession, maxMaxSession),
		boundary:    in.String("PermissionsBoundary", arnRules...),
		tags:        readTags(in),
	}
	return c, in.Err()
}

func (s *Service) createRole(r *access.Request) (any, error) {
	in, err := readCreateRole(r.In)
	if err != nil {
		return nil, err
	}
	account := r.Caller.Account
	if err := authorizeCreate(r, "Role", account.IAM("role"+in.path+in.name), "", in.tags, optionalBoundary(in.boundary)...); err != nil {
		return nil, err
	}
	if err := checkNew(r, in.tags, in.boundary); err != nil {
		return nil, err
	}
	if _, ok := r.Tx.RoleNamed(account.ID, in.name); ok {
		return nil, role.taken(in.name)
	}
	trust, err := checkTrust(r, in.trust)
	if err != nil {
		return nil, err
	}
	if len(r.Tx.RolesOf(account.ID)) >= maxRoles {
		return nil, limitExceeded("RolesPerAccount", maxRoles)
	}
	id, err := ids.New(s.Rand, ids.Role)
	if err != nil {
		return nil, err
	}
	one := store.Role{
		ID: id, Account: account.ID, Name: in.name, Path: in.path, Created: r.Now, Trust: trust, MaxSession: in.duration,
		Boundary: in.boundary, Description: in.description, Tags: in.tags,
	}
	r.Tx.Roles.Put(one)
	e, err := newRoleElement(r, one)
	return roleResult{e.withDetails(one)}, err
}

// checkTrust checks a trust policy and returns it as it is stored.
func checkTrust(r *access.Request, text string) (string, error) {
	if err := checkDocument(text, policy.Trust); err != nil {
		return "", err
	}
	if sizeOf(text) > maxTrust {
		return "", limitExceeded("ACLSizePerRole", maxTrust)
	}
	pinned, err := access.PinPrincipals(r.Tx.Tables, r.Caller.Account.Partition, text)
	if invalid := (*policy.ValidationError)(nil); errors.As(err, &invalid) {
		return "", query.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "%s", invalid.Message)
	}
	return pinned, err
}

// allowedRole authorises a call about a role and finds it.
func allowedRole(r *access.Request, action, name string) (store.Role, error) {
	i, err := role.allowed(r, action, name)
	if err != nil {
		return store.Role{}, err
	}
	one, _ := r.Tx.Roles.Get(i.id)
	return one, nil
}

func (s *Service) getRole(r *access.Request) (any, error) {
	name := r.In.Required("RoleName", shortNameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	one, err := allowedRole(r, "GetRole", name)
	if err != nil {
		return nil, err
	}
	e, err := newRoleElement(r, one)
	e.RoleLastUsed = roleLastUsed(one.LastUsed)
	return roleResult{e.withDetails(one)}, err
}

// updateRole changes what was sent and leaves the rest (observed).
func (s *Service) updateRole(r *access.Request) (any, error) {
	name := r.In.Required("RoleName", shortNameRules...)
	description := r.In.String("Description", roleDescriptionRules...)
	duration := r.In.Int("MaxSessionDuration", 0, minMaxSession, maxMaxSession)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	one, err := allowedRole(r, "UpdateRole", name)
	if err != nil {
		return nil, err
	}
	if r.In.Has("Description") {
		one.Description = description
	}
	if duration != 0 {
		one.MaxSession = duration
	}
	r.Tx.Roles.Put(one)
	return struct{}{}, nil
}

func (s *Service) updateRoleDescription(r *access.Request) (any, error) {
	name := r.In.Required("RoleName", shortNameRules...)
	description := r.In.Required("Description", roleDescriptionRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	one, err := allowedRole(r, "UpdateRoleDescription", name)
	if err != nil {
		return nil, err
	}
	one.Description = description
	r.Tx.Roles.Put(one)
	e, err := newRoleElement(r, one)
	return roleResult{e}, err
}

func (s *Service) updateAssumeRolePolicy(r *access.Request) (any, error) {
	name := r.In.Required("RoleName", shortNameRules...)
	document := r.In.Required("PolicyDocument", documentRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	one, err := allowedRole(r, "UpdateAssumeRolePolicy", name)
	if err != nil {
		return nil, err
	}
	if one.Trust, err = checkTrust(r, document); err != nil {
		return nil, err
	}
	r.Tx.Roles.Put(one)
	return nil, nil
}

func (s *Service) deleteRole(r *access.Request) (any, error) {
	name := r.In.Required("RoleName", shortNameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	i, err := role.allowed(r, "DeleteRole", name)
	if err != nil {
		return nil, err
	}
	if err := i.removable(); err != nil {
		return nil, err
	}
	r.Tx.Roles.Delete(i.id)
	return nil, nil
}

type listRolesResult struct {
	Roles query.List[roleElement]
	page
}

func (s *Service) listRoles(r *access.Request) (any, error) {
	found, next, err := listIdentities(r, role)
	if err != nil {
		return nil, err
	}
	result := listRolesResult{page: next}
	for _, i := range found {
		one, _ := r.Tx.Roles.Get(i.id)
		e, err := newRoleElement(r, one)
		if err != nil {
			return nil, err
		}
		result.Roles.Member = append(result.Roles.Member, e)
	}
	return result, nil
}
