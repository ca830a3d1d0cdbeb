package sts

// A Device names an MFA device: the record on the AWS side. The same serial
// under another endpoint or account is another device.
type Device struct {
	// Endpoint is [Endpoint.Name]: a URL from fob's config, or the partition.
	Endpoint string
	// Account is the 12-digit account that the device's user belongs to.
	Account string
	// Serial is the MFA serial: GAHT12345678, or arn:aws:iam::ACCT:mfa/NAME.
	Serial string
}

// String is the serial.
func (d Device) String() string { return d.Serial }
