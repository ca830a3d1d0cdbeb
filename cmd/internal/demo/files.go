package main

import "fmt"

// The policy of the story: everything that listing users stands for needs MFA;
// what a user needs to enrol a device of her own doesn't.
const policy = `{"Version":"2012-10-17","Statement":[
  {"Sid":"ListWithMFA","Effect":"Allow","Action":"iam:ListUsers","Resource":"*",
   "Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},
  {"Sid":"OwnDevices","Effect":"Allow","Resource":"*",
   "Action":["iam:CreateVirtualMFADevice","iam:DeleteVirtualMFADevice","iam:EnableMFADevice","iam:ResyncMFADevice","iam:ListMFADevices","iam:GetUser"]}]}`

// writeFiles lays out the world, the bench and the configurations.
func (s *stage) writeFiles() error {
	seed := random(20)
	attach := "socket"
	if s.pcscd {
		attach = "reader"
	}
	world := fmt.Sprintf(`accounts:
  - id: %q
    partition: aws
    alias: example
    users:
      - name: carol
        access_keys: [{id: %s, secret: %q}]
        policies: [{name: own, document: %s}]
      - name: dave
        access_keys: [{id: %s, secret: %q}]
        policies: [{name: own, document: %s}]
        mfa_devices: [{serial: %s, kind: hardware, seed: %s}]
`, account, s.keys["carol"].id, s.keys["carol"].secret, policy,
		s.keys["dave"].id, s.keys["dave"].secret, policy, fobSerial, seed)

	bench := fmt.Sprintf(`tokens:
  - kind: yubikey
    name: yk1
    serial: %s
    firmware: 5.4.3
    attach: %s
    touch: auto
  - kind: fob
    name: fob1
    serial: %s
    seed: %s
    attach: pty:%s
    button: auto
    clock: {offset: -40s, ppm: 20}
`, yubikey, attach, fobSerial, seed, s.path("run/fob1"))

	credentials := fmt.Sprintf("[carol-keys]\naws_access_key_id = %s\naws_secret_access_key = %s\n\n[dave-keys]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		s.keys["carol"].id, s.keys["carol"].secret, s.keys["dave"].id, s.keys["dave"].secret)

	for name, text := range map[string]string{
		"world.yaml": world, "bench.yaml": bench, "aws-credentials": credentials, "aws-config": "",
	} {
		if err := s.write(name, text); err != nil {
			return err
		}
	}
	return nil
}

// writeConfig writes fob's own config, once the endpoint is known. No card of
// the machine's own is in the story.
func (s *stage) writeConfig() error {
	cards := "pcsc: {enabled: true}"
	if !s.pcscd {
		cards = fmt.Sprintf("pcsc: {enabled: false}\n  emulated: [{socket: %s}]", s.path("run/bench.sock"))
	}
	return s.write("fob.yaml", fmt.Sprintf(`devices:
  serial: [{port: %s, baud: 115200, dialect: fob}]
  %s
aws:
  endpoint_url: %s
profiles:
  - name: carol
    source_profile: carol-keys
    mfa_serial: %s
    credential: "AWS:carol"
    allow_emulated: true
  - name: dave
    source_profile: dave-keys
    mfa_serial: %s
    allow_emulated: true
`, s.path("run/fob1"), cards, s.url, virtual, fobSerial))
}
