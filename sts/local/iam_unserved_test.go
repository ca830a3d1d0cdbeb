package local_test

import (
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// unservedWorld has somebody who may do nothing, somebody who may do nothing
// without MFA, and somebody who may do all.
const unservedWorld = `
accounts:
- id: "111122223333"
  users:
  - {name: bob, access_keys: [{id: AKIABOB0000000000000, secret: secret-of-bob}]}
  - name: carol
    access_keys: [{id: AKIACAROL00000000000, secret: secret-of-carol}]
    attached: ["arn:aws:iam::aws:policy/AdministratorAccess"]
    policies: [{name: guard, document: {Version: "2012-10-17", Statement: [{Effect: Deny, NotAction: "iam:ListMFADevices", Resource: "*", Condition: {BoolIfExists: {"aws:MultiFactorAuthPresent": "false"}}}]}}]
  - {name: admin, attached: ["arn:aws:iam::aws:policy/AdministratorAccess"], access_keys: [{id: AKIAADMIN00000000000, secret: secret-of-admin}]}
  roles:
  - {name: R, path: /p/, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole"}}}
`

// anyParameters are such as each call of IAM finds what it asks for.
var anyParameters = url.Values{
	"Version": {"2010-05-08"}, "UserName": {"bob"}, "GroupName": {"g"}, "RoleName": {"R"}, "PolicyName": {"p"}, "InstanceProfileName": {"i"},
	"PolicyArn": {"arn:aws:iam::111122223333:policy/p"}, "PolicyDocument": {allow("s3:*")}, "AssumeRolePolicyDocument": {trusting(`"*"`)}, "VersionId": {"v1"},
	"PolicySourceArn": {"arn:aws:iam::111122223333:user/bob"}, "PolicyInputList.member.1": {allow("s3:*")}, "ActionNames.member.1": {"s3:GetObject"},
	"AccessKeyId": {keyID("carol")}, "Status": {"Inactive"}, "AccountAlias": {"alias"}, "PermissionsBoundary": {"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	"VirtualMFADeviceName": {"d"}, "SerialNumber": {"arn:aws:iam::111122223333:mfa/d"}, "AuthenticationCode1": {"000000"}, "AuthenticationCode2": {"000000"},
	"ServerCertificateName": {"c"}, "OpenIDConnectProviderArn": {"arn:aws:iam::111122223333:oidc-provider/example.com"}, "Url": {"https://example.com/x"},
	"SAMLProviderArn": {"arn:aws:iam::111122223333:saml-provider/s"}, "Name": {"s"}, "DelegationRequestId": {"dr-1"}, "EntityPath": {"o-1/r-1"}, "Description": {"d"},
	"TemplateArn": {"arn:aws:iam::111122223333:role-template/t"},
	"EntityArn":   {"arn:aws:iam::111122223333:delegation-request/dr-1"}, "Arn": {"arn:aws:iam::111122223333:user/bob"}, "AWSServiceName": {"es.amazonaws.com"},
	"Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {"red"}, "TagKeys.member.1": {"team"},
}

// callsOfIAM are those of the SDK's client, and so of IAM's service model.
func callsOfIAM() []string {
	var names []string
	client := reflect.TypeFor[*iam.Client]()
	for i := range client.NumMethod() {
		if name := client.Method(i).Name; name != "Options" {
			names = append(names, name)
		}
	}
	return names
}

// anyCall makes a call of IAM with parameters for any.
func (l *lab) anyCall(name, who string) (status int, text string) {
	l.t.Helper()
	form := maps.Clone(anyParameters)
	form.Set("Action", name)
	resp, text := l.send("POST", "/", formType, form.Encode(), signing{keys: longTerm(who), service: "iam"})
	return resp.StatusCode, text
}

// TestEveryCallIsAuthorised: no call of IAM's is answered to those who may not
// call it, be it served or not; those who may are told by name what isn't.
func TestEveryCallIsAuthorised(t *testing.T) {
	l := newLab(t, unservedWorld)
	served := 0
	for _, name := range callsOfIAM() {
		if status, text := l.anyCall(name, "bob"); status != 403 || !strings.Contains(text, "not authorized to perform: iam:"+name+" on resource: ") {
			t.Errorf("bob: %s: %d %s", name, status, text)
		}
		if status, text := l.anyCall(name, "carol"); (status != 403 || !strings.Contains(text, "explicit deny")) && name != "ListMFADevices" {
			t.Errorf("carol without MFA: %s: %d %s", name, status, text)
		}
		switch status, text := l.anyCall(name, "admin"); {
		case status != 501:
			served++
		case !strings.Contains(text, "<Message>authorised; iam:"+name+" is not served here</Message>"):
			t.Errorf("admin: %s: %d %s", name, status, text)
		}
	}
	t.Logf("%d of %d calls are served", served, len(callsOfIAM()))
}

// TestResourcesOfUnservedCalls: a policy on the resource of such a call decides
// about it.
func TestResourcesOfUnservedCalls(t *testing.T) {
	l := newLab(t, unservedWorld)
	for name, resource := range map[string]string{
		"ChangePassword":                    "user bob",
		"UploadSSHPublicKey":                "user bob",
		"CreateInstanceProfile":             "arn:aws:iam::111122223333:instance-profile/i",
		"AddRoleToInstanceProfile":          "instance profile i",
		"ListInstanceProfiles":              "arn:aws:iam::111122223333:instance-profile/",
		"ListInstanceProfilesForRole":       "role R",
		"UploadServerCertificate":           "arn:aws:iam::111122223333:server-certificate/c",
		"CreateOpenIDConnectProvider":       "arn:aws:iam::111122223333:oidc-provider/example.com/x",
		"TagSAMLProvider":                   "arn:aws:iam::111122223333:saml-provider/s",
		"ListOpenIDConnectProviders":        "arn:aws:iam::111122223333:oidc-provider/*",
		"CreateServiceLinkedRole":           "arn:aws:iam::111122223333:role/aws-service-role/es.amazonaws.com/AWSServiceRoleFor",
		"GenerateOrganizationsAccessReport": "arn:aws:iam::111122223333:access-report/o-1/r-1",
		"UpdateAccountPasswordPolicy":       "*",
	} {
		if _, text := l.anyCall(name, "bob"); !strings.Contains(text, "not authorized to perform: iam:"+name+" on resource: "+resource+" because") {
			t.Errorf("%s: %s, want %s", name, text, resource)
		}
	}
	root := l.iam(longTerm("admin"))
	for name, policy := range map[string]string{
		"AddRoleToInstanceProfile": `"Resource":"arn:aws:iam::111122223333:instance-profile/i"`,
		"CreateLoginProfile":       `"Resource":"arn:aws:iam::*:user/${aws:username}"`,
		"DeleteServiceLinkedRole":  `"Resource":"arn:aws:iam::*:role/p/*"`,
		"CreateServiceLinkedRole":  `"Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"es.amazonaws.com"}}`,
		"TagInstanceProfile":       `"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}`,
		"UntagServerCertificate":   `"Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`,
	} {
		do(l, ok, root.PutUserPolicy, iam.PutUserPolicyInput{UserName: str("bob"), PolicyName: str("p"),
			PolicyDocument: str(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:` + name + `",` + policy + `}]}`)})
		if _, text := l.anyCall(name, "bob"); !strings.Contains(text, "authorised; iam:"+name+" is not served here") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestWhatNobodyHas: of passwords, certificates, providers and instance
// profiles there are none, and a role goes as the tools of administrators
// delete it.
func TestWhatNobodyHas(t *testing.T) {
	l := newLab(t, unservedWorld)
	c := l.iam(longTerm("admin"))
	bob := str("bob")
	if out := do(l, ok, c.ListInstanceProfiles, iam.ListInstanceProfilesInput{}); out.InstanceProfiles == nil || len(out.InstanceProfiles) > 0 || out.IsTruncated {
		t.Errorf("instance profiles %+v", out)
	}
	if out := do(l, ok, c.ListInstanceProfilesForRole, iam.ListInstanceProfilesForRoleInput{RoleName: str("R")}); out.InstanceProfiles == nil || len(out.InstanceProfiles) > 0 {
		t.Errorf("instance profiles of a role %+v", out)
	}
	do(l, noEntity("The role with name none cannot be found."), c.ListInstanceProfilesForRole, iam.ListInstanceProfilesForRoleInput{RoleName: str("none")})
	do(l, noEntity("Instance Profile i cannot be found."), c.GetInstanceProfile, iam.GetInstanceProfileInput{InstanceProfileName: str("i")})
	do(l, ok, c.DeleteRole, iam.DeleteRoleInput{RoleName: str("R")})

	if out := do(l, ok, c.ListSSHPublicKeys, iam.ListSSHPublicKeysInput{UserName: bob}); out.SSHPublicKeys == nil || len(out.SSHPublicKeys) > 0 {
		t.Errorf("SSH keys %+v", out)
	}
	if out := do(l, ok, c.ListSigningCertificates, iam.ListSigningCertificatesInput{}); out.Certificates == nil || len(out.Certificates) > 0 {
		t.Errorf("signing certificates %+v", out)
	}
	if out := do(l, ok, c.ListServiceSpecificCredentials, iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)}); out.ServiceSpecificCredentials == nil {
		t.Errorf("credentials for services %+v", out)
	}
	do(l, validation("1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"),
		c.ListServiceSpecificCredentials, iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true), MaxItems: aws.Int32(0)})
	if out := do(l, ok, c.ListServerCertificates, iam.ListServerCertificatesInput{}); out.ServerCertificateMetadataList == nil {
		t.Errorf("server certificates %+v", out)
	}
	if out := do(l, ok, c.ListOpenIDConnectProviders, iam.ListOpenIDConnectProvidersInput{}); out.OpenIDConnectProviderList == nil {
		t.Errorf("OpenID providers %+v", out)
	}
	if out := do(l, ok, c.ListSAMLProviders, iam.ListSAMLProvidersInput{}); out.SAMLProviderList == nil {
		t.Errorf("SAML providers %+v", out)
	}
	do(l, noEntity("The user with name none cannot be found."), c.ListSSHPublicKeys, iam.ListSSHPublicKeysInput{UserName: str("none")})
	do(l, noEntity("Login Profile for User bob cannot be found."), c.GetLoginProfile, iam.GetLoginProfileInput{UserName: bob})
	do(l, noEntity("Login Profile for User bob cannot be found."), c.DeleteLoginProfile, iam.DeleteLoginProfileInput{UserName: bob})
	do(l, noEntity("The Password Policy with domain name 111122223333 cannot be found."), c.GetAccountPasswordPolicy, iam.GetAccountPasswordPolicyInput{})
	do(l, noEntity("The account policy with name PasswordPolicy cannot be found."), c.DeleteAccountPasswordPolicy, iam.DeleteAccountPasswordPolicyInput{})
}
