package iam

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// A kind is one of the three kinds of identity that policies are put on, as
// its name stands in AWS's sentences.
type kind string

const (
	user  kind = "user"
	group kind = "group"
	role  kind = "role"
)

// title is the kind's name in the names of operations and parameters.
func (k kind) title() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

func (k kind) param() string { return k.title() + "Name" }

func (k kind) rules() []query.Rule {
	if k == role {
		return shortNameRules
	}
	return nameRules
}

func (k kind) inlineQuota() int {
	switch k {
	case user:
		return maxUserInline
	case group:
		return maxGroupInline
	}
	return maxRoleInline
}

func (k kind) attachQuota() int {
	switch k {
	case user:
		return maxAttachedToUser
	case group:
		return maxAttachedToGroup
	}
	return maxAttachedToRole
}

func (k kind) missing(name string) *query.Error {
	return query.NoSuchEntity("The %s with name %s cannot be found.", k, name)
}

func (k kind) taken(name string) *query.Error {
	return query.EntityAlreadyExists("%s with name %s already exists.", k.title(), name)
}

// An identity is what users, groups and roles have in common.
type identity struct {
	kind     kind
	id       string
	name     string
	path     string
	arn      string
	created  time.Time
	grants   store.Grants
	boundary string // of users and roles
	tags     []store.Tag
	// save stores the grants, the boundary and the tags.
	save func(identity)
}

func ofUser(tx *store.Tx, a store.Account, u store.User) identity {
	return identity{
		kind: user, id: u.ID, name: u.Name, path: u.Path, arn: access.UserARN(a, u), created: u.Created,
		grants: u.Grants, boundary: u.Boundary, tags: u.Tags,
		save: func(i identity) {
			u.Grants, u.Boundary, u.Tags = i.grants, i.boundary, i.tags
			tx.Users.Put(u)
		},
	}
}

func ofGroup(tx *store.Tx, a store.Account, g store.Group) identity {
	return identity{
		kind: group, id: g.ID, name: g.Name, path: g.Path, arn: groupARN(a, g), created: g.Created, grants: g.Grants,
		save: func(i identity) {
			g.Grants = i.grants
			tx.Groups.Put(g)
		},
	}
}

func ofRole(tx *store.Tx, a store.Account, r store.Role) identity {
	return identity{
		kind: role, id: r.ID, name: r.Name, path: r.Path, arn: access.RoleARN(a, r), created: r.Created,
		grants: r.Grants, boundary: r.Boundary, tags: r.Tags,
		save: func(i identity) {
			r.Grants, r.Boundary, r.Tags = i.grants, i.boundary, i.tags
			tx.Roles.Put(r)
		},
	}
}

func groupARN(a store.Account, g store.Group) string { return a.IAM("group" + g.Path + g.Name) }

// find finds an identity of the caller's account by name, without regard to
// case.
func (k kind) find(r *access.Request, name string) (identity, bool) {
	a := r.Caller.Account
	switch k {
	case user:
		u, ok := r.Tx.UserNamed(a.ID, name)
		return ofUser(r.Tx, a, u), ok
	case group:
		g, ok := r.Tx.GroupNamed(a.ID, name)
		return ofGroup(r.Tx, a, g), ok
	}
	found, ok := r.Tx.RoleNamed(a.ID, name)
	return ofRole(r.Tx, a, found), ok
}

// all are the account's identities of the kind, by name.
func (k kind) all(r *access.Request) []identity {
	a := r.Caller.Account
	var found []identity
	switch k {
	case user:
		for _, u := range r.Tx.UsersOf(a.ID) {
			found = append(found, ofUser(r.Tx, a, u))
		}
	case group:
		for _, g := range r.Tx.GroupsOf(a.ID) {
			found = append(found, ofGroup(r.Tx, a, g))
		}
	case role:
		for _, one := range r.Tx.RolesOf(a.ID) {
			found = append(found, ofRole(r.Tx, a, one))
		}
	}
	slices.SortFunc(found, func(a, b identity) int { return cmp.Compare(a.name, b.name) })
	return found
}

// everybody are all identities of the account.
func everybody(r *access.Request) []identity {
	return slices.Concat(user.all(r), group.all(r), role.all(r))
}

// A setter adds condition keys to a question.
type setter func(*policy.Context)

// allowed authorises a call about the identity of that name, be there such a
// one or not, and then finds it.
func (k kind) allowed(r *access.Request, action, name string, set ...setter) (identity, error) {
	i, ok := k.find(r, name)
	if !ok {
		i = identity{kind: k, name: name, arn: r.Caller.Account.IAM(string(k) + "/" + name)}
	}
	if err := i.authorize(r, action, set...); err != nil {
		return i, err
	}
	if !ok {
		return i, k.missing(name)
	}
	return i, nil
}

// authorize asks whether the caller may do the action to i. The keys are those
// of its tags and of its boundary (Service Authorization Reference, IAM).
func (i identity) authorize(r *access.Request, action string, set ...setter) error {
	own := []setter{resourceTags(i.tags)}
	if i.boundary != "" {
		own = append(own, boundaryKey(i.boundary))
	}
	return ask(r, access.Question{Action: "iam:" + action, Resource: i.arn, Shown: string(i.kind) + " " + i.name}, append(own, set...)...)
}

// authorize asks the caller's policies with more condition keys.
func authorize(r *access.Request, action, resource string, set ...setter) error {
	return ask(r, access.Question{Action: "iam:" + action, Resource: resource}, set...)
}

// ask puts a question with more condition keys. IAM's refusals call what is
// there by kind and name, "user carol", and what is to be made by its ARN
// (field reports).
func ask(r *access.Request, q access.Question, set ...setter) error {
	q.Set = func(k *policy.Context) {
		for _, f := range set {
			f(k)
		}
	}
	_, err := r.Decide(q)
	return err
}

func resourceTags(tags []store.Tag) setter {
	return func(k *policy.Context) {
		for _, t := range tags {
			k.Set("aws:ResourceTag/"+t.Key, t.Value)
			k.Set("iam:ResourceTag/"+t.Key, t.Value)
		}
	}
}

func boundaryKey(arn string) setter {
	return func(k *policy.Context) { k.Set("iam:PermissionsBoundary", arn) }
}

// removable refuses to delete an identity that has policies.
func (i identity) removable() error {
	switch {
	case len(i.grants.Attached) > 0:
		return deleteConflict("Cannot delete entity, must detach all policies first.")
	case len(i.grants.Inline) > 0:
		return deleteConflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}
