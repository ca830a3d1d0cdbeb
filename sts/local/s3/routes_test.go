package s3_test

import (
	"slices"
	"strings"
	"testing"
)

// calls are those of S3's API reference that set something or read what nobody
// has here, and the actions that each takes: bucket actions first.
var calls = []struct {
	method, target, name string
	actions              []string
	served               bool
}{
	{"GET", "/bucket?accelerate", "", []string{"GetAccelerateConfiguration"}, true},
	{"PUT", "/bucket?accelerate", "PutBucketAccelerateConfiguration", []string{"PutAccelerateConfiguration"}, false},
	{"GET", "/bucket?acl", "", []string{"GetBucketAcl"}, true},
	{"PUT", "/bucket?acl", "PutBucketAcl", []string{"PutBucketAcl"}, false},
	{"GET", "/bucket?analytics&id=x", "GetBucketAnalyticsConfiguration", []string{"GetAnalyticsConfiguration"}, false},
	{"DELETE", "/bucket?cors", "DeleteBucketCors", []string{"PutBucketCORS"}, false},
	{"GET", "/bucket?encryption", "", []string{"GetEncryptionConfiguration"}, true},
	{"DELETE", "/bucket?inventory&id=x", "DeleteBucketInventoryConfiguration", []string{"PutInventoryConfiguration"}, false},
	{"PUT", "/bucket?lifecycle", "PutBucketLifecycleConfiguration", []string{"PutLifecycleConfiguration"}, false},
	{"PUT", "/bucket?object-lock", "PutObjectLockConfiguration", []string{"PutBucketObjectLockConfiguration"}, false},
	{"GET", "/bucket?publicAccessBlock", "", []string{"GetBucketPublicAccessBlock"}, true},
	{"DELETE", "/bucket?publicAccessBlock", "DeletePublicAccessBlock", []string{"PutBucketPublicAccessBlock"}, false},
	{"GET", "/bucket?tagging", "", []string{"GetBucketTagging"}, true},
	{"DELETE", "/bucket?tagging", "", []string{"PutBucketTagging"}, true},
	{"DELETE", "/bucket?website", "DeleteBucketWebsite", []string{"DeleteBucketWebsite"}, false},
	{"PUT", "/bucket?website", "PutBucketWebsite", []string{"PutBucketWebsite"}, false},
	{"GET", "/bucket/k?acl", "", []string{"GetObjectAcl"}, true},
	{"GET", "/bucket/k?acl&versionId=null", "", []string{"GetObjectVersionAcl"}, true},
	{"PUT", "/bucket/k?acl&versionId=null", "PutObjectAcl", []string{"PutObjectVersionAcl"}, false},
	{"GET", "/bucket/k?attributes", "GetObjectAttributes", []string{"GetObject", "GetObjectAttributes"}, false},
	{"GET", "/bucket/k?attributes&versionId=null", "GetObjectAttributes", []string{"GetObjectVersion", "GetObjectVersionAttributes"}, false},
	{"GET", "/bucket/k?legal-hold&versionId=null", "GetObjectLegalHold", []string{"GetObjectLegalHold"}, false},
	{"POST", "/bucket/k?restore", "RestoreObject", []string{"RestoreObject"}, false},
	{"PUT", "/bucket/k?retention", "PutObjectRetention", []string{"PutObjectRetention"}, false},
	{"POST", "/bucket/k?select&select-type=2", "SelectObjectContent", []string{"GetObject"}, false},
	{"GET", "/bucket/k?tagging", "", []string{"GetObjectTagging"}, true},
	{"DELETE", "/bucket/k?tagging", "", []string{"DeleteObjectTagging"}, true},
	{"DELETE", "/bucket/k?tagging&versionId=null", "", []string{"DeleteObjectVersionTagging"}, true},
	{"GET", "/bucket/k?torrent", "GetObjectTorrent", []string{"GetObjectTorrent"}, false},
}

// TestActionsOfCalls: each call takes its own actions, all of them and no
// other, be it served or not.
func TestActionsOfCalls(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/bucket/k", "content")
	const everything = `["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`
	ned1 := `{"AWS":"arn:aws:iam::111122223333:user/ned"}`
	list := func(actions []string) string { return `["s3:` + strings.Join(actions, `","s3:`) + `"]` }
	for _, c := range calls {
		l.make(root, "PUT", "/bucket?policy", policyFor("Allow", ned1, list(c.actions), everything, ""))
		switch a := l.do(ned, c.method, c.target, ""); {
		case !c.served:
			l.want(c.method+" "+c.target, a, 501, "NotImplemented", "authorised; s3:"+c.name+" is not served here")
		case a.status >= 400 && a.status != 404:
			t.Errorf("%s %s: %d %s", c.method, c.target, a.status, a.body)
		}
		for i := range c.actions {
			deny := policyFor("Deny", ned1, list(c.actions[i:i+1]), everything, "")
			l.make(root, "PUT", "/bucket?policy", strings.Replace(deny, `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":`+ned1+`,"Action":"s3:*","Resource":`+everything+`},`, 1))
			l.want(c.method+" "+c.target+" without "+c.actions[i], l.do(ned, c.method, c.target, ""), 403, "AccessDenied", denied)
		}
	}
}

