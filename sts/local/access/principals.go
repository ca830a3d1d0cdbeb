package access

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/store"
)

var accountNumber = regexp.MustCompile(`^[0-9]{12}$`)

// PinPrincipals returns the policy with the unique ids of users and roles in
// place of their ARNs, so that who is deleted and made again isn't meant any
// more (IAM User Guide, "AWS JSON policy elements: Principal"). An account's
// number becomes the ARN of its root user. A user or role that isn't there, or
// that is of another partition, is a *policy.ValidationError; other accounts
// are taken as they are, for a world needn't hold all that its policies name.
func PinPrincipals(t store.Tables, partition, document string) (string, error) {
	return mapPrincipals(document, func(kind, value string) (string, error) {
		if kind != "AWS" {
			return value, nil
		}
		if accountNumber.MatchString(value) {
			return store.Account{ID: value, Partition: partition}.Root(), nil
		}
		if pinned, ok := pin(t, partition, value); ok {
			return pinned, nil
		}
		return "", policy.InvalidPrincipal(kind, value)
	})
}

// pin finds what to store for an ARN or an id.
func pin(t store.Tables, partition, value string) (string, bool) {
	if !strings.HasPrefix(value, "arn:") {
		_, user := t.Users.Get(value)
		_, role := t.Roles.Get(value)
		return value, user || role
	}
	parts := strings.SplitN(value, ":", 6)
	if len(parts) != 6 || parts[1] != partition {
		return "", false
	}
	kind, path, _ := strings.Cut(parts[5], "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	account := store.Account{ID: parts[4], Partition: partition}
	switch kind {
	case "user":
		u, ok := t.UserNamed(account.ID, name)
		return u.ID, ok && UserARN(account, u) == value
	case "role":
		r, ok := t.RoleNamed(account.ID, name)
		return r.ID, ok && RoleARN(account, r) == value
	}
	return value, true // a root user or a session stays an ARN
}

// ShowPrincipals is the way back: ids of users and roles that still are become
// their ARNs, others stay ids.
func ShowPrincipals(t store.Tables, document string) (string, error) {
	if !strings.Contains(document, string(ids.User)) && !strings.Contains(document, string(ids.Role)) {
		return document, nil
	}
	return mapPrincipals(document, func(kind, value string) (string, error) {
		if u, ok := t.Users.Get(value); ok && kind == "AWS" {
			account, _ := t.Accounts.Get(u.Account)
			return UserARN(account, u), nil
		}
		if r, ok := t.Roles.Get(value); ok && kind == "AWS" {
			account, _ := t.Accounts.Get(r.Account)
			return RoleARN(account, r), nil
		}
		return value, nil
	})
}

// mapPrincipals leaves the text as it is where nothing changes.
func mapPrincipals(document string, f func(kind, value string) (string, error)) (string, error) {
	d, err := policy.Parse([]byte(document))
	if err != nil {
		return "", err
	}
	changed := false
	mapped, err := d.MapPrincipals(func(kind, value string) (string, error) {
		to, err := f(kind, value)
		changed = changed || to != value
		return to, err
	})
	if err != nil || !changed {
		return document, err
	}
	text, err := json.Marshal(mapped)
	if err != nil {
		return "", fmt.Errorf("print policy: %w", err)
	}
	return string(text), nil
}
