package iam

import (
	"encoding/xml"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/query"
)

// absent are the calls that ask for what an account here has none of, and
// which administrators' tools make on their way: before a role or a user is
// deleted, and in audits. The sentences are from field reports.
func (s *Service) absent() map[string]access.Operation {
	all := map[string]access.Operation{
		"DeleteAccountPasswordPolicy": s.deletePasswordPolicy,
		"DeleteLoginProfile":          noLoginProfile("DeleteLoginProfile"),
		"GetAccountPasswordPolicy":    s.getPasswordPolicy,
		"GetInstanceProfile":          s.getInstanceProfile,
		"GetLoginProfile":             noLoginProfile("GetLoginProfile"),
		"UpdateLoginProfile":          noLoginProfile("UpdateLoginProfile"),
	}
	for _, l := range emptyLists {
		all[l.name] = l.answer
	}
	return all
}

// An emptyList is a call that lists nothing.
type emptyList struct {
	name    string
	element string
	about   subject
	pages   bool
}

// emptyLists are about resources as refusals of AWS's name them (field
// reports, but for SAML's, which is as OpenID's).
var emptyLists = []emptyList{
	{"ListInstanceProfiles", "InstanceProfiles", aboutPath("instance-profile"), true},
	{"ListInstanceProfilesForRole", "InstanceProfiles", aboutRole, true},
	{"ListOpenIDConnectProviders", "OpenIDConnectProviderList", aboutAll("oidc-provider"), false},
	{"ListSAMLProviders", "SAMLProviderList", aboutAll("saml-provider"), false},
	{"ListSSHPublicKeys", "SSHPublicKeys", aboutUser, true},
	{"ListServerCertificates", "ServerCertificateMetadataList", aboutPath("server-certificate"), true},
	{"ListServiceSpecificCredentials", "ServiceSpecificCredentials", aboutUserOrAll, true},
	{"ListSigningCertificates", "Certificates", aboutUser, true},
}

type emptyResult struct {
	List struct{ XMLName xml.Name }
	*page
}

func (l emptyList) answer(r *access.Request) (any, error) {
	var result emptyResult
	result.List.XMLName.Local = l.element
	if l.pages {
		readCursor(r.In)
		result.page = &page{}
	}
	if err := l.about(r, l.name); err != nil {
		return nil, err
	}
	return result, nil
}

// noLoginProfile is {Get,Update,Delete}LoginProfile of a user, who has no
// password here. A root user has one, of which nothing is known.
func noLoginProfile(name string) access.Operation {
	return func(r *access.Request) (any, error) {
		t, err := readTarget(r, name)
		switch {
		case err != nil:
			return nil, err
		case t.root:
			return nil, errNotServed(name)
		}
		return nil, query.NoSuchEntity("Login Profile for User %s cannot be found.", t.user.Name)
	}
}

func (s *Service) getPasswordPolicy(r *access.Request) (any, error) {
	if err := authorize(r, "GetAccountPasswordPolicy", "*"); err != nil {
		return nil, err
	}
	return nil, query.NoSuchEntity("The Password Policy with domain name %s cannot be found.", r.Caller.Account.ID)
}

func (s *Service) deletePasswordPolicy(r *access.Request) (any, error) {
	if err := authorize(r, "DeleteAccountPasswordPolicy", "*"); err != nil {
		return nil, err
	}
	return nil, query.NoSuchEntity("The account policy with name PasswordPolicy cannot be found.")
}

func (s *Service) getInstanceProfile(r *access.Request) (any, error) {
	if err := aboutNamed("instance-profile", "InstanceProfileName")(r, "GetInstanceProfile"); err != nil {
		return nil, err
	}
	return nil, query.NoSuchEntity("Instance Profile %s cannot be found.", r.In.String("InstanceProfileName"))
}
