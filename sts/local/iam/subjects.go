package iam

import (
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
)

// A subject authorises a call on what the call is about (Service Authorization
// Reference, IAM), for calls of which the local AWS knows no more.
type subject func(r *access.Request, action string) error

// aboutUser is about a user, without a name about the caller.
func aboutUser(r *access.Request, action string) error {
	_, err := readTarget(r, action)
	return err
}

func readTarget(r *access.Request, action string) (target, error) {
	name := r.In.String("UserName", userNameRules...)
	if err := r.In.Err(); err != nil {
		return target{}, err
	}
	return allowedTarget(r, action, name)
}

func aboutRole(r *access.Request, action string) error {
	name := r.In.Required("RoleName", shortNameRules...)
	if err := r.In.Err(); err != nil {
		return err
	}
	_, err := allowedRole(r, action, name)
	return err
}

// aboutNothing is about no resource.
func aboutNothing(r *access.Request, action string) error { return authorize(r, action, "*") }

// aboutAll is about all the account's things of a kind.
func aboutAll(kind string) subject {
	return func(r *access.Request, action string) error {
		if err := r.In.Err(); err != nil {
			return err
		}
		return authorize(r, action, r.Caller.Account.IAM(kind+"/*"))
	}
}

// aboutUserOrAll is about a user, or all where the call asks for them.
func aboutUserOrAll(r *access.Request, action string) error {
	if r.In.Bool("AllUsers") {
		return aboutAll("user")(r, action)
	}
	return aboutUser(r, action)
}

// aboutPath is about the things of a kind under a path.
func aboutPath(kind string) subject {
	return func(r *access.Request, action string) error {
		prefix := readPath(r.In, "PathPrefix", pathPrefixRules)
		if err := r.In.Err(); err != nil {
			return err
		}
		return authorize(r, action, r.Caller.Account.IAM(kind+prefix))
	}
}

// aboutNew is about a thing to be made with the name that the parameter gives:
// the URL of an identity provider without its scheme.
func aboutNew(kind, param string) subject {
	return func(r *access.Request, action string) error {
		name := strings.TrimPrefix(r.In.Required(param), "https://")
		path := readPath(r.In, "Path", pathRules)
		return askRead(r, access.Question{Action: "iam:" + action, Resource: r.Caller.Account.IAM(kind + path + name)}, readAskedTags(r.In))
	}
}

// aboutNamed is about a thing that the parameter names. Refusals call it by
// kind and name (field reports, of instance profiles).
func aboutNamed(kind, param string) subject {
	return func(r *access.Request, action string) error {
		name := r.In.Required(param)
		return askRead(r, access.Question{
			Action: "iam:" + action, Resource: r.Caller.Account.IAM(kind + "/" + name),
			Shown: strings.ReplaceAll(kind, "-", " ") + " " + name,
		}, readAskedTags(r.In))
	}
}

// aboutARN is about what has the ARN that the parameter gives.
func aboutARN(param string) subject {
	return func(r *access.Request, action string) error {
		return askRead(r, access.Question{Action: "iam:" + action, Resource: r.In.Required(param, arnRules...)}, readAskedTags(r.In))
	}
}

// aboutServiceRole is about a role of a service's own. What comes after
// AWSServiceRoleFor only the service knows.
func aboutServiceRole(r *access.Request, action string) error {
	service := r.In.Required("AWSServiceName")
	return askRead(r, access.Question{
		Action: "iam:" + action, Resource: r.Caller.Account.IAM("role/aws-service-role/" + service + "/AWSServiceRoleFor"),
	}, func(k *policy.Context) { k.Set("iam:AWSServiceName", service) })
}

// askRead asks once the call's parameters could be read.
func askRead(r *access.Request, q access.Question, set setter) error {
	if err := r.In.Err(); err != nil {
		return err
	}
	return ask(r, q, set)
}

// readAskedTags reads the tags that a call sets, or the keys of those that it
// takes away.
func readAskedTags(in *query.Input) setter {
	tags := readTags(in)
	keys := in.Strings("TagKeys", tagKeyRules...)
	return func(k *policy.Context) {
		requestTags(tags)(k)
		if len(keys) > 0 {
			k.SetList("aws:TagKeys", keys...)
		}
	}
}
