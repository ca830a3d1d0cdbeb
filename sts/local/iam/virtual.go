package iam

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/url"

	"github.com/pquerna/otp"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/mfa"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// The QR code is a picture of qrSize pixels square (field report of a device
// made at AWS). The code keeps to qrInner of them, so that the white border
// that scanners need is there: 4 modules (ISO/IEC 18004 section 6.3.8).
const (
	qrSize  = 250
	qrInner = 210
)

// maxSerial is how long a serial can be (serialNumberType): longer ones could
// be made but never enabled.
const maxSerial = 256

type virtualMFADevice struct {
	SerialNumber string
	// Blobs are base64 on the wire. The seed's is of its base32 text.
	Base32StringSeed string                  `xml:",omitempty"`
	QRCodePNG        string                  `xml:",omitempty"`
	User             *userElement            `xml:",omitempty"`
	EnableDate       *query.Time             `xml:",omitempty"`
	Tags             *query.List[tagElement] `xml:",omitempty"`
}

type createVirtualMFADeviceResult struct{ VirtualMFADevice virtualMFADevice }

func (s *Service) createVirtualMFADevice(r *access.Request) (any, error) {
	path := readPath(r.In, "Path", pathRules)
	name := r.In.Required("VirtualMFADeviceName", deviceNameRules...)
	tags := readTags(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	serial := r.Caller.Account.IAM("mfa" + path + name)
	if len(serial) > maxSerial {
		return nil, query.ValidationError("The serial number %s would be longer than %d characters.", serial, maxSerial)
	}
	if err := authorizeCreate(r, "VirtualMFADevice", serial, "", tags); err != nil {
		return nil, err
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	if _, taken := r.Tx.Devices.Get(serial); taken {
		return nil, query.EntityAlreadyExists("MFA device already exists.")
	}
	if len(virtualDevices(r)) >= maxVirtualDevices {
		return nil, limitExceeded("VirtualMFADevicesPerAccount", maxVirtualDevices)
	}
	seed, err := mfa.NewSeed(s.Rand)
	if err != nil {
		return nil, err
	}
	picture, err := qrCode(name, accountName(r.Caller), string(seed))
	if err != nil {
		return nil, err
	}
	r.Tx.Devices.Put(store.Device{
		Serial: serial, Kind: store.Virtual, Account: r.Caller.Account.ID, Seed: seed, Tags: tags,
	})
	d := virtualMFADevice{
		SerialNumber:     serial,
		Base32StringSeed: base64.StdEncoding.EncodeToString([]byte(seed)),
		QRCodePNG:        base64.StdEncoding.EncodeToString(picture),
		Tags:             tagElements(tags),
	}
	return createVirtualMFADeviceResult{d}, nil
}

// accountName is the caller's name in the QR code: the user name if there is
// one, else the account (service model, VirtualMFADevice).
func accountName(c access.Caller) string {
	if c.User != nil {
		return c.User.Name
	}
	return c.Account.ID
}

// qrCode draws the otpauth URI as the service model describes it: without
// algorithm, digits and period, which leaves SHA-1, 6 and 30 s.
func qrCode(device, account, seed string) ([]byte, error) {
	uri := "otpauth://totp/" + url.PathEscape(device+"@"+account) + "?secret=" + seed
	key, err := otp.NewKeyFromURL(uri)
	if err != nil {
		return nil, fmt.Errorf("qr code: %w", err)
	}
	code, err := key.Image(qrInner, qrInner)
	if err != nil {
		return nil, fmt.Errorf("qr code: %w", err)
	}
	const border = (qrSize - qrInner) / 2
	picture := image.NewRGBA(image.Rect(0, 0, qrSize, qrSize))
	draw.Draw(picture, picture.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(picture, image.Rect(border, border, qrSize-border, qrSize-border), code, code.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return nil, fmt.Errorf("qr code: %w", err)
	}
	return b.Bytes(), nil
}

// virtualDevices are the account's virtual devices by serial.
func virtualDevices(r *access.Request) []store.Device {
	var devices []store.Device
	for _, d := range r.Tx.DevicesOf(r.Caller.Account.ID) {
		if d.Kind == store.Virtual {
			devices = append(devices, d)
		}
	}
	return devices
}

func (s *Service) deleteVirtualMFADevice(r *access.Request) (any, error) {
	serial := r.In.Required("SerialNumber", serialRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if err := authorize(r, "DeleteVirtualMFADevice", serial, deviceTags(r, serial)); err != nil {
		return nil, err
	}
	d, ok := r.Tx.Devices.Get(serial)
	if !ok || d.Kind != store.Virtual || d.Account != r.Caller.Account.ID {
		return nil, noVirtualDevice(serial)
	}
	if d.Owner != "" {
		return nil, deleteConflict("MFA VirtualDevice in use. Must deactivate first.")
	}
	r.Tx.Devices.Delete(serial)
	return nil, nil
}

// deviceTags are the condition keys of a device's tags, be there such a one or
// not.
func deviceTags(r *access.Request, serial string) setter {
	d, _ := taggedDevice(r, serial)
	return resourceTags(d.tags)
}

func noVirtualDevice(serial string) *query.Error {
	return query.NoSuchEntity("VirtualMFADevice with serial number %s doesn't exist.", serial)
}

type listVirtualMFADevicesResult struct {
	VirtualMFADevices query.List[virtualMFADevice]
	page
}

// listVirtualMFADevices lists without seeds, pictures and tags (captured).
func (s *Service) listVirtualMFADevices(r *access.Request) (any, error) {
	status := r.In.String("AssignmentStatus", query.OneOf("Assigned", "Unassigned", "Any"))
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if err := authorize(r, "ListVirtualMFADevices", "*"); err != nil {
		return nil, err
	}
	var devices []store.Device
	for _, d := range virtualDevices(r) {
		assigned := d.Owner != ""
		if status == "" || status == "Any" || assigned == (status == "Assigned") {
			devices = append(devices, d)
		}
	}
	devices, next, err := cut(cursor, devices, func(d store.Device) string { return d.Serial })
	if err != nil {
		return nil, err
	}
	result := listVirtualMFADevicesResult{page: next}
	for _, d := range devices {
		result.VirtualMFADevices.Member = append(result.VirtualMFADevices.Member, listed(r, d))
	}
	return result, nil
}

func listed(r *access.Request, d store.Device) virtualMFADevice {
	v := virtualMFADevice{SerialNumber: d.Serial}
	if d.Owner == "" {
		return v
	}
	t := target{owner: d.Owner, root: d.Owner == r.Caller.Account.ID}
	t.user, _ = r.Tx.Users.Get(d.Owner)
	owner, enabled := newUserElement(r.Caller.Account, t), query.Time(d.Enabled)
	v.User, v.EnableDate = &owner, &enabled
	return v
}
