package iam

import (
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
)

func policyKey(arn string) setter {
	return func(k *policy.Context) { k.Set("iam:PolicyARN", arn) }
}

// attachPolicy is Attach{User,Group,Role}Policy. Attaching what is attached
// changes nothing.
func attachPolicy(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		i, arn, err := allowedAttachment(r, k, "Attach"+k.title()+"Policy")
		if err != nil {
			return nil, err
		}
		if _, ok := policyOf(r, arn); !ok {
			return nil, notAttachable(arn)
		}
		if slices.Contains(i.grants.Attached, arn) {
			return nil, nil
		}
		if len(i.grants.Attached) >= k.attachQuota() {
			return nil, limitExceeded("PoliciesPer"+k.title(), k.attachQuota())
		}
		i.grants.Attached = append(slices.Clone(i.grants.Attached), arn)
		i.save(i)
		return nil, nil
	}
}

// detachPolicy is Detach{User,Group,Role}Policy.
func detachPolicy(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		i, arn, err := allowedAttachment(r, k, "Detach"+k.title()+"Policy")
		if err != nil {
			return nil, err
		}
		at := slices.Index(i.grants.Attached, arn)
		if at < 0 {
			return nil, noPolicy(arn)
		}
		i.grants.Attached = slices.Delete(slices.Clone(i.grants.Attached), at, at+1)
		i.save(i)
		return nil, nil
	}
}

func allowedAttachment(r *access.Request, k kind, action string) (identity, string, error) {
	name := r.In.Required(k.param(), k.attachRules()...)
	arn := r.In.Required("PolicyArn", arnRules...)
	if err := r.In.Err(); err != nil {
		return identity{}, "", err
	}
	if err := checkPolicyARN(arn); err != nil {
		return identity{}, "", err
	}
	i, err := k.allowed(r, action, name, policyKey(arn))
	return i, arn, err
}

// attachRules are those of the name in calls about attachments: the service
// model takes a user's shorter there than elsewhere.
func (k kind) attachRules() []query.Rule {
	if k == user {
		return shortNameRules
	}
	return k.rules()
}

type attachedElement struct {
	PolicyName string
	PolicyArn  string
}

type listAttachedResult struct {
	AttachedPolicies query.List[attachedElement]
	page
}

// listAttachedPolicies is ListAttached{User,Group,Role}Policies.
func listAttachedPolicies(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		name := r.In.Required(k.param(), k.attachRules()...)
		prefix := r.In.String("PathPrefix", policyPathRules...)
		cursor := readCursor(r.In)
		if err := r.In.Err(); err != nil {
			return nil, err
		}
		i, err := k.allowed(r, "ListAttached"+k.title()+"Policies", name)
		if err != nil {
			return nil, err
		}
		arns := slices.DeleteFunc(slices.Clone(i.grants.Attached), func(arn string) bool {
			return !strings.HasPrefix(pathOf(arn), prefix)
		})
		slices.Sort(arns)
		arns, next, err := cut(cursor, arns, func(arn string) string { return arn })
		if err != nil {
			return nil, err
		}
		return listAttachedResult{AttachedPolicies: attachedElements(arns), page: next}, nil
	}
}

func attachedElements(arns []string) query.List[attachedElement] {
	var list query.List[attachedElement]
	for _, arn := range arns {
		list.Member = append(list.Member, attachedElement{PolicyName: nameOf(arn), PolicyArn: arn})
	}
	return list
}

// nameOf is the name at the end of an ARN, without its path.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// pathOf is the path before the name of an ARN: /service-role/ of
// arn:aws:iam::aws:policy/service-role/X.
func pathOf(arn string) string {
	begin := strings.IndexByte(arn, '/')
	if begin < 0 {
		return "/"
	}
	return arn[begin : strings.LastIndexByte(arn, '/')+1]
}

// putBoundary is Put{User,Role}PermissionsBoundary.
func putBoundary(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		name := r.In.Required(k.param(), shortNameRules...)
		arn := r.In.Required("PermissionsBoundary", arnRules...)
		if err := r.In.Err(); err != nil {
			return nil, err
		}
		i, err := k.allowed(r, "Put"+k.title()+"PermissionsBoundary", name, boundaryKey(arn))
		if err != nil {
			return nil, err
		}
		if err := checkBoundary(r, arn); err != nil {
			return nil, err
		}
		i.boundary = arn
		i.save(i)
		return nil, nil
	}
}

// checkBoundary refuses a boundary that is no policy of the account or of AWS
// (the sentence is from a field report).
func checkBoundary(r *access.Request, arn string) error {
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	if _, ok := policyOf(r, arn); !ok {
		return query.NoSuchEntity("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return nil
}

// deleteBoundary is Delete{User,Role}PermissionsBoundary. Without a boundary it
// is NoSuchEntity (observed; the sentence is ours).
func deleteBoundary(k kind) access.Operation {
	return func(r *access.Request) (any, error) {
		name := r.In.Required(k.param(), shortNameRules...)
		if err := r.In.Err(); err != nil {
			return nil, err
		}
		i, err := k.allowed(r, "Delete"+k.title()+"PermissionsBoundary", name)
		if err != nil {
			return nil, err
		}
		if i.boundary == "" {
			return nil, query.NoSuchEntity("The %s with name %s has no permissions boundary.", k, i.name)
		}
		i.boundary = ""
		i.save(i)
		return nil, nil
	}
}
