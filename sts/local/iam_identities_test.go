package local_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

var str = aws.String

// TestUsers is the life of a user, from an account with nothing but root keys.
func TestUsers(t *testing.T) {
	l, c := newEmptyLab(t)
	made := do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("Carol"), Path: str("/team/"), Tags: []types.Tag{{Key: str("cost"), Value: str("42")}}})
	if u := made.User; *u.Arn != "arn:aws:iam::111122223333:user/team/Carol" || !strings.HasPrefix(*u.UserId, "AIDA") || len(*u.UserId) != 21 ||
		*u.Path != "/team/" || !u.CreateDate.Equal(start) || len(u.Tags) != 1 || *u.Tags[0].Value != "42" {
		t.Errorf("made %+v", u)
	}
	do(l, taken("User with name cArOL already exists."), c.CreateUser, iam.CreateUserInput{UserName: str("cArOL")})
	do(l, validation("2 validation errors detected: Value 'no/slashes' at 'path' failed to satisfy constraint: "+
		`Member must satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F); `+
		"Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"),
		c.CreateUser, iam.CreateUserInput{UserName: str("a b"), Path: str("no/slashes")})
	do(l, validation("1 validation error detected: Value '"+strings.Repeat("n", 65)+"' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"),
		c.CreateUser, iam.CreateUserInput{UserName: str(strings.Repeat("n", 65))})
	got := do(l, ok, c.GetUser, iam.GetUserInput{UserName: str("carol")})
	if *got.User.UserName != "Carol" || len(got.User.Tags) != 1 {
		t.Errorf("got %+v", got.User)
	}
	do(l, noEntity("The user with name nobody cannot be found."), c.GetUser, iam.GetUserInput{UserName: str("nobody")})

	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("dave")})
	do(l, taken("User with name DAVE already exists."), c.UpdateUser, iam.UpdateUserInput{UserName: str("carol"), NewUserName: str("DAVE")})
	do(l, noEntity("The user with name nobody cannot be found."), c.UpdateUser, iam.UpdateUserInput{UserName: str("nobody")})
	do(l, ok, c.UpdateUser, iam.UpdateUserInput{UserName: str("carol"), NewUserName: str("caroline"), NewPath: str("/ops/")})
	got = do(l, ok, c.GetUser, iam.GetUserInput{UserName: str("caroline")})
	if *got.User.Arn != "arn:aws:iam::111122223333:user/ops/caroline" || *got.User.UserId != *made.User.UserId {
		t.Errorf("renamed %+v", got.User)
	}
	if all := do(l, ok, c.ListUsers, iam.ListUsersInput{PathPrefix: str("/ops/")}); len(all.Users) != 1 || all.Users[0].Tags != nil {
		t.Errorf("under /ops/ there are %v", all.Users)
	}

	root := do(l, ok, c.GetUser, iam.GetUserInput{})
	if *root.User.Arn != "arn:aws:iam::111122223333:root" || root.User.UserName != nil {
		t.Errorf("root is %+v", root.User)
	}
}

