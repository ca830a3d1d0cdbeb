package oath

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

var (
	// aidManagement is the applet that tells what a key of version 4 and later
	// is.
	aidManagement = []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17}
	// aidOTP is the applet that tells an older key's serial number.
	aidOTP = []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01}
)

const (
	insReadConfig = 0x1D // of the management applet
	insOTP        = 0x01 // of the OTP applet, what it does being P1
	otpSerial     = 0x10 // P1: the serial number
)

// Tags in the answer to READ CONFIG.
const (
	tagSerial   tlv.Tag = 0x02
	tagFirmware tlv.Tag = 0x05
)

// An identity is what a key says of itself. The firmware is empty where only
// the serial number could be had.
type identity struct {
	serial   string
	firmware string
}

// identify asks the management applet, and where that is missing or keeps the
// serial to itself the OTP applet.
func (c card) identify(ctx context.Context) (identity, error) {
	id, err := c.managementIdentity(ctx)
	if err != nil && !refused(err) {
		return identity{}, err
	}
	if id.serial != "" {
		return id, nil
	}
	serial, err := c.otpSerial(ctx)
	if refused(err) {
		return identity{}, fmt.Errorf("%w: it shows no serial number", devices.ErrUnsupported)
	}
	id.serial = serial
	return id, err
}

func (c card) managementIdentity(ctx context.Context) (identity, error) {
	if _, err := c.selectApplet(ctx, aidManagement, insGetResponse); err != nil {
		return identity{}, err
	}
	answer, err := c.exchange(ctx, apdu.Command{INS: insReadConfig}, insGetResponse)
	if err != nil {
		return identity{}, err
	}
	return parseConfig(answer)
}

// parseConfig decodes the answer to READ CONFIG: the length of the rest, then
// data objects.
func parseConfig(b []byte) (identity, error) {
	if len(b) == 0 || int(b[0]) != len(b)-1 {
		return identity{}, fmt.Errorf("%w: READ CONFIG of a wrong length", devices.ErrAnswer)
	}
	var id identity
	r := tlv.NewReader(b[1:])
	for r.Next() {
		switch v := r.Value(); r.Tag() {
		case tagSerial:
			if len(v) != 4 {
				return identity{}, fmt.Errorf("%w: serial number of %d bytes", devices.ErrAnswer, len(v))
			}
			id.serial = serialString(v)
		case tagFirmware:
			if id.firmware = versionString(v); id.firmware == "" {
				return identity{}, fmt.Errorf("%w: version of %d bytes", devices.ErrAnswer, len(v))
			}
		}
	}
	if err := r.Err(); err != nil {
		return identity{}, malformed("READ CONFIG", err)
	}
	return id, nil
}

func (c card) otpSerial(ctx context.Context) (string, error) {
	if _, err := c.selectApplet(ctx, aidOTP, insGetResponse); err != nil {
		return "", err
	}
	answer, err := c.exchange(ctx, apdu.Command{INS: insOTP, P1: otpSerial}, insGetResponse)
	if err != nil {
		return "", err
	}
	if len(answer) != 4 {
		return "", fmt.Errorf("%w: serial number of %d bytes", devices.ErrAnswer, len(answer))
	}
	serial := serialString(answer)
	if serial == "" {
		return "", fmt.Errorf("%w: it shows no serial number", devices.ErrUnsupported)
	}
	return serial, nil
}

// serialString writes a serial number as it is printed on the key; "" for the
// zero of a key that has none.
func serialString(b []byte) string {
	n := binary.BigEndian.Uint32(b)
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}
