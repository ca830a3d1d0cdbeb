package iam

import (
	"maps"

	"github.com/fob-auth/fob/sts/local/access"
)

// Operations are all calls of IAM by name. Those that aren't served refuse by
// name, once they are authorised.
func (s *Service) Operations() map[string]access.Operation {
	all := map[string]access.Operation{}
	for _, some := range unserved {
		for _, name := range some.names {
			all[name] = notServed(name, some.about)
		}
	}
	for _, some := range []map[string]access.Operation{s.identities(), s.policies(), s.devices(), s.reports(), s.absent()} {
		maps.Copy(all, some)
	}
	for _, k := range []kind{user, group, role} {
		of := k.title()
		all["Attach"+of+"Policy"] = attachPolicy(k)
		all["Detach"+of+"Policy"] = detachPolicy(k)
		all["ListAttached"+of+"Policies"] = listAttachedPolicies(k)
		all["Put"+of+"Policy"] = putPolicy(k)
		all["Get"+of+"Policy"] = getInlinePolicy(k)
		all["Delete"+of+"Policy"] = deleteInlinePolicy(k)
		all["List"+of+"Policies"] = listInlinePolicies(k)
		if k != group {
			all["Put"+of+"PermissionsBoundary"] = putBoundary(k)
			all["Delete"+of+"PermissionsBoundary"] = deleteBoundary(k)
		}
	}
	for _, k := range taggables {
		all["Tag"+k.noun] = k.tag
		all["Untag"+k.noun] = k.untag
		all["List"+k.noun+"Tags"] = k.list
	}
	return all
}

func (s *Service) identities() map[string]access.Operation {
	return map[string]access.Operation{
		"AddUserToGroup":         s.addUserToGroup,
		"CreateAccessKey":        s.createAccessKey,
		"CreateGroup":            s.createGroup,
		"CreateRole":             s.createRole,
		"CreateUser":             s.createUser,
		"DeleteAccessKey":        s.deleteAccessKey,
		"DeleteGroup":            s.deleteGroup,
		"DeleteRole":             s.deleteRole,
		"DeleteUser":             s.deleteUser,
		"GetAccessKeyLastUsed":   s.getAccessKeyLastUsed,
		"GetGroup":               s.getGroup,
		"GetRole":                s.getRole,
		"GetUser":                s.getUser,
		"ListAccessKeys":         s.listAccessKeys,
		"ListGroups":             s.listGroups,
		"ListGroupsForUser":      s.listGroupsForUser,
		"ListRoles":              s.listRoles,
		"ListUsers":              s.listUsers,
		"RemoveUserFromGroup":    s.removeUserFromGroup,
		"UpdateAccessKey":        s.updateAccessKey,
		"UpdateAssumeRolePolicy": s.updateAssumeRolePolicy,
		"UpdateGroup":            s.updateGroup,
		"UpdateRole":             s.updateRole,
		"UpdateRoleDescription":  s.updateRoleDescription,
		"UpdateUser":             s.updateUser,
	}
}

func (s *Service) policies() map[string]access.Operation {
	return map[string]access.Operation{
		"CreatePolicy":            s.createPolicy,
		"CreatePolicyVersion":     s.createPolicyVersion,
		"DeletePolicy":            s.deletePolicy,
		"DeletePolicyVersion":     s.deletePolicyVersion,
		"GetPolicy":               s.getPolicy,
		"GetPolicyVersion":        s.getPolicyVersion,
		"ListEntitiesForPolicy":   s.listEntitiesForPolicy,
		"ListPolicies":            s.listPolicies,
		"ListPolicyVersions":      s.listPolicyVersions,
		"SetDefaultPolicyVersion": s.setDefaultPolicyVersion,
	}
}

func (s *Service) devices() map[string]access.Operation {
	return map[string]access.Operation{
		"CreateVirtualMFADevice": s.createVirtualMFADevice,
		"DeactivateMFADevice":    s.deactivateMFADevice,
		"DeleteVirtualMFADevice": s.deleteVirtualMFADevice,
		"EnableMFADevice":        s.enableMFADevice,
		"GetMFADevice":           s.getMFADevice,
		"ListMFADevices":         s.listMFADevices,
		"ListVirtualMFADevices":  s.listVirtualMFADevices,
		"ResyncMFADevice":        s.resyncMFADevice,
	}
}

func (s *Service) reports() map[string]access.Operation {
	return map[string]access.Operation{
		"CreateAccountAlias":               s.createAccountAlias,
		"DeleteAccountAlias":               s.deleteAccountAlias,
		"GenerateCredentialReport":         s.generateCredentialReport,
		"GetAccountAuthorizationDetails":   s.getAccountAuthorizationDetails,
		"GetAccountSummary":                s.getAccountSummary,
		"GetContextKeysForCustomPolicy":    s.getContextKeysForCustomPolicy,
		"GetContextKeysForPrincipalPolicy": s.getContextKeysForPrincipalPolicy,
		"GetCredentialReport":              s.getCredentialReport,
		"ListAccountAliases":               s.listAccountAliases,
		"SimulateCustomPolicy":             s.simulateCustomPolicy,
		"SimulatePrincipalPolicy":          s.simulatePrincipalPolicy,
	}
}