// TestDeleteUser holds what keeps a user from being deleted, in AWS's words.
func TestDeleteUser(t *testing.T) {
	l, c := newEmptyLab(t)
	name := str("carol")
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: name})
	do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: str("g")})
	do(l, ok, c.AddUserToGroup, iam.AddUserToGroupInput{UserName: name, GroupName: str("g")})
	do(l, ok, c.PutUserPolicy, iam.PutUserPolicyInput{UserName: name, PolicyName: str("p"), PolicyDocument: str(allow("s3:*"))})
	readOnly := str("arn:aws:iam::aws:policy/ReadOnlyAccess")
	do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: name, PolicyArn: readOnly})
	key := do(l, ok, c.CreateAccessKey, iam.CreateAccessKeyInput{UserName: name})
	serial, _ := l.enable(longTerm("roota"), "phone", "carol")

	del := iam.DeleteUserInput{UserName: name}
	do(l, conflict("Cannot delete entity, must detach all policies first."), c.DeleteUser, del)
	do(l, ok, c.DetachUserPolicy, iam.DetachUserPolicyInput{UserName: name, PolicyArn: readOnly})
	do(l, conflict("Cannot delete entity, must delete policies first."), c.DeleteUser, del)
	do(l, ok, c.DeleteUserPolicy, iam.DeleteUserPolicyInput{UserName: name, PolicyName: str("p")})
	do(l, conflict("Cannot delete entity, must remove users from group first."), c.DeleteUser, del)
	do(l, ok, c.RemoveUserFromGroup, iam.RemoveUserFromGroupInput{UserName: name, GroupName: str("g")})
	do(l, conflict("Cannot delete entity, must delete access keys first."), c.DeleteUser, del)
	do(l, ok, c.DeleteAccessKey, iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: key.AccessKey.AccessKeyId})
	do(l, conflict("Cannot delete entity, must remove tokens from principal first."), c.DeleteUser, del)
	do(l, ok, c.DeactivateMFADevice, iam.DeactivateMFADeviceInput{UserName: name, SerialNumber: &serial})
	do(l, ok, c.DeleteUser, del)
	do(l, noEntity("The user with name carol cannot be found."), c.DeleteUser, del)
}

// TestAccessKeys: two of a user, which can be switched off, and the root
// user's.
func TestAccessKeys(t *testing.T) {
	l, c := newEmptyLab(t)
	name := str("carol")
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: name})
	do(l, ok, c.PutUserPolicy, iam.PutUserPolicyInput{UserName: name, PolicyName: str("p"), PolicyDocument: str(allow("iam:*"))})
	made := do(l, ok, c.CreateAccessKey, iam.CreateAccessKeyInput{UserName: name}).AccessKey
	if len(*made.AccessKeyId) != 20 || !strings.HasPrefix(*made.AccessKeyId, "AKIA") || len(*made.SecretAccessKey) != 40 || made.Status != types.StatusTypeActive {
		t.Errorf("made %+v", made)
	}
	mine := keys{id: *made.AccessKeyId, secret: *made.SecretAccessKey}
	carol := l.iam(mine)
	never := do(l, ok, c.GetAccessKeyLastUsed, iam.GetAccessKeyLastUsedInput{AccessKeyId: made.AccessKeyId})
	if u := never.AccessKeyLastUsed; u.LastUsedDate != nil || *u.Region != "N/A" || *u.ServiceName != "N/A" || *never.UserName != "carol" {
		t.Errorf("never used: %+v", u)
	}
	second := do(l, ok, carol.CreateAccessKey, iam.CreateAccessKeyInput{}).AccessKey
	do(l, beyond("Cannot exceed quota for AccessKeysPerUser: 2"), c.CreateAccessKey, iam.CreateAccessKeyInput{UserName: name})
	if list := do(l, ok, carol.ListAccessKeys, iam.ListAccessKeysInput{}); len(list.AccessKeyMetadata) != 2 {
		t.Errorf("listed %v", list.AccessKeyMetadata)
	}
	l.Advance(14 * time.Minute)
	used := do(l, ok, carol.GetAccessKeyLastUsed, iam.GetAccessKeyLastUsedInput{AccessKeyId: made.AccessKeyId}).AccessKeyLastUsed
	if !used.LastUsedDate.Equal(start) || *used.Region != "eu-west-1" || *used.ServiceName != "iam" {
		t.Errorf("used %+v", used)
	}
	l.Advance(time.Minute)
	used = do(l, ok, carol.GetAccessKeyLastUsed, iam.GetAccessKeyLastUsedInput{AccessKeyId: made.AccessKeyId}).AccessKeyLastUsed
	if !used.LastUsedDate.Equal(start.Add(15 * time.Minute)) {
		t.Errorf("used again %v", used.LastUsedDate)
	}

	do(l, invalid("The status of an access key can be set to Active or Inactive only."), c.UpdateAccessKey,
		iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: second.AccessKeyId, Status: "Expired"})
	do(l, ok, c.UpdateAccessKey, iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: made.AccessKeyId, Status: types.StatusTypeInactive})
	do(l, verdict{403, "InvalidClientTokenId", "The security token included in the request is invalid"}, carol.GetUser, iam.GetUserInput{})
	do(l, ok, c.UpdateAccessKey, iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: made.AccessKeyId, Status: types.StatusTypeActive})
	do(l, ok, carol.GetUser, iam.GetUserInput{})
	missing := noEntity("The Access Key with id AKIANOBODY0000000000 cannot be found.")
	do(l, missing, c.DeleteAccessKey, iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: str("AKIANOBODY0000000000")})
	do(l, missing, c.GetAccessKeyLastUsed, iam.GetAccessKeyLastUsedInput{AccessKeyId: str("AKIANOBODY0000000000")})
	do(l, noEntity("The Access Key with id "+*made.AccessKeyId+" cannot be found."), c.DeleteAccessKey, iam.DeleteAccessKeyInput{AccessKeyId: made.AccessKeyId})
	do(l, ok, c.DeleteAccessKey, iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: made.AccessKeyId})
	do(l, verdict{403, "InvalidClientTokenId", "The security token included in the request is invalid"}, carol.GetUser, iam.GetUserInput{})

	own := do(l, ok, c.CreateAccessKey, iam.CreateAccessKeyInput{}).AccessKey
	if own.UserName != nil {
		t.Errorf("root's key is %v's", *own.UserName)
	}
	do(l, beyond("Cannot exceed quota for AccessKeysPerUser: 2"), c.CreateAccessKey, iam.CreateAccessKeyInput{})
	do(l, ok, l.iam(keys{id: *own.AccessKeyId, secret: *own.SecretAccessKey}).DeleteAccessKey, iam.DeleteAccessKeyInput{AccessKeyId: own.AccessKeyId})
}

