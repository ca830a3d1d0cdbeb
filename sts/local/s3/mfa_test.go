package s3_test

import (
	"strings"
	"testing"

	"github.com/fob-auth/fob/sts/local"
)

const (
	mfaRequired = "Mfa Authentication must be used for this request"
	mfaOwner    = "This operation may only be performed by the bucket owner"
	mfaSession  = "DevPay and Mfa are mutually exclusive authorization methods."
	mfaForm     = "Mfa header is invalid -- the header should be formatted as {serialNumber}(space){tokenCode}"
)

// mfaBucket has versions and MFA Delete since the world began.
var mfaBucket = strings.Replace(labWorld, "    users:\n", "    buckets: [{name: bucket, versioning: true, mfa_delete: true}]\n    users:\n", 1)

const versioningOn = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`

func versioning(status, mfa string) string {
	return `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>` + status + `</Status><MfaDelete>` + mfa + `</MfaDelete></VersioningConfiguration>`
}

// withMFA is a call that carries x-amz-mfa.
func withMFA(as keys, method, target, body, mfa string) call {
	return call{as: as, method: method, target: target, body: body, header: map[string]string{"X-Amz-Mfa": mfa}}
}

// TestMFADelete is the table of what AWS answers where MFA Delete is on.
func TestMFADelete(t *testing.T) {
	for _, c := range []struct {
		name          string
		call          func(l *lab, version string) call
		status        int
		code, message string
	}{
		{"delete a version, no header", func(_ *lab, v string) call {
			return call{as: root, method: "DELETE", target: "/bucket/k?versionId=" + v}
		}, 403, "AccessDenied", mfaRequired},
		{"delete a version, a user without header", func(_ *lab, v string) call {
			return call{as: alice, method: "DELETE", target: "/bucket/k?versionId=" + v}
		}, 403, "AccessDenied", mfaRequired},
		{"delete a version, a user with a good code of the root's", func(l *lab, v string) call {
			return withMFA(alice, "DELETE", "/bucket/k?versionId="+v, "", rootDevice+" "+l.Code(seed, 0))
		}, 403, "AccessDenied", mfaOwner},
		{"delete a version, a user with a good code of its own", func(l *lab, v string) call {
			return withMFA(alice, "DELETE", "/bucket/k?versionId="+v, "", "arn:aws:iam::111122223333:mfa/alice "+l.Code(other("alice"), 0))
		}, 403, "AccessDenied", mfaOwner},
		{"delete a version, an MFA session of a user, no header", func(l *lab, v string) call {
			s := l.session(alice, "arn:aws:iam::111122223333:mfa/alice", other("alice"), 0)
			return call{as: s, method: "DELETE", target: "/bucket/k?versionId=" + v}
		}, 403, "AccessDenied", mfaRequired},
		{"delete a version, an MFA session of the root user, with a code", func(l *lab, v string) call {
			s := l.session(root, rootDevice, seed, 0)
			return withMFA(s, "DELETE", "/bucket/k?versionId="+v, "", rootDevice+" "+l.Code(seed, 1))
		}, 400, "InvalidRequest", mfaSession},
		{"delete a version, no code", func(_ *lab, v string) call {
			return withMFA(root, "DELETE", "/bucket/k?versionId="+v, "", rootDevice)
		}, 400, "InvalidArgument", mfaForm},
		{"delete a version, five digits", func(_ *lab, v string) call {
			return withMFA(root, "DELETE", "/bucket/k?versionId="+v, "", rootDevice+" 12345")
		}, 400, "InvalidArgument", mfaForm},
		{"delete a version, letters", func(_ *lab, v string) call {
			return withMFA(root, "DELETE", "/bucket/k?versionId="+v, "", rootDevice+" 12345x")
		}, 400, "InvalidArgument", mfaForm},
		{"delete a version, out of the window", func(l *lab, v string) call {
			return withMFA(root, "DELETE", "/bucket/k?versionId="+v, "", rootDevice+" "+l.Code(seed, 3))
		}, 403, "AccessDenied", denied},
		{"delete a version, another device", func(l *lab, v string) call {
			return withMFA(root, "DELETE", "/bucket/k?versionId="+v, "", "arn:aws:iam::111122223333:mfa/alice "+l.Code(other("alice"), 0))
		}, 403, "AccessDenied", denied},
		{"delete a version, root with a good code", func(l *lab, v string) call {
			return withMFA(root, "DELETE", "/bucket/k?versionId="+v, "", rootDevice+" "+l.Code(seed, 0))
		}, 204, "", ""},
		{"a marker needs no code", func(*lab, string) call {
			return call{as: alice, method: "DELETE", target: "/bucket/k"}
		}, 204, "", ""},
		{"versioning, no header", func(*lab, string) call {
			return call{as: root, method: "PUT", target: "/bucket?versioning", body: versioning("Suspended", "Disabled")}
		}, 403, "AccessDenied", mfaRequired},
		{"versioning that says nothing of MFA, no header", func(*lab, string) call {
			return call{as: root, method: "PUT", target: "/bucket?versioning", body: versioningOn}
		}, 403, "AccessDenied", mfaRequired},
		{"versioning, a user with a good code", func(l *lab, _ string) call {
			return withMFA(alice, "PUT", "/bucket?versioning", versioning("Enabled", "Disabled"), rootDevice+" "+l.Code(seed, 0))
		}, 403, "AccessDenied", mfaOwner},
		{"versioning, root with a good code", func(l *lab, _ string) call {
			return withMFA(root, "PUT", "/bucket?versioning", versioning("Enabled", "Disabled"), rootDevice+" "+l.Code(seed, -2))
		}, 200, "", ""},
		{"the bucket by a user", func(*lab, string) call {
			return call{as: alice, method: "DELETE", target: "/bucket"}
		}, 403, "AccessDenied", denied},
		{"the bucket, full, by root", func(*lab, string) call {
			return call{as: root, method: "DELETE", target: "/bucket"}
		}, 409, "BucketNotEmpty", ""},
		{"the other account's root", func(l *lab, v string) call {
			return withMFA(longTerm("rootb"), "DELETE", "/bucket/k?versionId="+v, "", rootDevice+" "+l.Code(seed, 0))
		}, 403, "AccessDenied", denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLabIn(t, mfaBucket)
			version := l.make(alice, "PUT", "/bucket/k", "content").header.Get("X-Amz-Version-Id")
			l.want(c.name, l.send(c.call(l, version)), c.status, c.code, c.message)
			gone := l.do(alice, "GET", "/bucket/k?versionId="+version, "").status == 404
			if want := c.name == "delete a version, root with a good code"; gone != want {
				t.Errorf("the version is gone: %v", gone)
			}
		})
	}
}

// TestMFADeleteIsShown: GetBucketVersioning tells, and only where it is on.
func TestMFADeleteIsShown(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	shows := func(want bool, text string) {
		t.Helper()
		a := l.make(alice, "GET", "/bucket?versioning", "")
		if strings.Contains(a.body, text) != want {
			t.Errorf("%s in %s: want %v", text, a.body, want)
		}
	}
	shows(false, "Status")
	l.want("on by root without a code", l.do(root, "PUT", "/bucket?versioning", versioning("Enabled", "Enabled")), 403, "AccessDenied", mfaRequired)
	l.want("off, as it is", l.do(alice, "PUT", "/bucket?versioning", versioning("Enabled", "Disabled")), 200, "", "")
	shows(true, "<Status>Enabled</Status>")
	shows(false, "<MfaDelete>Enabled</MfaDelete>")
	l.must(withMFA(root, "PUT", "/bucket?versioning", versioning("Enabled", "Enabled"), rootDevice+" "+l.Code(seed, 0)))
	shows(true, "<MfaDelete>Enabled</MfaDelete>")
	l.want("the same code again", l.send(withMFA(root, "PUT", "/bucket?versioning", versioning("Enabled", "Disabled"), rootDevice+" "+l.Code(seed, 0))), 403, "AccessDenied", denied)
	l.must(withMFA(root, "PUT", "/bucket?versioning", versioning("Suspended", "Disabled"), rootDevice+" "+l.Code(seed, 1)))
	shows(false, "<MfaDelete>Enabled</MfaDelete>")
	l.want("an IAM user deletes it now", l.do(alice, "DELETE", "/bucket", ""), 204, "", "")
}

// TestMFADeleteOfMany: a version among the keys fails the whole call unless
// there is a good code.
func TestMFADeleteOfMany(t *testing.T) {
	l := newLabIn(t, mfaBucket)
	version := l.make(alice, "PUT", "/bucket/k", "content").header.Get("X-Amz-Version-Id")
	l.make(alice, "PUT", "/bucket/other", "content")
	both := `<Delete><Object><Key>other</Key></Object><Object><Key>k</Key><VersionId>` + version + `</VersionId></Object></Delete>`
	post := func(as keys, body, mfa string) answer {
		h := map[string]string{"Content-Md5": md5Of(body)}
		if mfa != "" {
			h["X-Amz-Mfa"] = mfa
		}
		return l.send(call{as: as, method: "POST", target: "/bucket?delete", body: body, header: h})
	}
	l.want("no header", post(root, both, ""), 403, "AccessDenied", mfaRequired)
	l.want("a bad code", post(root, both, rootDevice+" "+l.Code(seed, 3)), 403, "AccessDenied", denied)
	l.want("a user", post(alice, both, rootDevice+" "+l.Code(seed, 0)), 403, "AccessDenied", mfaOwner)
	for _, target := range []string{"/bucket/k", "/bucket/other"} {
		l.want("still there: "+target, l.do(alice, "GET", target, ""), 200, "", "")
	}
	l.want("markers alone", post(alice, `<Delete><Object><Key>other</Key></Object></Delete>`, ""), 200, "", "")
	a := post(root, both, rootDevice+" "+l.Code(seed, 0))
	l.want("a good code", a, 200, "", "")
	if !strings.Contains(a.body, "<VersionId>"+version+"</VersionId>") || strings.Contains(a.body, "<Error>") {
		t.Error(a.body)
	}
}

// TestOneUsedSet: STS and x-amz-mfa spend the same codes and the same budget,
// and a refused verification has been one.
func TestOneUsedSet(t *testing.T) {
	l := newLabIn(t, mfaBucket)
	remove := func(code string) answer {
		version := l.make(alice, "PUT", "/bucket/k", "content").header.Get("X-Amz-Version-Id")
		return l.send(withMFA(root, "DELETE", "/bucket/k?versionId="+version, "", rootDevice+" "+code))
	}
	l.session(root, rootDevice, seed, 0) // 1
	l.want("a code that bought a session", remove(l.Code(seed, 0)), 403, "AccessDenied", denied)
	if got := l.Last()["mfa_outcome"]; got != "replayed" {
		t.Errorf("the log says %v", got)
	}
	l.want("the next code", remove(l.Code(seed, 1)), 204, "", "")
	for range 6 { // 4 to 9
		l.want("a bad code", remove(l.Code(seed, 5)), 403, "AccessDenied", denied)
	}
	l.want("a good code beyond the budget", remove(l.Code(seed, 2)), 403, "AccessDenied", denied)
	if got := l.Last()["mfa_outcome"]; got != "exhausted" {
		t.Errorf("the log says %v", got)
	}
	l.Advance(3 * 60e9)
	l.want("in the next window", remove(l.Code(seed, 0)), 204, "", "")
}

// TestMFAHeaderGivesNoMFAContext: x-amz-mfa is no aws:MultiFactorAuthPresent.
func TestMFAHeaderGivesNoMFAContext(t *testing.T) {
	l := newLabIn(t, mfaBucket)
	l.make(root, "PUT", "/bucket?policy", policyFor("Deny", `"*"`, `"s3:DeleteObjectVersion"`, `"arn:aws:s3:::bucket/*"`,
		`{"Null":{"aws:MultiFactorAuthPresent":"true"}}`))
	version := l.make(alice, "PUT", "/bucket/k", "content").header.Get("X-Amz-Version-Id")
	l.want("with a good code", l.send(withMFA(root, "DELETE", "/bucket/k?versionId="+version, "", rootDevice+" "+l.Code(seed, 0))),
		403, "AccessDenied", denied)
	l.session(root, rootDevice, seed, 0) // policies came first: the code is unspent
}

// TestAFailureSpendsNothing: where the state can't be kept, the code is good
// still.
func TestAFailureSpendsNothing(t *testing.T) {
	j := &tornJournal{Journal: openJournal(t, t.TempDir())}
	l := newLabIn(t, mfaBucket, func(o *local.Options) { o.Journal, o.Objects = j, t.TempDir() })
	version := l.make(alice, "PUT", "/bucket/k", "content").header.Get("X-Amz-Version-Id")
	remove := withMFA(root, "DELETE", "/bucket/k?versionId="+version, "", rootDevice+" "+l.Code(seed, 0))
	j.fail.Store(true)
	l.want("on a full disk", l.send(remove), 500, "InternalError", "")
	j.fail.Store(false)
	l.want("it is still there", l.do(alice, "GET", "/bucket/k", ""), 200, "", "")
	l.want("the same code again", l.send(remove), 204, "", "")
}
