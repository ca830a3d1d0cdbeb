package iam

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

type tagElement struct {
	Key   string
	Value string
}

// tagElements is the Tags element; nil where there are none, as AWS leaves it
// out.
func tagElements(tags []store.Tag) *query.List[tagElement] {
	if len(tags) == 0 {
		return nil
	}
	list := &query.List[tagElement]{}
	for _, t := range tags {
		list.Member = append(list.Member, tagElement(t))
	}
	return list
}

func readTags(in *query.Input) []store.Tag {
	var tags []store.Tag
	for _, element := range in.List("Tags") {
		tags = append(tags, store.Tag{
			Key:   in.Required(element+".Key", tagKeyRules...),
			Value: in.Required(element+".Value", tagValueRules...),
		})
	}
	return tags
}

// requestTags are the condition keys of tags in a request.
func requestTags(tags []store.Tag) setter {
	return func(k *policy.Context) {
		if len(tags) == 0 {
			return
		}
		keys := make([]string, 0, len(tags))
		for _, t := range tags {
			k.Set("aws:RequestTag/"+t.Key, t.Value)
			keys = append(keys, t.Key)
		}
		k.SetList("aws:TagKeys", keys...)
	}
}

// authorizeCreate asks for the creation, and where there are tags for tagging
// too (IAM User Guide, "Tags for IAM resources").
// shown is what refusals call it.
func authorizeCreate(r *access.Request, of, arn, shown string, tags []store.Tag, set ...setter) error {
	set = append(set, requestTags(tags))
	q := access.Question{Action: "iam:Create" + of, Resource: arn, Shown: shown}
	if err := ask(r, q, set...); err != nil || len(tags) == 0 {
		return err
	}
	q.Action = "iam:Tag" + strings.Replace(of, "Virtual", "", 1)
	return ask(r, q, set...)
}

// checkTags refuses too many tags, two with one key, and AWS's own.
func checkTags(tags []store.Tag) error {
	if len(tags) > maxTags {
		return query.ValidationError("1 validation error detected: Value at 'tags' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", maxTags)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		key := strings.ToLower(t.Key)
		if seen[key] {
			return invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(key, "aws:") {
			return invalidInput("Tag keys beginning with aws: are reserved for AWS.") // the sentence is ours
		}
		seen[key] = true
	}
	return nil
}

// A taggable is a kind of thing that has tags.
type taggable struct {
	noun  string // in the names of operations
	param string
	rules []query.Rule
	// folds: keys that differ in case alone are one key (observed for users
	// and roles, and not for others).
	folds bool
	// find returns the thing, and if there is none what stands for it when
	// the caller is authorised.
	find func(r *access.Request, name string) (tagged, error)
}

// tagged is something with tags.
type tagged struct {
	arn   string
	shown string // what refusals call it
	tags  []store.Tag
	save  func([]store.Tag)
}

func (t tagged) authorize(r *access.Request, action string, set ...setter) error {
	q := access.Question{Action: "iam:" + action, Resource: t.arn, Shown: t.shown}
	return ask(r, q, append([]setter{resourceTags(t.tags)}, set...)...)
}

var taggables = []taggable{
	{"User", "UserName", userNameRules, true, taggedIdentity(user)},
	{"Role", "RoleName", shortNameRules, true, taggedIdentity(role)},
	{"Policy", "PolicyArn", arnRules, false, taggedPolicy},
	{"MFADevice", "SerialNumber", serialRules, false, taggedDevice},
}

func taggedIdentity(k kind) func(*access.Request, string) (tagged, error) {
	return func(r *access.Request, name string) (tagged, error) {
		i, ok := k.find(r, name)
		if !ok {
			return tagged{arn: r.Caller.Account.IAM(string(k) + "/" + name), shown: string(k) + " " + name}, k.missing(name)
		}
		return tagged{arn: i.arn, shown: string(k) + " " + i.name, tags: i.tags, save: func(tags []store.Tag) {
			i.tags = tags
			i.save(i)
		}}, nil
	}
}

func taggedPolicy(r *access.Request, arn string) (tagged, error) {
	if err := checkPolicyARN(arn); err != nil {
		return tagged{arn: arn}, err
	}
	shown := "policy " + arn
	p, ok := ownPolicy(r, arn)
	if !ok {
		return tagged{arn: arn, shown: shown}, noPolicy(arn)
	}
	return tagged{arn: arn, shown: shown, tags: p.Tags, save: func(tags []store.Tag) {
		p.Tags = tags
		r.Tx.Policies.Put(p)
	}}, nil
}

func taggedDevice(r *access.Request, serial string) (tagged, error) {
	d, ok := r.Tx.Devices.Get(serial)
	if !ok || d.Kind != store.Virtual || d.Account != r.Caller.Account.ID {
		return tagged{arn: serial}, noVirtualDevice(serial)
	}
	return tagged{arn: serial, tags: d.Tags, save: func(tags []store.Tag) {
		d.Tags = tags
		r.Tx.Devices.Put(d)
	}}, nil
}

func (k taggable) same(a, b string) bool { return a == b || k.folds && strings.EqualFold(a, b) }

// tag is Tag{User,Role,Policy,MFADevice}: a key that is there gets the new
// value.
func (k taggable) tag(r *access.Request) (any, error) {
	name := r.In.Required(k.param, k.rules...)
	r.In.RequireList("Tags")
	tags := readTags(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, missing := k.find(r, name)
	if err := t.authorize(r, "Tag"+k.noun, requestTags(tags)); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	merged := slices.Clone(t.tags)
	for _, tag := range tags {
		at := slices.IndexFunc(merged, func(old store.Tag) bool { return k.same(old.Key, tag.Key) })
		if at < 0 {
			merged = append(merged, tag)
		} else {
			merged[at] = tag
		}
	}
	if len(merged) > maxTags {
		return nil, query.Errorf(http.StatusConflict, "LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	t.save(merged)
	return nil, nil
}

// untag is Untag{User,Role,Policy,MFADevice}. Keys that aren't there are no
// error.
func (k taggable) untag(r *access.Request) (any, error) {
	name := r.In.Required(k.param, k.rules...)
	r.In.RequireList("TagKeys")
	keys := r.In.Strings("TagKeys", tagKeyRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, missing := k.find(r, name)
	set := func(c *policy.Context) { c.SetList("aws:TagKeys", keys...) }
	if err := t.authorize(r, "Untag"+k.noun, set); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	left := slices.DeleteFunc(slices.Clone(t.tags), func(tag store.Tag) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return k.same(tag.Key, key) })
	})
	t.save(left)
	return nil, nil
}

type listTagsResult struct {
	Tags query.List[tagElement]
	page
}

// list is List{User,Role,Policy,MFADevice}Tags.
func (k taggable) list(r *access.Request) (any, error) {
	name := r.In.Required(k.param, k.rules...)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, missing := k.find(r, name)
	if err := t.authorize(r, "List"+k.noun+"Tags"); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	tags := slices.SortedFunc(slices.Values(t.tags), func(a, b store.Tag) int { return cmp.Compare(a.Key, b.Key) })
	tags, next, err := cut(cursor, tags, func(tag store.Tag) string { return tag.Key })
	if err != nil {
		return nil, err
	}
	result := listTagsResult{page: next}
	for _, tag := range tags {
		result.Tags.Member = append(result.Tags.Member, tagElement(tag))
	}
	return result, nil
}