// TestNoSubresourceStandsForItsBucket: a method that a subresource hasn't does
// nothing to the bucket or object itself.
func TestNoSubresourceStandsForItsBucket(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/full", "")
	l.make(alice, "PUT", "/full/k", "content")
	for _, c := range []struct{ method, target, kind string }{
		{"DELETE", "/bucket?accelerate", "BUCKET"}, {"DELETE", "/bucket?versioning", "BUCKET"}, {"DELETE", "/bucket?location", "BUCKET"},
		{"PUT", "/new?policyStatus", "BUCKET"}, {"POST", "/bucket", "BUCKET"}, {"POST", "/bucket/k", "OBJECT"}, {"DELETE", "/full/k?acl", "OBJECT"},
		{"PUT", "/full/k?attributes", "OBJECT"}, {"PUT", "/", "SERVICE"},
	} {
		a := l.do(alice, c.method, c.target, "")
		l.want(c.method+" "+c.target, a, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		if kind, _ := a.refused(t).extra("ResourceType"); kind != c.kind {
			t.Errorf("%s %s: of a %s, want %s", c.method, c.target, kind, c.kind)
		}
	}
	if got := l.make(alice, "GET", "/full/k", "").body; got != "content" {
		t.Errorf("the object is %q", got)
	}
	if got := strings.Count(l.make(alice, "GET", "/", "").body, "<Bucket>"); got != 2 {
		t.Errorf("there are %d buckets", got)
	}
}

// TestTagsInPolicies: the tags that an object has, and those that it is given,
// decide (S3 User Guide, "Tagging and access control policies").
func TestTagsInPolicies(t *testing.T) {
	const objects = `"arn:aws:s3:::bucket/*"`
	ned1 := `{"AWS":"arn:aws:iam::111122223333:user/ned"}`
	const both = `["s3:PutObject","s3:PutObjectTagging"]`
	const tagging = "<Tagging><TagSet><Tag><Key>level</Key><Value>open</Value></Tag></TagSet></Tagging>"
	const existing = `{"StringEquals":{"s3:ExistingObjectTag/level":"open"}}`
	const requested = `{"StringEquals":{"s3:RequestObjectTag/level":"open"}}`
	const only = `{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["level"]},"Null":{"s3:RequestObjectTagKeys":"false"}}`
	put := func(tags string) map[string]string { return map[string]string{"X-Amz-Tagging": tags} }
	for _, c := range []struct {
		name, policy         string
		method, target, body string
		header               map[string]string
		status               int
	}{
		{"an object's tag", policyFor("Allow", ned1, `"s3:GetObject"`, objects, existing), "GET", "/bucket/open", "", nil, 200},
		{"another value", policyFor("Allow", ned1, `"s3:GetObject"`, objects, existing), "GET", "/bucket/closed", "", nil, 403},
		{"no tag", policyFor("Allow", ned1, `"s3:GetObject"`, objects, existing), "GET", "/bucket/plain", "", nil, 403},
		{"no object", policyFor("Allow", ned1, `"s3:GetObject"`, objects, existing), "GET", "/bucket/none", "", nil, 403},
		{"a version's tag", policyFor("Allow", ned1, `"s3:GetObjectVersion"`, objects, existing), "GET", "/bucket/open?versionId=null", "", nil, 200},
		{"tags of an object's tag", policyFor("Allow", ned1, `"s3:GetObjectTagging"`, objects, existing), "GET", "/bucket/open?tagging", "", nil, 200},
		{"the ACL", policyFor("Allow", ned1, `"s3:GetObjectAcl"`, objects, existing), "GET", "/bucket/closed?acl", "", nil, 403},
		{"no key of deleting", policyFor("Allow", ned1, `"s3:DeleteObject"`, objects, existing), "DELETE", "/bucket/open", "", nil, 403},
		{"no key of putting", policyFor("Allow", ned1, `"s3:PutObject"`, objects, existing), "PUT", "/bucket/open", "x", nil, 403},
		{"a given tag", policyFor("Allow", ned1, both, objects, requested), "PUT", "/bucket/new", "x", put("level=open"), 200},
		{"another given value", policyFor("Allow", ned1, both, objects, requested), "PUT", "/bucket/new", "x", put("level=closed"), 403},
		{"none given", policyFor("Allow", ned1, both, objects, requested), "PUT", "/bucket/new", "x", nil, 403},
		{"only that key", policyFor("Allow", ned1, both, objects, only), "PUT", "/bucket/new", "x", put("level=closed"), 200},
		{"another key", policyFor("Allow", ned1, both, objects, only), "PUT", "/bucket/new", "x", put("level=closed&x=y"), 403},
		{"given later", policyFor("Allow", ned1, `"s3:PutObjectTagging"`, objects, requested), "PUT", "/bucket/plain?tagging", tagging, nil, 200},
		{"another given later", policyFor("Allow", ned1, `"s3:PutObjectTagging"`, objects, requested), "PUT", "/bucket/plain?tagging", strings.Replace(tagging, "open", "shut", 1), nil, 403},
		{"tags without the right to set them", policyFor("Allow", ned1, `"s3:PutObject"`, objects, ""), "PUT", "/bucket/new", "x", put("level=open"), 403},
		{"no tags, and no such right", policyFor("Allow", ned1, `"s3:PutObject"`, objects, ""), "PUT", "/bucket/new", "x", nil, 200},
		{"an upload with tags", policyFor("Allow", ned1, `"s3:PutObject"`, objects, ""), "POST", "/bucket/new?uploads", "", put("level=open"), 403},
		{"tags copied that can't be read", policyFor("Allow", ned1, `["s3:GetObject","s3:PutObject","s3:PutObjectTagging"]`, objects, ""), "PUT", "/bucket/new", "",
			map[string]string{"X-Amz-Copy-Source": "/bucket/open"}, 403},
		{"tags copied that can't be set", policyFor("Allow", ned1, `["s3:GetObject","s3:GetObjectTagging","s3:PutObject"]`, objects, ""), "PUT", "/bucket/new", "",
			map[string]string{"X-Amz-Copy-Source": "/bucket/open"}, 403},
		{"a copy without its tags", policyFor("Allow", ned1, `["s3:GetObject","s3:PutObject"]`, objects, ""), "PUT", "/bucket/new", "",
			map[string]string{"X-Amz-Copy-Source": "/bucket/open", "X-Amz-Tagging-Directive": "REPLACE"}, 200},
		{"a copy of no tags", policyFor("Allow", ned1, `["s3:GetObject","s3:PutObject"]`, objects, ""), "PUT", "/bucket/new", "",
			map[string]string{"X-Amz-Copy-Source": "/bucket/plain"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			l.make(alice, "PUT", "/bucket", "")
			for key, tags := range map[string]string{"open": "level=open", "closed": "level=closed", "plain": ""} {
				l.must(call{as: alice, method: "PUT", target: "/bucket/" + key, body: "content", header: put(tags)})
			}
			l.make(root, "PUT", "/bucket?policy", c.policy)
			if a := l.send(call{as: ned, method: c.method, target: c.target, body: c.body, header: c.header}); a.status != c.status {
				t.Errorf("%d, want %d: %s", a.status, c.status, a.body)
			}
		})
	}
}

// TestTagsAreOfAVersion: each version has its own, whatever is done to
// another's.
func TestTagsAreOfAVersion(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/bucket?versioning", versioning("Enabled", ""))
	tagged := func(tags string) string {
		return l.must(call{as: alice, method: "PUT", target: "/bucket/k", body: tags, header: map[string]string{"X-Amz-Tagging": tags}}).header.Get("X-Amz-Version-Id")
	}
	first, second := tagged("a=1"), tagged("a=2")
	l.make(alice, "PUT", "/bucket/k?tagging&versionId="+first, "<Tagging><TagSet><Tag><Key>a</Key><Value>3</Value></Tag></TagSet></Tagging>")
	got := []string{}
	for _, target := range []string{"/bucket/k?tagging&versionId=" + first, "/bucket/k?tagging&versionId=" + second, "/bucket/k?tagging"} {
		a := l.make(alice, "GET", target, "")
		got = append(got, between(a.body, "<Value>", "</Value>")+" "+a.header.Get("X-Amz-Version-Id"))
	}
	if want := []string{"3 " + first, "2 " + second, "2 " + second}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := l.make(alice, "GET", "/bucket/k?versionId="+first, "").body; got != "a=1" {
		t.Errorf("the content became %q", got)
	}
	for _, body := range []string{"", "<Tagging/>", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", "<TagSet/>"} {
		l.want(body, l.do(alice, "PUT", "/bucket/k?tagging", body), 400, "MalformedXML", "")
	}
	l.make(alice, "DELETE", "/bucket/k", "")
	l.want("a delete marker", l.do(alice, "GET", "/bucket/k?tagging", ""), 404, "NoSuchKey", "")
}
