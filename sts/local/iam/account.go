package iam

import (
	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/query"
)

func readAlias(r *access.Request, action string) (string, error) {
	alias := r.In.Required("AccountAlias", aliasRules...)
	if err := r.In.Err(); err != nil {
		return "", err
	}
	return alias, authorize(r, action, "*")
}

// createAccountAlias gives the account an alias in place of the one it had; no
// two accounts have the same.
func (s *Service) createAccountAlias(r *access.Request) (any, error) {
	alias, err := readAlias(r, "CreateAccountAlias")
	if err != nil {
		return nil, err
	}
	for _, a := range r.Tx.Accounts.All() {
		if a.Alias == alias {
			return nil, query.EntityAlreadyExists("The account alias %s already exists.", alias)
		}
	}
	setAlias(r, alias)
	return nil, nil
}

func setAlias(r *access.Request, alias string) {
	a, _ := r.Tx.Accounts.Get(r.Caller.Account.ID)
	a.Alias = alias
	r.Tx.Accounts.Put(a)
}

func (s *Service) deleteAccountAlias(r *access.Request) (any, error) {
	alias, err := readAlias(r, "DeleteAccountAlias")
	if err != nil {
		return nil, err
	}
	if a, _ := r.Tx.Accounts.Get(r.Caller.Account.ID); a.Alias != alias {
		return nil, query.NoSuchEntity("The account alias with name %s cannot be found.", alias)
	}
	setAlias(r, "")
	return nil, nil
}

type listAliasesResult struct {
	AccountAliases query.List[string]
	page
}

func (s *Service) listAccountAliases(r *access.Request) (any, error) {
	readCursor(r.In) // an account has one alias at most
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if err := authorize(r, "ListAccountAliases", "*"); err != nil {
		return nil, err
	}
	var result listAliasesResult
	if a, _ := r.Tx.Accounts.Get(r.Caller.Account.ID); a.Alias != "" {
		result.AccountAliases.Member = []string{a.Alias}
	}
	return result, nil
}

// An entry is one of an XML map.
type entry struct {
	Key   string `xml:"key"`
	Value int    `xml:"value"`
}

type getAccountSummaryResult struct {
	SummaryMap struct {
		Entry []entry `xml:"entry"`
	}
}

func (s *Service) getAccountSummary(r *access.Request) (any, error) {
	if err := authorize(r, "GetAccountSummary", "*"); err != nil {
		return nil, err
	}
	var result getAccountSummaryResult
	result.SummaryMap.Entry = append(counts(r), quotas...)
	return result, nil
}

// quotas are the summary's entries that are the same for all accounts.
var quotas = []entry{
	{"AccessKeysPerUserQuota", maxKeys},
	{"AssumeRolePolicySizeQuota", maxTrust},
	{"AttachedPoliciesPerGroupQuota", maxAttachedToGroup},
	{"AttachedPoliciesPerRoleQuota", maxAttachedToRole},
	{"AttachedPoliciesPerUserQuota", maxAttachedToUser},
	{"GlobalEndpointTokenVersion", 1},
	{"GroupPolicySizeQuota", maxGroupInline},
	{"GroupsPerUserQuota", maxGroupsOfUser},
	{"GroupsQuota", maxGroups},
	{"InstanceProfilesQuota", 1000},
	{"PoliciesQuota", maxPolicies},
	{"PolicySizeQuota", maxManaged},
	{"PolicyVersionsInUseQuota", 10000},
	{"RolePolicySizeQuota", maxRoleInline},
	{"RolesQuota", maxRoles},
	{"ServerCertificatesQuota", 20},
	{"SigningCertificatesPerUserQuota", 2},
	{"UserPolicySizeQuota", maxUserInline},
	{"UsersQuota", maxUsers},
	{"VersionsPerPolicyQuota", maxVersions},
}

// counts are the entries that count what the account has. What isn't served
// here is there none of.
func counts(r *access.Request) []entry {
	id := r.Caller.Account.ID
	inUse := 0
	for _, d := range r.Tx.DevicesOf(id) {
		if d.Owner != "" {
			inUse++
		}
	}
	u := usageOf(r)
	used := map[string]bool{}
	for _, arns := range []map[string]int{u.attached, u.boundary} {
		for arn := range arns {
			used[arn] = true
		}
	}
	return []entry{
		{"AccountAccessKeysPresent", atMostOne(len(r.Tx.KeysOwnedBy(id)))},
		{"AccountMFAEnabled", atMostOne(len(r.Tx.DevicesOwnedBy(id)))},
		{"AccountPasswordPresent", 1}, // every account's root user has one
		{"AccountSigningCertificatesPresent", 0},
		{"Groups", len(r.Tx.GroupsOf(id))},
		{"InstanceProfiles", 0},
		{"MFADevices", len(r.Tx.DevicesOf(id))},
		{"MFADevicesInUse", inUse},
		{"Policies", len(r.Tx.PoliciesOf(id))},
		{"PolicyVersionsInUse", len(used)},
		{"Providers", 0},
		{"Roles", len(r.Tx.RolesOf(id))},
		{"ServerCertificates", 0},
		{"Users", len(r.Tx.UsersOf(id))},
	}
}

func atMostOne(n int) int { return min(n, 1) }
