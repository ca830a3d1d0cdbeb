package local_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

var (
	selfNeedsMFA  = verdict{403, "AccessDenied", "To complete this action, please ensure that you are authenticated with an MFA device that is enabled for this user."}
	invalidDevice = verdict{404, "NoSuchEntity", "MFA Device invalid for user."}
	deviceInUse   = verdict{409, "EntityAlreadyExists", "MFA Device is already in use."}
)

// lifecycleWorld has an administrator with keys of its own, and users that may
// do all to themselves and to others.
const lifecycleWorld = `
hardware:
- {serial: GAHT87654321, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}
accounts:
- id: "111122223333"
  root: {access_keys: [{id: AKIAROOT000000000000, secret: secret-of-root}]}
  users:
  - {name: admin, access_keys: [{id: AKIAADMIN00000000000, secret: secret-of-admin}], attached: [arn:aws:iam::aws:policy/AdministratorAccess]}
  - {name: bob, access_keys: [{id: AKIABOB0000000000000, secret: secret-of-bob}], attached: [arn:aws:iam::aws:policy/AdministratorAccess]}
  - {name: dora, access_keys: [{id: AKIADORA000000000000, secret: secret-of-dora}]}
- id: "444455556666"
  users:
  - {name: eve, access_keys: [{id: AKIAEVE0000000000000, secret: secret-of-eve}], attached: [arn:aws:iam::aws:policy/AdministratorAccess]}
- id: "777788889999"
  partition: aws-us-gov
  users:
  - {name: gus, access_keys: [{id: AKIAGUS0000000000000, secret: secret-of-gus}], attached: [arn:aws-us-gov:iam::aws:policy/AdministratorAccess]}
`

// An operator does one IAM call after the other for a test.
type operator struct {
	*lab
	c *iam.Client
}

func (l *lab) as(k keys) operator { return operator{l, l.iam(k)} }

func (o operator) create(name string) (serial, seed string, err error) {
	out, err := o.c.CreateVirtualMFADevice(o.t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})
	if err != nil {
		return "", "", err
	}
	return *out.VirtualMFADevice.SerialNumber, string(out.VirtualMFADevice.Base32StringSeed), nil
}

func (o operator) enable(user, serial, first, second string) error {
	_, err := o.c.EnableMFADevice(o.t.Context(), &iam.EnableMFADeviceInput{
		UserName: &user, SerialNumber: &serial, AuthenticationCode1: &first, AuthenticationCode2: &second})
	return err
}

func (o operator) resync(user, serial, first, second string) error {
	_, err := o.c.ResyncMFADevice(o.t.Context(), &iam.ResyncMFADeviceInput{
		UserName: &user, SerialNumber: &serial, AuthenticationCode1: &first, AuthenticationCode2: &second})
	return err
}

func (o operator) deactivate(user, serial string) error {
	_, err := o.c.DeactivateMFADevice(o.t.Context(), &iam.DeactivateMFADeviceInput{UserName: &user, SerialNumber: &serial})
	return err
}

func (o operator) remove(serial string) error {
	_, err := o.c.DeleteVirtualMFADevice(o.t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial})
	return err
}

