package iam

import (
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// userElement is the User element of answers. A root user has no name and no
// path.
type userElement struct {
	Path                string `xml:",omitempty"`
	UserName            string `xml:",omitempty"`
	UserID              string `xml:"UserId"`
	Arn                 string
	CreateDate          query.Time
	PermissionsBoundary *boundaryElement        `xml:",omitempty"`
	Tags                *query.List[tagElement] `xml:",omitempty"`
}

type boundaryElement struct {
	PermissionsBoundaryType string
	PermissionsBoundaryArn  string
}

func newBoundaryElement(arn string) *boundaryElement {
	if arn == "" {
		return nil
	}
	return &boundaryElement{PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: arn}
}

// newUserElement is a user as lists show it: without boundary and tags.
func newUserElement(a store.Account, t target) userElement {
	if t.root {
		return userElement{UserID: a.ID, Arn: a.Root(), CreateDate: query.Time(a.Created)}
	}
	return userElement{
		Path: t.user.Path, UserName: t.user.Name, UserID: t.user.ID,
		Arn: access.UserARN(a, t.user), CreateDate: query.Time(t.user.Created),
	}
}

// withDetails adds what a call about one user shows.
func (e userElement) withDetails(u store.User) userElement {
	e.PermissionsBoundary, e.Tags = newBoundaryElement(u.Boundary), tagElements(u.Tags)
	return e
}

type userResult struct{ User userElement }

func (s *Service) createUser(r *access.Request) (any, error) {
	path := readPath(r.In, "Path", pathRules)
	name := r.In.Required("UserName", shortNameRules...)
	boundary := r.In.String("PermissionsBoundary", arnRules...)
	tags := readTags(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	account := r.Caller.Account
	if err := authorizeCreate(r, "User", account.IAM("user"+path+name), "", tags, optionalBoundary(boundary)...); err != nil {
		return nil, err
	}
	if err := checkNew(r, tags, boundary); err != nil {
		return nil, err
	}
	if _, ok := r.Tx.UserNamed(account.ID, name); ok {
		return nil, user.taken(name)
	}
	if len(r.Tx.UsersOf(account.ID)) >= maxUsers {
		return nil, limitExceeded("UsersPerAccount", maxUsers)
	}
	id, err := ids.New(s.Rand, ids.User)
	if err != nil {
		return nil, err
	}
	u := store.User{ID: id, Account: account.ID, Name: name, Path: path, Created: r.Now, Boundary: boundary, Tags: tags}
	r.Tx.Users.Put(u)
	return userResult{newUserElement(account, target{user: u}).withDetails(u)}, nil
}

// readPath reads a path, which is / where there is none.
func readPath(in *query.Input, name string, rules []query.Rule) string {
	if path := in.String(name, rules...); path != "" {
		return path
	}
	return "/"
}

func optionalBoundary(arn string) []setter {
	if arn == "" {
		return nil
	}
	return []setter{boundaryKey(arn)}
}

// checkNew checks the tags and the boundary of what is to be made.
func checkNew(r *access.Request, tags []store.Tag, boundary string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	if boundary == "" {
		return nil
	}
	return checkBoundary(r, boundary)
}

func (s *Service) getUser(r *access.Request) (any, error) {
	name := r.In.String("UserName", userNameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, err := allowedTarget(r, "GetUser", name)
	if err != nil {
		return nil, err
	}
	return userResult{newUserElement(r.Caller.Account, t).withDetails(t.user)}, nil
}

// updateUser gives a user another name or path. It asks for the user as it is
// and as it will be (IAM API reference, UpdateUser).
func (s *Service) updateUser(r *access.Request) (any, error) {
	name := r.In.Required("UserName", userNameRules...)
	newPath := r.In.String("NewPath", pathRules...)
	newName := r.In.String("NewUserName", shortNameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	i, err := user.allowed(r, "UpdateUser", name)
	if err != nil {
		return nil, err
	}
	u, _ := r.Tx.Users.Get(i.id)
	if newName != "" {
		u.Name = newName
	}
	if newPath != "" {
		u.Path = newPath
	}
	if err := authorize(r, "UpdateUser", access.UserARN(r.Caller.Account, u), resourceTags(u.Tags)); err != nil {
		return nil, err
	}
	if other, ok := r.Tx.UserNamed(u.Account, u.Name); ok && other.ID != u.ID {
		return nil, user.taken(u.Name)
	}
	r.Tx.Users.Put(u)
	return nil, nil
}

// deleteUser deletes a user that has nothing any more.
func (s *Service) deleteUser(r *access.Request) (any, error) {
	name := r.In.Required("UserName", userNameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	i, err := user.allowed(r, "DeleteUser", name)
	if err != nil {
		return nil, err
	}
	u, _ := r.Tx.Users.Get(i.id)
	if err := i.removable(); err != nil {
		return nil, err
	}
	switch {
	case len(u.Groups) > 0:
		return nil, deleteConflict("Cannot delete entity, must remove users from group first.")
	case len(r.Tx.KeysOwnedBy(u.ID)) > 0:
		return nil, deleteConflict("Cannot delete entity, must delete access keys first.")
	case len(r.Tx.DevicesOwnedBy(u.ID)) > 0:
		return nil, deleteConflict("Cannot delete entity, must remove tokens from principal first.")
	}
	r.Tx.Users.Delete(u.ID)
	return nil, nil
}

type listUsersResult struct {
	Users query.List[userElement]
	page
}

func (s *Service) listUsers(r *access.Request) (any, error) {
	found, next, err := listIdentities(r, user)
	if err != nil {
		return nil, err
	}
	result := listUsersResult{page: next}
	for _, i := range found {
		u, _ := r.Tx.Users.Get(i.id)
		result.Users.Member = append(result.Users.Member, newUserElement(r.Caller.Account, target{user: u}))
	}
	return result, nil
}

// listIdentities is what ListUsers, ListGroups and ListRoles have in common.
func listIdentities(r *access.Request, k kind) ([]identity, page, error) {
	prefix := readPath(r.In, "PathPrefix", pathPrefixRules)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, page{}, err
	}
	if err := authorize(r, "List"+k.title()+"s", r.Caller.Account.IAM(string(k)+prefix)); err != nil {
		return nil, page{}, err
	}
	found := slices.DeleteFunc(k.all(r), func(i identity) bool { return !strings.HasPrefix(i.path, prefix) })
	return cut(cursor, found, func(i identity) string { return i.name })
}
