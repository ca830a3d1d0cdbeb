package iam

import (
	"cmp"
	"slices"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

type groupElement struct {
	Path       string
	GroupName  string
	GroupID    string `xml:"GroupId"`
	Arn        string
	CreateDate query.Time
}

func newGroupElement(i identity) groupElement {
	return groupElement{Path: i.path, GroupName: i.name, GroupID: i.id, Arn: i.arn, CreateDate: query.Time(i.created)}
}

type groupResult struct{ Group groupElement }

func (s *Service) createGroup(r *access.Request) (any, error) {
	path := readPath(r.In, "Path", pathRules)
	name := r.In.Required("GroupName", nameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	account := r.Caller.Account
	if err := authorize(r, "CreateGroup", account.IAM("group"+path+name)); err != nil {
		return nil, err
	}
	if _, ok := r.Tx.GroupNamed(account.ID, name); ok {
		return nil, group.taken(name)
	}
	if len(r.Tx.GroupsOf(account.ID)) >= maxGroups {
		return nil, limitExceeded("GroupsPerAccount", maxGroups)
	}
	id, err := ids.New(s.Rand, ids.Group)
	if err != nil {
		return nil, err
	}
	g := store.Group{ID: id, Account: account.ID, Name: name, Path: path, Created: r.Now}
	r.Tx.Groups.Put(g)
	return groupResult{newGroupElement(ofGroup(r.Tx, account, g))}, nil
}

type getGroupResult struct {
	Group groupElement
	Users query.List[userElement]
	page
}

// getGroup shows a group with its users, by name.
func (s *Service) getGroup(r *access.Request) (any, error) {
	name := r.In.Required("GroupName", nameRules...)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	i, err := group.allowed(r, "GetGroup", name)
	if err != nil {
		return nil, err
	}
	members, next, err := cut(cursor, membersOf(r, i.id), func(u store.User) string { return u.Name })
	if err != nil {
		return nil, err
	}
	result := getGroupResult{Group: newGroupElement(i), page: next}
	for _, u := range members {
		result.Users.Member = append(result.Users.Member, newUserElement(r.Caller.Account, target{user: u}))
	}
	return result, nil
}

// membersOf are a group's users, by name.
func membersOf(r *access.Request, id string) []store.User {
	members := slices.DeleteFunc(r.Tx.UsersOf(r.Caller.Account.ID), func(u store.User) bool {
		return !slices.Contains(u.Groups, id)
	})
	slices.SortFunc(members, func(a, b store.User) int { return cmp.Compare(a.Name, b.Name) })
	return members
}

// updateGroup gives a group another name or path. It asks for the group as it
// is and as it will be (IAM API reference, UpdateGroup).
func (s *Service) updateGroup(r *access.Request) (any, error) {
	name := r.In.Required("GroupName", nameRules...)
	newPath := r.In.String("NewPath", pathRules...)
	newName := r.In.String("NewGroupName", nameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	i, err := group.allowed(r, "UpdateGroup", name)
	if err != nil {
		return nil, err
	}
	g, _ := r.Tx.Groups.Get(i.id)
	if newName != "" {
		g.Name = newName
	}
	if newPath != "" {
		g.Path = newPath
	}
	if err := authorize(r, "UpdateGroup", groupARN(r.Caller.Account, g)); err != nil {
		return nil, err
	}
	if other, ok := r.Tx.GroupNamed(g.Account, g.Name); ok && other.ID != g.ID {
		return nil, group.taken(g.Name)
	}
	r.Tx.Groups.Put(g)
	return nil, nil
}

func (s *Service) deleteGroup(r *access.Request) (any, error) {
	name := r.In.Required("GroupName", nameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	i, err := group.allowed(r, "DeleteGroup", name)
	if err != nil {
		return nil, err
	}
	if err := i.removable(); err != nil {
		return nil, err
	}
	if len(membersOf(r, i.id)) > 0 {
		return nil, deleteConflict("Cannot delete entity, must remove users from group first.")
	}
	r.Tx.Groups.Delete(i.id)
	return nil, nil
}

type listGroupsResult struct {
	Groups query.List[groupElement]
	page
}

func groupElements(found []identity) query.List[groupElement] {
	var list query.List[groupElement]
	for _, i := range found {
		list.Member = append(list.Member, newGroupElement(i))
	}
	return list
}

func (s *Service) listGroups(r *access.Request) (any, error) {
	found, next, err := listIdentities(r, group)
	return listGroupsResult{Groups: groupElements(found), page: next}, err
}

func (s *Service) listGroupsForUser(r *access.Request) (any, error) {
	name := r.In.Required("UserName", userNameRules...)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	i, err := user.allowed(r, "ListGroupsForUser", name)
	if err != nil {
		return nil, err
	}
	u, _ := r.Tx.Users.Get(i.id)
	found := slices.DeleteFunc(group.all(r), func(g identity) bool { return !slices.Contains(u.Groups, g.id) })
	found, next, err := cut(cursor, found, func(g identity) string { return g.name })
	return listGroupsResult{Groups: groupElements(found), page: next}, err
}

// member reads a call about a user and a group, which is authorised on the
// group.
func member(r *access.Request, action string) (groupID string, u store.User, err error) {
	groupName := r.In.Required("GroupName", nameRules...)
	userName := r.In.Required("UserName", userNameRules...)
	if err := r.In.Err(); err != nil {
		return "", u, err
	}
	g, err := group.allowed(r, action, groupName)
	if err != nil {
		return "", u, err
	}
	u, ok := r.Tx.UserNamed(r.Caller.Account.ID, userName)
	if !ok {
		return "", u, user.missing(userName)
	}
	return g.id, u, nil
}

// addUserToGroup changes nothing for a user that is in the group.
func (s *Service) addUserToGroup(r *access.Request) (any, error) {
	id, u, err := member(r, "AddUserToGroup")
	if err != nil || slices.Contains(u.Groups, id) {
		return nil, err
	}
	if len(u.Groups) >= maxGroupsOfUser {
		return nil, limitExceeded("GroupsPerUser", maxGroupsOfUser)
	}
	u.Groups = append(slices.Clone(u.Groups), id)
	r.Tx.Users.Put(u)
	return nil, nil
}

// removeUserFromGroup is no error for a user that isn't in the group (field
// report).
func (s *Service) removeUserFromGroup(r *access.Request) (any, error) {
	id, u, err := member(r, "RemoveUserFromGroup")
	if err != nil {
		return nil, err
	}
	u.Groups = slices.DeleteFunc(slices.Clone(u.Groups), func(g string) bool { return g == id })
	r.Tx.Users.Put(u)
	return nil, nil
}