// TestLifecycleVectors are the ordered ones that were captured at AWS.
func TestLifecycleVectors(t *testing.T) {
	l := newLab(t, lifecycleWorld)
	admin := l.as(longTerm("admin"))
	serial, seed, err := admin.create("one")
	l.want("create", err, ok)
	_, _, err = admin.create("one")
	l.want("create again", err, verdict{409, "EntityAlreadyExists", "MFA device already exists."})
	at := func(offset int64) string { return l.Code(seed, offset) }

	l.want("deactivate unassigned", admin.deactivate("bob", serial), invalidDevice)
	l.want("resync unassigned", admin.resync("bob", serial, at(-1), at(0)), invalidDevice)
	l.want("enable, equal codes", admin.enable("bob", serial, at(0), at(0)), badPair)
	l.want("enable, reversed codes", admin.enable("bob", serial, at(0), at(-1)), badPair)
	l.want("enable, out of range", admin.enable("bob", serial, at(1000), at(1001)), badPair)
	l.want("enable", admin.enable("bob", serial, at(-1), at(0)), ok)
	l.want("enable for the same user", admin.enable("bob", serial, at(1), at(2)), verdict{409, "EntityAlreadyExists", "MFA Device for user bob already exists."})
	l.want("enable for another", admin.enable("dora", serial, at(1), at(2)), deviceInUse)
	_, err = admin.c.GetMFADevice(t.Context(), &iam.GetMFADeviceInput{SerialNumber: &serial})
	l.want("GetMFADevice", err, verdict{400, "ValidationError", "The MFA device serial number sent in the request is invalid or not supported by this API. " +
		"Currently, only hardware FIDO security keys are supported. Please use the compatible device or API."})
	l.want("delete while assigned", admin.remove(serial), verdict{409, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first."})
	l.want("resync for another", admin.resync("dora", serial, at(1), at(2)), invalidDevice)
	l.want("deactivate for another", admin.deactivate("dora", serial), invalidDevice)

	l.want("resync +10", admin.resync("bob", serial, at(9), at(10)), ok)
	l.want("resync +20", admin.resync("bob", serial, at(19), at(20)), ok)
	l.want("resync 0", admin.resync("bob", serial, at(-1), at(0)), badPair)
	l.want("resync, replayed", admin.resync("bob", serial, at(19), at(20)), badPair)
	l.want("resync, overlapping", admin.resync("bob", serial, at(20), at(21)), badPair)
	_, err = l.session(longTerm("bob"), serial, at(0))
	l.want("the server's own counter after a resync", err, badCode)
	_, err = l.session(longTerm("bob"), serial, at(20))
	l.want("the pair's second code", err, ok)
	_, err = l.session(longTerm("bob"), serial, at(22))
	l.want("the edge of the moved window", err, ok)
	l.want("resync with a code that STS took", admin.resync("bob", serial, at(22), at(23)), ok)
	_, err = l.session(longTerm("bob"), serial, at(22))
	l.want("which frees none", err, badCode)

	l.want("deactivate", admin.deactivate("bob", serial), ok)
	l.want("deactivate again", admin.deactivate("bob", serial), invalidDevice)
	_, err = l.session(longTerm("bob"), serial, at(24))
	l.want("a code of a device that isn't enabled", err, badDevice)
	l.want("enable for another, old codes", admin.enable("dora", serial, at(22), at(23)), badPair)
	l.want("enable for another, new codes", admin.enable("dora", serial, at(24), at(25)), ok)
	l.want("delete what isn't", admin.remove(virtualSerial("nobody")), verdict{404, "NoSuchEntity", "VirtualMFADevice with serial number " + virtualSerial("nobody") + " doesn't exist."})
	l.want("deactivate", admin.deactivate("dora", serial), ok)
	l.want("delete", admin.remove(serial), ok)
	l.want("enable what isn't", admin.enable("bob", serial, at(1), at(2)), verdict{404, "NoSuchEntity", "VirtualMFADevice with serial number " + serial + " doesn't exist."})
	l.want("enable for nobody", admin.enable("nobody", serial, at(1), at(2)), verdict{404, "NoSuchEntity", "The user with name nobody cannot be found."})
}

// TestSelfManagement: who has a device needs an MFA session to add or remove
// own ones, whatever policies allow (AWS-2023-001); the order of checks is
// that which was captured.
func TestSelfManagement(t *testing.T) {
	l := newLab(t, lifecycleWorld)
	bob := l.as(longTerm("bob"))
	first, seed, err := bob.create("first")
	l.want("create", err, ok)
	at := func(offset int64) string { return l.Code(seed, offset) }
	l.want("first enrolment with the long-term key", bob.enable("bob", first, at(-1), at(0)), ok)
	second, otherSeed, err := bob.create("second")
	l.want("create the second", err, ok)
	other := func(offset int64) string { return l.Code(otherSeed, offset) }

	l.want("enable the second", bob.enable("bob", second, other(-1), other(0)), selfNeedsMFA)
	l.want("enable the first again", bob.enable("bob", first, at(1), at(2)), selfNeedsMFA)
	l.want("deactivate", bob.deactivate("bob", first), selfNeedsMFA)
	l.want("deactivate what isn't", bob.deactivate("bob", virtualSerial("nobody")), selfNeedsMFA)
	l.want("resync is no such thing", bob.resync("bob", first, at(1), at(2)), ok)
	l.want("another user is managed as policies say", bob.enable("dora", second, other(-1), other(0)), ok)
	l.want("and back", bob.deactivate("dora", second), ok)

	withMFA := l.as(l.must(l.session(longTerm("bob"), first, at(3))))
	l.want("enable the second, with MFA", withMFA.enable("bob", second, other(1), other(2)), ok)
	l.want("deactivate the one that was used", withMFA.deactivate("bob", first), ok)
	l.want("deactivate what isn't, with MFA", withMFA.deactivate("bob", first), invalidDevice)
	l.want("deactivate the last", withMFA.deactivate("bob", second), ok)
	l.want("enrol with the long-term key again", bob.enable("bob", first, at(5), at(6)), ok)
}

// TestHardware: the vendor's registry, one account at a time.
func TestHardware(t *testing.T) {
	const serial, seed = "GAHT87654321", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	l := newLab(t, lifecycleWorld)
	admin, eve, gus := l.as(longTerm("admin")), l.as(longTerm("eve")), l.as(longTerm("gus"))
	at := func(offset int64) string { return l.Code(seed, offset) }
	l.want("unknown serial", admin.enable("bob", "GAHT00000000", at(-1), at(0)),
		verdict{404, "NoSuchEntity", "MFADevice with serial number GAHT00000000 doesn't exist."})
	l.want("GovCloud", gus.enable("gus", serial, at(-1), at(0)),
		verdict{400, "ValidationError", "Hardware MFA devices are not supported in aws-us-gov."})
	l.want("wrong codes", admin.enable("bob", serial, at(0), at(0)), badPair)
	l.want("enable", admin.enable("bob", serial, at(-1), at(0)), ok)
	l.want("another account", eve.enable("eve", serial, at(1), at(2)), deviceInUse)
	_, err := l.session(longTerm("bob"), serial, at(0))
	l.want("a session", err, ok)
	l.want("deactivate", admin.deactivate("bob", serial), ok)
	l.want("another account, old codes", eve.enable("eve", serial, at(-1), at(0)), badPair)
	l.want("another account now", eve.enable("eve", serial, at(1), at(2)), ok)
	l.want("which is not the first's any more", admin.deactivate("bob", serial), invalidDevice)
	l.want("virtual deletion", eve.remove(serial), verdict{404, "NoSuchEntity", "VirtualMFADevice with serial number GAHT87654321 doesn't exist."})
	virtual, virtualSeed, err := gus.create("gus")
	if err != nil || virtual != "arn:aws-us-gov:iam::777788889999:mfa/gus" {
		t.Errorf("GovCloud's virtual device is %s, %v", virtual, err)
	}
	l.want("virtual devices are fine in GovCloud", gus.enable("gus", virtual, l.Code(virtualSeed, -1), l.Code(virtualSeed, 0)), ok)
	l.want("another account's virtual device", admin.enable("bob", virtual, "000000", "000000"),
		verdict{404, "NoSuchEntity", "VirtualMFADevice with serial number " + virtual + " doesn't exist."})
}

func TestQuotaOfDevices(t *testing.T) {
	l := newLab(t, lifecycleWorld)
	admin := l.as(longTerm("admin"))
	for i := range 9 {
		serial, seed, err := admin.create("d" + string(rune('0'+i)))
		l.want("create", err, ok)
		want := ok
		if i == 8 {
			want = verdict{409, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8"}
		}
		l.want("enable", admin.enable("dora", serial, l.Code(seed, -1), l.Code(seed, 0)), want)
	}
}

// TestLists: what they show of devices, and in which order.
func TestLists(t *testing.T) {
	l := newLab(t, devicesWorld("b", "a")+`
  root: {mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/root-account-mfa-device", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]}
`)
	session := l.must(l.session(longTerm("carol"), virtualSerial("a"), l.Code(seedOf("a"), 0)))
	o := l.as(session)
	if _, _, err := o.create("c"); err != nil {
		t.Fatal(err)
	}
	own, err := o.c.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{})
	if err != nil || len(own.MFADevices) != 2 {
		t.Fatalf("got %+v, %v", own, err)
	}
	if d := own.MFADevices[0]; *d.SerialNumber != virtualSerial("a") || *d.UserName != "carol" || !d.EnableDate.Equal(start) {
		t.Errorf("got %v %v %v", *d.SerialNumber, *d.UserName, d.EnableDate)
	}
	if own, err = o.c.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: aws.String("dave")}); err != nil || own.MFADevices == nil || len(own.MFADevices) != 0 {
		t.Errorf("an empty list is %#v, %v", own.MFADevices, err)
	}
	_, err = o.c.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: aws.String("nobody")})
	l.want("nobody's", err, verdict{404, "NoSuchEntity", "The user with name nobody cannot be found."})

	all := []string{"a", "b", "c", "root-account-mfa-device"}
	for status, want := range map[types.AssignmentStatusType][]string{
		"": all, types.AssignmentStatusTypeAny: all, types.AssignmentStatusTypeUnassigned: {"c"},
		types.AssignmentStatusTypeAssigned: {"a", "b", "root-account-mfa-device"},
	} {
		out, err := o.c.ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{AssignmentStatus: status})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range out.VirtualMFADevices {
			got = append(got, strings.TrimPrefix(*d.SerialNumber, virtualSerial("")))
			if len(d.Base32StringSeed)+len(d.QRCodePNG)+len(d.Tags) != 0 {
				t.Errorf("%s shows more than it should", *d.SerialNumber)
			}
			checkOwner(t, d)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q: got %v, want %v", status, got, want)
		}
	}
}