// TestGroups is the life of a group and of its memberships.
func TestGroups(t *testing.T) {
	l, c := newEmptyLab(t)
	made := do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: str("EC2-Admins"), Path: str("/a/")}).Group
	if *made.Arn != "arn:aws:iam::111122223333:group/a/EC2-Admins" || !strings.HasPrefix(*made.GroupId, "AGPA") {
		t.Errorf("made %+v", made)
	}
	do(l, taken("Group with name ec2-admins already exists."), c.CreateGroup, iam.CreateGroupInput{GroupName: str("ec2-admins")})
	do(l, noEntity("The group with name nobody cannot be found."), c.GetGroup, iam.GetGroupInput{GroupName: str("nobody")})
	do(l, noEntity("The user with name carol cannot be found."), c.AddUserToGroup, iam.AddUserToGroupInput{GroupName: str("EC2-Admins"), UserName: str("carol")})
	for _, name := range []string{"carol", "dave", "erin"} {
		do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: &name})
		do(l, ok, c.AddUserToGroup, iam.AddUserToGroupInput{GroupName: str("EC2-Admins"), UserName: &name})
	}
	do(l, ok, c.AddUserToGroup, iam.AddUserToGroupInput{GroupName: str("EC2-Admins"), UserName: str("carol")})
	page := do(l, ok, c.GetGroup, iam.GetGroupInput{GroupName: str("EC2-Admins"), MaxItems: aws.Int32(2)})
	rest := do(l, ok, c.GetGroup, iam.GetGroupInput{GroupName: str("EC2-Admins"), Marker: page.Marker})
	if len(page.Users) != 2 || !page.IsTruncated || len(rest.Users) != 1 || *rest.Users[0].UserName != "erin" || rest.IsTruncated {
		t.Errorf("pages %v and %v", page, rest)
	}
	do(l, ok, c.UpdateGroup, iam.UpdateGroupInput{GroupName: str("EC2-Admins"), NewGroupName: str("Admins")})
	if of := do(l, ok, c.ListGroupsForUser, iam.ListGroupsForUserInput{UserName: str("carol")}); len(of.Groups) != 1 || *of.Groups[0].GroupName != "Admins" {
		t.Errorf("carol is in %v", of.Groups)
	}
	do(l, conflict("Cannot delete entity, must remove users from group first."), c.DeleteGroup, iam.DeleteGroupInput{GroupName: str("Admins")})
	for _, name := range []string{"carol", "dave", "erin", "erin"} {
		do(l, ok, c.RemoveUserFromGroup, iam.RemoveUserFromGroupInput{GroupName: str("Admins"), UserName: &name})
	}
	do(l, ok, c.PutGroupPolicy, iam.PutGroupPolicyInput{GroupName: str("Admins"), PolicyName: str("p"), PolicyDocument: str(allow("ec2:*"))})
	do(l, conflict("Cannot delete entity, must delete policies first."), c.DeleteGroup, iam.DeleteGroupInput{GroupName: str("Admins")})
	do(l, ok, c.DeleteGroupPolicy, iam.DeleteGroupPolicyInput{GroupName: str("Admins"), PolicyName: str("p")})
	do(l, ok, c.DeleteGroup, iam.DeleteGroupInput{GroupName: str("Admins")})
	if all := do(l, ok, c.ListGroups, iam.ListGroupsInput{}); len(all.Groups) != 0 {
		t.Errorf("left: %v", all.Groups)
	}
	for i := range 11 {
		name, want := fmt.Sprintf("g%d", i), ok
		if i == 10 {
			want = beyond("Cannot exceed quota for GroupsPerUser: 10")
		}
		do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: &name})
		do(l, want, c.AddUserToGroup, iam.AddUserToGroupInput{GroupName: &name, UserName: str("carol")})
	}
}

