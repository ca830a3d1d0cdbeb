package iam

import (
	"regexp"
	"strings"

	"github.com/fob-auth/fob/sts/local/query"
)

// Constraints that several operations share, by the names of the IAM service
// model.
var (
	// existingUserNameType, groupNameType, policyNameType
	userNameRules = []query.Rule{query.MinLen(1), query.MaxLen(128), query.Match(`[\w+=,.@-]+`)}
	nameRules     = userNameRules
	// userNameType, roleNameType
	shortNameRules = []query.Rule{query.MinLen(1), query.MaxLen(64), query.Match(`[\w+=,.@-]+`)}
	// virtualMFADeviceName
	deviceNameRules = []query.Rule{query.MinLen(1), query.Match(`[\w+=,.@-]+`)}
	// serialNumberType
	serialRules = []query.Rule{query.MinLen(9), query.MaxLen(256), query.Match(`[\w+=/:,.@-]+`)}
	// authenticationCodeType
	codeRules = []query.Rule{query.MinLen(6), query.MaxLen(6), query.Match(`[\d]+`)}
	// pathType
	pathRules = []query.Rule{query.MinLen(1), query.MaxLen(512),
		query.MatchAs(`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, `/|/[\x{21}-\x{7E}]+/`)}
	// pathPrefixType
	pathPrefixRules = []query.Rule{query.MinLen(1), query.MaxLen(512),
		query.MatchAs(`\u002F[\u0021-\u007F]*`, `/[\x{21}-\x{7F}]*`)}
	// policyPathType
	policyPathRules = []query.Rule{query.MinLen(1), query.MaxLen(512), query.Match(`((/[A-Za-z0-9\.,\+@=_-]+)*)/`)}
	// arnType
	arnRules = []query.Rule{query.MinLen(20), query.MaxLen(2048)}
	// policyDocumentType
	documentRules = []query.Rule{query.MinLen(1), query.MaxLen(131072),
		query.MatchAs(`[\u0009\u000A\u000D\u0020-\u00FF]+`, `[\x{09}\x{0A}\x{0D}\x{20}-\x{FF}]+`)}
	// policyDescriptionType
	policyDescriptionRules = []query.Rule{query.MaxLen(1000)}
	// roleDescriptionType
	roleDescriptionRules = []query.Rule{query.MaxLen(1000),
		query.MatchAs(`[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`, `[\x{09}\x{0A}\x{0D}\x{20}-\x{7E}\x{A1}-\x{FF}]*`)}
	// policyVersionIdType
	versionRules = []query.Rule{query.Match(`v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`)}
	// accessKeyIdType
	keyIDRules = []query.Rule{query.MinLen(16), query.MaxLen(128), query.Match(`[\w]+`)}
	// accountAliasType
	aliasRules = []query.Rule{query.MinLen(3), query.MaxLen(63), matchAlias}
	// tagKeyType, tagValueType
	tagKeyRules   = []query.Rule{query.MinLen(1), query.MaxLen(128), query.Match(`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)}
	tagValueRules = []query.Rule{query.MinLen(0), query.MaxLen(256), query.Match(`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`)}
	// ActionNameType, ResourceNameType, ContextKeyNameType
	actionRules     = []query.Rule{query.MinLen(3), query.MaxLen(128)}
	resourceRules   = []query.Rule{query.MinLen(1), query.MaxLen(2048)}
	contextKeyRules = []query.Rule{query.MinLen(5), query.MaxLen(256)}
)

// Bounds of MaxSessionDuration in seconds (roleMaxSessionDurationType), and
// what a role has that was made without it (IAM API reference, CreateRole).
const (
	minMaxSession     = 3600
	maxMaxSession     = 43200
	defaultMaxSession = 3600
)

var aliasCharacters = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]*[a-z0-9]\z`)

// matchAlias is accountAliasType's pattern, which looks ahead as Go's regular
// expressions don't.
func matchAlias(v string) string {
	if aliasCharacters.MatchString(v) && !strings.Contains(v, "--") {
		return ""
	}
	return `Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`
}