func checkOwner(t *testing.T, d types.VirtualMFADevice) {
	t.Helper()
	switch *d.SerialNumber {
	case virtualSerial("c"):
		if d.User != nil || d.EnableDate != nil {
			t.Errorf("unassigned, and owned by %+v", d.User)
		}
	case virtualSerial("root-account-mfa-device"):
		if u := d.User; u == nil || aws.ToString(u.UserId) != account || aws.ToString(u.Arn) != "arn:aws:iam::"+account+":root" || u.UserName != nil || u.Path != nil || u.CreateDate == nil {
			t.Errorf("the root user's is owned by %+v", d.User)
		}
	default:
		if u := d.User; u == nil || aws.ToString(u.UserName) != "carol" || aws.ToString(u.Path) != "/" || !strings.HasPrefix(aws.ToString(u.UserId), "AIDA") || d.EnableDate == nil {
			t.Errorf("%s is owned by %+v", *d.SerialNumber, d.User)
		}
	}
}

func TestPagesOfLists(t *testing.T) {
	l := newLab(t, devicesWorld("d", "a", "c", "b", "e"))
	session := l.must(l.session(longTerm("carol"), virtualSerial("a"), l.Code(seedOf("a"), 0)))
	p := iam.NewListVirtualMFADevicesPaginator(l.iam(session), &iam.ListVirtualMFADevicesInput{MaxItems: aws.Int32(2)})
	var sizes []int
	var names []string
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(out.VirtualMFADevices))
		for _, d := range out.VirtualMFADevices {
			names = append(names, strings.TrimPrefix(*d.SerialNumber, virtualSerial("")))
		}
	}
	if strings.Join(names, "") != "abcde" || len(sizes) != 3 {
		t.Errorf("got %v in pages of %v", names, sizes)
	}
	_, err := l.iam(session).ListUsers(t.Context(), &iam.ListUsersInput{Marker: aws.String("!")})
	l.want("a marker that is none", err, verdict{400, "ValidationError", "Invalid Marker."})
	_, err = l.iam(session).ListUsers(t.Context(), &iam.ListUsersInput{MaxItems: aws.Int32(1001)})
	l.want("too large a page", err, verdict{400, "ValidationError", "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"})
}

