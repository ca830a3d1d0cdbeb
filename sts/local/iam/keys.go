package iam

import (
	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/ids"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// The states of an access key.
const (
	active   = "Active"
	inactive = "Inactive"
)

func statusOf(k store.AccessKey) string {
	if k.Inactive {
		return inactive
	}
	return active
}

type accessKeyElement struct {
	UserName        string `xml:",omitempty"`
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      query.Time
}

// newAccessKeyElement is a key without its secret.
func newAccessKeyElement(t target, k store.AccessKey) accessKeyElement {
	return accessKeyElement{UserName: t.user.Name, AccessKeyID: k.ID, Status: statusOf(k), CreateDate: query.Time(k.Created)}
}

type accessKeyResult struct{ AccessKey accessKeyElement }

// createAccessKey makes a key for a user, or without a name for the caller,
// who may be the root user. Its secret is shown this once.
func (s *Service) createAccessKey(r *access.Request) (any, error) {
	name := r.In.String("UserName", userNameRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, err := allowedTarget(r, "CreateAccessKey", name)
	if err != nil {
		return nil, err
	}
	if len(r.Tx.KeysOwnedBy(t.owner)) >= maxKeys {
		return nil, limitExceeded("AccessKeysPerUser", maxKeys)
	}
	k := store.AccessKey{Account: r.Caller.Account.ID, User: t.user.ID, Created: r.Now}
	if k.ID, err = ids.New(s.Rand, ids.LongTermKey); err != nil {
		return nil, err
	}
	if k.Secret, err = ids.NewSecret(s.Rand); err != nil {
		return nil, err
	}
	r.Tx.AccessKeys.Put(k)
	e := newAccessKeyElement(t, k)
	e.SecretAccessKey = k.Secret
	return accessKeyResult{e}, nil
}

// ownKey reads a call about a key of a user, or of the caller, authorises it
// on the user and finds the key.
func ownKey(r *access.Request, action string) (store.AccessKey, error) {
	name := r.In.String("UserName", userNameRules...)
	id := r.In.Required("AccessKeyId", keyIDRules...)
	if err := r.In.Err(); err != nil {
		return store.AccessKey{}, err
	}
	t, err := allowedTarget(r, action, name)
	if err != nil {
		return store.AccessKey{}, err
	}
	k, ok := r.Tx.AccessKeys.Get(id)
	if !ok || k.Account != r.Caller.Account.ID || k.User != t.user.ID {
		return k, noKey(id)
	}
	return k, nil
}

func noKey(id string) *query.Error {
	return query.NoSuchEntity("The Access Key with id %s cannot be found.", id)
}

// updateAccessKey switches a key off and on. Expired is a value of the model
// that nobody can set (observed; the sentence is ours).
func (s *Service) updateAccessKey(r *access.Request) (any, error) {
	status := r.In.Required("Status", query.OneOf(active, inactive, "Expired"))
	k, err := ownKey(r, "UpdateAccessKey")
	if err != nil {
		return nil, err
	}
	if status != active && status != inactive {
		return nil, invalidInput("The status of an access key can be set to %s or %s only.", active, inactive)
	}
	k.Inactive = status == inactive
	r.Tx.AccessKeys.Put(k)
	return nil, nil
}

func (s *Service) deleteAccessKey(r *access.Request) (any, error) {
	k, err := ownKey(r, "DeleteAccessKey")
	if err != nil {
		return nil, err
	}
	r.Tx.AccessKeys.Delete(k.ID)
	return nil, nil
}

type listAccessKeysResult struct {
	AccessKeyMetadata query.List[accessKeyElement]
	page
}

func (s *Service) listAccessKeys(r *access.Request) (any, error) {
	name := r.In.String("UserName", userNameRules...)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, err := allowedTarget(r, "ListAccessKeys", name)
	if err != nil {
		return nil, err
	}
	keys, next, err := cut(cursor, r.Tx.KeysOwnedBy(t.owner), func(k store.AccessKey) string { return k.ID })
	if err != nil {
		return nil, err
	}
	result := listAccessKeysResult{page: next}
	for _, k := range keys {
		result.AccessKeyMetadata.Member = append(result.AccessKeyMetadata.Member, newAccessKeyElement(t, k))
	}
	return result, nil
}

type lastUsedElement struct {
	LastUsedDate *query.Time `xml:",omitempty"`
	ServiceName  string
	Region       string
}

type getAccessKeyLastUsedResult struct {
	UserName          string `xml:",omitempty"`
	AccessKeyLastUsed lastUsedElement
}

// notAvailable stands for what isn't known (IAM API reference,
// AccessKeyLastUsed; IAM User Guide, "Generate credential reports").
const notAvailable = "N/A"

func newLastUsedElement(u store.Use) lastUsedElement {
	if u.At.IsZero() {
		return lastUsedElement{ServiceName: notAvailable, Region: notAvailable}
	}
	at := query.Time(u.At)
	return lastUsedElement{LastUsedDate: &at, ServiceName: u.Service, Region: u.Region}
}

// getAccessKeyLastUsed is authorised on the user whose key it is (observed).
func (s *Service) getAccessKeyLastUsed(r *access.Request) (any, error) {
	id := r.In.Required("AccessKeyId", keyIDRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	account := r.Caller.Account
	k, ok := r.Tx.AccessKeys.Get(id)
	ok = ok && k.Account == account.ID
	q := access.Question{Action: "iam:GetAccessKeyLastUsed", Resource: "*"}
	u, isUser := r.Tx.Users.Get(k.User)
	switch {
	case ok && isUser:
		q.Resource, q.Shown = access.UserARN(account, u), "user "+u.Name
	case ok:
		q.Resource = account.Root()
	}
	if err := ask(r, q, resourceTags(u.Tags)); err != nil {
		return nil, err
	}
	if !ok {
		return nil, noKey(id)
	}
	return getAccessKeyLastUsedResult{UserName: u.Name, AccessKeyLastUsed: newLastUsedElement(k.LastUsed)}, nil
}
