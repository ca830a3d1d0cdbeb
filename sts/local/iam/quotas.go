package iam

import (
	"net/http"

	"github.com/fob-auth/fob/sts/local/query"
)

// Quotas (IAM User Guide, "IAM and AWS STS quotas": the defaults; 20 policies
// on a role were observed). Sizes are in characters that aren't white space.
const (
	maxUsers          = 5000
	maxGroups         = 300
	maxRoles          = 1000
	maxPolicies       = 1500
	maxVirtualDevices = 5000 // as many as users
	maxKeys           = 2    // of a user, or of the root user
	maxGroupsOfUser   = 10
	maxTags           = 50
	maxVersions       = 5

	maxAttachedToUser  = 10
	maxAttachedToGroup = 10
	maxAttachedToRole  = 20

	maxUserInline  = 2048
	maxGroupInline = 5120
	maxRoleInline  = 10240
	maxTrust       = 2048
	maxManaged     = 6144
)

// limitExceeded is IAM's refusal of more than a quota.
func limitExceeded(quota string, n int) *query.Error {
	return query.Errorf(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for %s: %d", quota, n)
}

// invalidInput is IAM's 400 for what no constraint of the model forbids.
func invalidInput(format string, args ...any) *query.Error {
	return query.Errorf(http.StatusBadRequest, "InvalidInput", format, args...)
}

// deleteConflict is IAM's 409 for what still has something.
func deleteConflict(format string, args ...any) *query.Error {
	return query.Errorf(http.StatusConflict, "DeleteConflict", format, args...)
}