// TestWhatCreateGives: the seed as AWS makes it, and a picture of it.
func TestWhatCreateGives(t *testing.T) {
	l := newLab(t, lifecycleWorld)
	out, err := l.iam(longTerm("bob")).CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{
		Path: aws.String("/team/"), VirtualMFADeviceName: aws.String("bob"),
		Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}, {Key: aws.String("c"), Value: aws.String("")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := out.VirtualMFADevice
	if *d.SerialNumber != virtualSerial("team/bob") || len(d.Tags) != 2 || *d.Tags[1].Key != "c" {
		t.Errorf("got %s with tags %v", *d.SerialNumber, d.Tags)
	}
	if seed := string(d.Base32StringSeed); len(seed) != 64 || strings.Trim(seed, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		t.Errorf("the seed is not 64 characters of base32: %d", len(seed))
	}
	picture, err := png.Decode(bytes.NewReader(d.QRCodePNG))
	if err != nil {
		t.Fatal(err)
	}
	if picture.Bounds() != image.Rect(0, 0, 250, 250) || picture.ColorModel() != color.RGBAModel {
		t.Errorf("the picture is %v in %T", picture.Bounds(), picture.ColorModel())
	}
	for i := range 250 {
		for _, p := range []image.Point{{i, 0}, {i, 249}, {0, i}, {249, i}, {i, 15}, {15, i}} {
			if r, _, _, _ := picture.At(p.X, p.Y).RGBA(); r != 0xffff {
				t.Fatalf("no white border at %v", p)
			}
		}
	}
	_, err = l.iam(longTerm("bob")).CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{
		VirtualMFADeviceName: aws.String("x"),
		Tags:                 []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("A"), Value: aws.String("2")}},
	})
	l.want("duplicate tags", err, verdict{400, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."})
	_, err = l.iam(longTerm("bob")).CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("a b"), Path: aws.String("x")})
	l.want("bad names", err, verdict{400, "ValidationError", "2 validation errors detected: Value 'x' at 'path' failed to satisfy constraint: " +
		`Member must satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F); ` +
		`Value 'a b' at 'virtualMFADeviceName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`})
}

