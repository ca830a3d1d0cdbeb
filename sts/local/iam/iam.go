// Package iam is AWS IAM in the local AWS (API version 2010-05-08): users,
// groups, roles, their policies, keys and MFA devices, what reports tell of
// them, and the simulation of policies. Each operation reads its parameters,
// asks the caller's policies, and only then looks at what there is, as AWS
// does. What the local AWS has no use for (passwords, certificates, identity
// providers, instance profiles) nobody has here: lists of it are empty, and what
// would make it is authorised and then refused by name.
package iam

import (
	"io"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// A Service answers IAM calls.
type Service struct {
	Devices device.Rules
	// Rand makes ids, keys and seeds.
	Rand io.Reader
}

// A target is the user, or root user, that a call is about.
type target struct {
	owner string // user id, or account id of the root user
	user  store.User
	root  bool
}

// allowedTarget authorises a call about the user of that name, or without a
// name about the caller, and then finds the user.
func allowedTarget(r *access.Request, action, name string) (target, error) {
	if name == "" {
		return allowedSelf(r, action)
	}
	i, err := user.allowed(r, action, name)
	if err != nil {
		return target{}, err
	}
	u, _ := r.Tx.Users.Get(i.id)
	return target{owner: u.ID, user: u}, nil
}

func allowedSelf(r *access.Request, action string) (target, error) {
	if r.Caller.Role != nil {
		return target{}, query.ValidationError("Must specify userName when calling with non-User credentials")
	}
	if r.Caller.User != nil {
		return allowedTarget(r, action, r.Caller.User.Name)
	}
	if err := authorize(r, action, r.Caller.ARN()); err != nil {
		return target{}, err
	}
	return target{owner: r.Caller.Account.ID, root: true}, nil
}
