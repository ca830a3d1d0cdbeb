package iam

import (
	"net/http"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/query"
)

// notServed is a call that is authorised like any other, and then refused by
// name.
func notServed(name string, about subject) access.Operation {
	return func(r *access.Request) (any, error) {
		if err := about(r, name); err != nil {
			return nil, err
		}
		return nil, errNotServed(name)
	}
}

func errNotServed(name string) *query.Error {
	return query.Errorf(http.StatusNotImplemented, "NotImplemented", "authorised; iam:%s is not served here", name)
}

// unserved are the calls of IAM's service model (2010-05-08) that have no part
// in what the local AWS is for, by what they are about.
var unserved = []struct {
	about subject
	names []string
}{
	{aboutUser, []string{
		"ChangePassword",
		"CreateLoginProfile",
		"CreateServiceSpecificCredential",
		"DeleteSSHPublicKey",
		"DeleteServiceSpecificCredential",
		"DeleteSigningCertificate",
		"GetSSHPublicKey",
		"ResetServiceSpecificCredential",
		"UpdateSSHPublicKey",
		"UpdateServiceSpecificCredential",
		"UpdateSigningCertificate",
		"UploadSSHPublicKey",
		"UploadSigningCertificate",
	}},
	{aboutRole, []string{"DeleteServiceLinkedRole"}},
	{aboutServiceRole, []string{"CreateServiceLinkedRole"}},
	{aboutNew("instance-profile", "InstanceProfileName"), []string{"CreateInstanceProfile"}},
	{aboutNamed("instance-profile", "InstanceProfileName"), []string{
		"AddRoleToInstanceProfile",
		"DeleteInstanceProfile",
		"ListInstanceProfileTags",
		"RemoveRoleFromInstanceProfile",
		"TagInstanceProfile",
		"UntagInstanceProfile",
	}},
	{aboutNew("server-certificate", "ServerCertificateName"), []string{"UploadServerCertificate"}},
	{aboutNamed("server-certificate", "ServerCertificateName"), []string{
		"DeleteServerCertificate",
		"GetServerCertificate",
		"ListServerCertificateTags",
		"TagServerCertificate",
		"UntagServerCertificate",
		"UpdateServerCertificate",
	}},
	{aboutNew("oidc-provider", "Url"), []string{"CreateOpenIDConnectProvider"}},
	{aboutARN("OpenIDConnectProviderArn"), []string{
		"AddClientIDToOpenIDConnectProvider",
		"DeleteOpenIDConnectProvider",
		"GetOpenIDConnectProvider",
		"ListOpenIDConnectProviderTags",
		"RemoveClientIDFromOpenIDConnectProvider",
		"TagOpenIDConnectProvider",
		"UntagOpenIDConnectProvider",
		"UpdateOpenIDConnectProviderThumbprint",
	}},
	{aboutNew("saml-provider", "Name"), []string{"CreateSAMLProvider"}},
	{aboutARN("SAMLProviderArn"), []string{
		"DeleteSAMLProvider",
		"GetSAMLProvider",
		"ListSAMLProviderTags",
		"TagSAMLProvider",
		"UntagSAMLProvider",
		"UpdateSAMLProvider",
	}},
	{aboutNamed("delegation-request", "DelegationRequestId"), []string{
		"AcceptDelegationRequest",
		"AssociateDelegationRequest",
		"GetDelegationRequest",
		"RejectDelegationRequest",
		"SendDelegationToken",
		"UpdateDelegationRequest",
	}},
	{aboutARN("TemplateArn"), []string{"AcquireRole", "GetRoleTemplateVersion"}},
	{aboutARN("EntityArn"), []string{"GetHumanReadableSummary"}},
	{aboutARN("Arn"), []string{"GenerateServiceLastAccessedDetails", "ListPoliciesGrantingServiceAccess"}},
	{aboutNew("access-report", "EntityPath"), []string{"GenerateOrganizationsAccessReport"}},
	{aboutNothing, []string{
		"CreateDelegationRequest",
		"DisableOrganizationsRootCredentialsManagement",
		"DisableOrganizationsRootSessions",
		"DisableOutboundWebIdentityFederation",
		"EnableOrganizationsRootCredentialsManagement",
		"EnableOrganizationsRootSessions",
		"EnableOutboundWebIdentityFederation",
		"GetAccountProperties",
		"GetOrganizationsAccessReport",
		"GetOutboundWebIdentityFederationInfo",
		"GetServiceLastAccessedDetails",
		"GetServiceLastAccessedDetailsWithEntities",
		"GetServiceLinkedRoleDeletionStatus",
		"ListDelegationRequests",
		"ListOrganizationsFeatures",
		"PutAccountProperties",
		"SetSecurityTokenServicePreferences",
		"UpdateAccountPasswordPolicy",
	}},
}