// TestRoles is the life of a role, with the bounds of its sessions.
func TestRoles(t *testing.T) {
	l, c := newEmptyLab(t)
	trust := trusting(`{"AWS":"444455556666"}`)
	create := iam.CreateRoleInput{RoleName: str("R"), Path: str("/p/"), AssumeRolePolicyDocument: &trust, Description: str("why"),
		Tags: []types.Tag{{Key: str("k"), Value: str("v")}}}
	made := do(l, ok, c.CreateRole, create).Role
	if *made.Arn != "arn:aws:iam::111122223333:role/p/R" || !strings.HasPrefix(*made.RoleId, "AROA") || *made.MaxSessionDuration != 3600 || len(made.Tags) != 1 {
		t.Errorf("made %+v", made)
	}
	if want := trusting(`{"AWS":"arn:aws:iam::444455556666:root"}`); decoded(t, made.AssumeRolePolicyDocument) != want {
		t.Errorf("trust is %s", decoded(t, made.AssumeRolePolicyDocument))
	}
	do(l, taken("Role with name R already exists."), c.CreateRole, create)
	for seconds, message := range map[int32]string{
		3599:  "Value '3599' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600",
		43201: "Value '43201' at 'maxSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 43200",
	} {
		want := validation("1 validation error detected: " + message)
		do(l, want, c.CreateRole, iam.CreateRoleInput{RoleName: str("S"), AssumeRolePolicyDocument: &trust, MaxSessionDuration: &seconds})
		do(l, want, c.UpdateRole, iam.UpdateRoleInput{RoleName: str("R"), MaxSessionDuration: &seconds})
	}
	do(l, ok, c.UpdateRole, iam.UpdateRoleInput{RoleName: str("R"), MaxSessionDuration: aws.Int32(7200)})
	do(l, ok, c.UpdateRole, iam.UpdateRoleInput{RoleName: str("R"), Description: str("")})
	got := do(l, ok, c.GetRole, iam.GetRoleInput{RoleName: str("r")}).Role
	if *got.MaxSessionDuration != 7200 || got.Description != nil || got.RoleLastUsed == nil || got.RoleLastUsed.LastUsedDate != nil {
		t.Errorf("updated %+v", got)
	}
	if again := do(l, ok, c.UpdateRoleDescription, iam.UpdateRoleDescriptionInput{RoleName: str("R"), Description: str("again")}).Role; *again.Description != "again" {
		t.Errorf("described %+v", again)
	}
	for document, message := range map[string]string{
		`{`: "This policy contains invalid Json",
		trusting(`{"AWS":"arn:aws:iam::111122223333:user/nobody"}`): `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/nobody"`,
		trusting(`{"AWS":"AIDANOBODY00000000000"}`):                 `Invalid principal in policy: "AWS":"AIDANOBODY00000000000"`,
		trusting(`{"AWS":"arn:aws-cn:iam::111122223333:root"}`):     `Invalid principal in policy: "AWS":"arn:aws-cn:iam::111122223333:root"`,
		allow("sts:AssumeRole"):                                     "Missing required field Principal",
	} {
		do(l, malformed(message), c.UpdateAssumeRolePolicy, iam.UpdateAssumeRolePolicyInput{RoleName: str("R"), PolicyDocument: &document})
	}
	long := strings.Replace(trust, "sts:AssumeRole", "sts:AssumeRole"+strings.Repeat("?", 2048), 1)
	do(l, beyond("Cannot exceed quota for ACLSizePerRole: 2048"), c.UpdateAssumeRolePolicy, iam.UpdateAssumeRolePolicyInput{RoleName: str("R"), PolicyDocument: &long})
	if all := do(l, ok, c.ListRoles, iam.ListRolesInput{PathPrefix: str("/p")}).Roles; len(all) != 1 || all[0].Tags != nil || all[0].RoleLastUsed != nil {
		t.Errorf("listed %v", all)
	}
	do(l, ok, c.AttachRolePolicy, iam.AttachRolePolicyInput{RoleName: str("R"), PolicyArn: str("arn:aws:iam::aws:policy/AmazonS3FullAccess")})
	do(l, conflict("Cannot delete entity, must detach all policies first."), c.DeleteRole, iam.DeleteRoleInput{RoleName: str("R")})
	do(l, ok, c.DetachRolePolicy, iam.DetachRolePolicyInput{RoleName: str("R"), PolicyArn: str("arn:aws:iam::aws:policy/AmazonS3FullAccess")})
	do(l, ok, c.DeleteRole, iam.DeleteRoleInput{RoleName: str("R")})
	do(l, noEntity("The role with name R cannot be found."), c.DeleteRole, iam.DeleteRoleInput{RoleName: str("R")})
}