func TestGetUser(t *testing.T) {
	l := newLab(t, lifecycleWorld)
	out, err := l.iam(longTerm("bob")).GetUser(t.Context(), &iam.GetUserInput{})
	if err != nil || *out.User.UserName != "bob" || *out.User.Arn != "arn:aws:iam::111122223333:user/bob" || !out.User.CreateDate.Equal(start) {
		t.Errorf("got %+v, %v", out, err)
	}
	if out, err = l.iam(longTerm("bob")).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("DORA")}); err != nil || *out.User.UserName != "dora" {
		t.Errorf("got %+v, %v", out, err)
	}
	if out, err = l.iam(longTerm("root")).GetUser(t.Context(), &iam.GetUserInput{}); err != nil || *out.User.UserId != account || *out.User.Arn != "arn:aws:iam::111122223333:root" {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = l.iam(longTerm("dora")).GetUser(t.Context(), &iam.GetUserInput{})
	l.want("without permission", err, verdict{403, "AccessDenied", "User: arn:aws:iam::111122223333:user/dora is not authorized to perform: iam:GetUser " +
		"on resource: user dora because no identity-based policy allows the iam:GetUser action"})
	_, err = l.iam(longTerm("bob")).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("nobody")})
	var missing *types.NoSuchEntityException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "The user with name nobody cannot be found." {
		t.Errorf("got %v, want the SDK's own error type", err)
	}
}