// TestTags: of users, roles, policies and devices, with keys that fold for the
// first two.
func TestTags(t *testing.T) {
	l, c := newEmptyLab(t)
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("carol")})
	do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("R"), AssumeRolePolicyDocument: str(trusting(`{"AWS":"111122223333"}`))})
	arn := do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("P"), PolicyDocument: str(allow("s3:*"))}).Policy.Arn
	serial := do(l, ok, c.CreateVirtualMFADevice, iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: str("phone")}).VirtualMFADevice.SerialNumber
	first := []types.Tag{{Key: str("b"), Value: str("1")}, {Key: str("a"), Value: str("2")}}
	second := []types.Tag{{Key: str("B"), Value: str("")}}
	for _, tags := range [][]types.Tag{first, second} {
		do(l, ok, c.TagUser, iam.TagUserInput{UserName: str("carol"), Tags: tags})
		do(l, ok, c.TagRole, iam.TagRoleInput{RoleName: str("R"), Tags: tags})
		do(l, ok, c.TagPolicy, iam.TagPolicyInput{PolicyArn: arn, Tags: tags})
		do(l, ok, c.TagMFADevice, iam.TagMFADeviceInput{SerialNumber: serial, Tags: tags})
	}
	text := func(tags []types.Tag) (s string) {
		for _, tag := range tags {
			s += *tag.Key + "=" + *tag.Value + " "
		}
		return s
	}
	for _, c := range []struct {
		of, want string
		tags     []types.Tag
	}{
		{"user", "B= a=2 ", do(l, ok, c.ListUserTags, iam.ListUserTagsInput{UserName: str("carol")}).Tags},
		{"role", "B= a=2 ", do(l, ok, c.ListRoleTags, iam.ListRoleTagsInput{RoleName: str("R")}).Tags},
		{"policy", "B= a=2 b=1 ", do(l, ok, c.ListPolicyTags, iam.ListPolicyTagsInput{PolicyArn: arn}).Tags},
		{"device", "B= a=2 b=1 ", do(l, ok, c.ListMFADeviceTags, iam.ListMFADeviceTagsInput{SerialNumber: serial}).Tags},
	} {
		if got := text(c.tags); got != c.want {
			t.Errorf("the %s has %q, want %q", c.of, got, c.want)
		}
	}
	do(l, ok, c.UntagMFADevice, iam.UntagMFADeviceInput{SerialNumber: serial, TagKeys: []string{"b", "none"}})
	do(l, ok, c.UntagUser, iam.UntagUserInput{UserName: str("carol"), TagKeys: []string{"b"}})
	do(l, ok, c.UntagRole, iam.UntagRoleInput{RoleName: str("R"), TagKeys: []string{"a"}})
	do(l, ok, c.UntagPolicy, iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"A"}})
	if got := text(do(l, ok, c.ListMFADeviceTags, iam.ListMFADeviceTagsInput{SerialNumber: serial}).Tags); got != "B= a=2 " {
		t.Errorf("the device has %q", got)
	}
	if got := text(do(l, ok, c.GetUser, iam.GetUserInput{UserName: str("carol")}).User.Tags); got != "a=2 " {
		t.Errorf("the user has %q", got)
	}
	page := do(l, ok, c.ListPolicyTags, iam.ListPolicyTagsInput{PolicyArn: arn, MaxItems: aws.Int32(2)})
	if rest := do(l, ok, c.ListPolicyTags, iam.ListPolicyTagsInput{PolicyArn: arn, Marker: page.Marker}); text(page.Tags)+text(rest.Tags) != "B= a=2 b=1 " {
		t.Errorf("pages %v, %v", page.Tags, rest.Tags)
	}

	do(l, invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive."), c.TagUser, iam.TagUserInput{UserName: str("carol"),
		Tags: []types.Tag{{Key: str("x"), Value: str("1")}, {Key: str("X"), Value: str("2")}}})
	do(l, noEntity("VirtualMFADevice with serial number arn:aws:iam::111122223333:mfa/none doesn't exist."), c.TagMFADevice,
		iam.TagMFADeviceInput{SerialNumber: str("arn:aws:iam::111122223333:mfa/none"), Tags: first})
	do(l, noEntity("The role with name none cannot be found."), c.ListRoleTags, iam.ListRoleTagsInput{RoleName: str("none")})
	var many []types.Tag
	for i := range 50 {
		many = append(many, types.Tag{Key: str(fmt.Sprint("k", i)), Value: str("")})
	}
	do(l, beyond("The number of tags has reached the maximum limit."), c.TagUser, iam.TagUserInput{UserName: str("carol"), Tags: many})
	do(l, validation("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"),
		c.TagUser, iam.TagUserInput{UserName: str("carol"), Tags: append(many, first...)})
}

// TestGroupQuota fills an account with groups.
func TestGroupQuota(t *testing.T) {
	l, c := newEmptyLab(t)
	for i := range 301 {
		name, want := fmt.Sprintf("g%d", i), ok
		if i == 300 {
			want = beyond("Cannot exceed quota for GroupsPerAccount: 300")
		}
		do(l, want, c.CreateGroup, iam.CreateGroupInput{GroupName: &name})
	}
}
