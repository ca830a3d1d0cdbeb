package fob

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// enrollHelp is the manual of fob enroll.
const enrollHelp = `Creates a virtual MFA device, puts its seed onto the token, enables it with two
codes and proves it by a first session. If a step fails, what was made is taken
back.

With --hardware, a fob that AWS knows by its serial is enabled instead, and no
seed is made. With --seed-stdin or --qr, the seed is one that was made
elsewhere: as base32, as an otpauth URI, or as the QR code of one. With --user,
an administrator's profile enrols for somebody else.

--show-qr draws the QR code of a new seed on the terminal, for a second device;
a seed is never shown otherwise.

A first device needs iam:CreateVirtualMFADevice, iam:EnableMFADevice and
iam:ListMFADevices. Where the user has a device already, AWS wants a session of
it: its token is asked first.`

func (p *program) enrollCommand() *cobra.Command {
	var req api.EnrollRequest
	var stdin bool
	var picture string
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "enroll --profile NAME",
		Short: "Make a token an MFA device of the profile's user",
		Long:  enrollHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed("profile", req.Profile); err != nil {
				return err
			}
			if err := bringSeed(&req, stdin, picture); err != nil {
				return err
			}
			return patient(p, cmd.Context(), req.Profile, func(ctx context.Context) (api.Enrollment, error) {
				return p.client.Enroll(ctx, req)
			}, func(b *page, e api.Enrollment) { b.enrolled(e) })
		},
	})
	profileFlag(cmd, &req.Profile)
	flags := cmd.Flags()
	flags.StringVar(&req.Token, "token", "", "serial of the token, or the port of a fob without a seed, where more than one fits")
	flags.StringVar(&req.Name, "name", "", "name of the virtual device (default the user's name)")
	flags.StringVar(&req.Slot, "slot", "", "have the token prove its serial by the key in this PIV slot (default 9a where the profile wants a proof)")
	flags.StringVar(&req.Hardware, "hardware", "", "serial of a hardware fob that AWS knows")
	flags.StringVar(&req.User, "user", "", "another user, for whom the profile's user enrols as an administrator")
	flags.BoolVar(&stdin, "seed-stdin", false, "read the seed of a device made elsewhere from stdin: base32, or an otpauth URI")
	flags.StringVar(&picture, "qr", "", "PNG or JPEG `FILE` with the QR code of a device made elsewhere")
	flags.BoolVar(&req.ShowQR, "show-qr", false, "draw the new seed's QR code on the terminal, for a second device")
	flags.BoolVar(&req.Touch, "touch", false, "let each code of the new credential want a touch")
	return cmd
}

// bringSeed reads the seed that is to be written.
func bringSeed(req *api.EnrollRequest, stdin bool, picture string) (err error) {
	switch {
	case stdin && picture != "":
		return cli.Usagef("--seed-stdin and --qr don't go together")
	case stdin:
		req.Seed, err = secretFromStdin()
	case picture != "":
		if req.Image, err = readPicture(picture); err != nil {
			err = cli.Hint(fmt.Errorf("QR code: %w", err), "'fob enroll --seed-stdin' takes the seed, or its otpauth URI, as text")
		}
	}
	return err
}

// readPicture reads an image as it is; the agent decodes it.
func readPicture(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, api.MaxImage+1))
	switch {
	case err != nil:
	case len(b) > api.MaxImage:
		err = fmt.Errorf("%s is larger than %d bytes", path, api.MaxImage)
	case len(b) == 0:
		// The agent would take it for no seed, and have AWS make one.
		err = fmt.Errorf("%s is empty", path)
	}
	return b, err
}

// enrolled tells of a new device.
func (b *page) enrolled(e api.Enrollment) {
	if e.QR != "" {
		b.drawing(e.QR)
		b.line("whoever has this code has the seed: clear the screen when the second device has it")
	}
	b.line("MFA device %s is enabled and bound to %s", e.Binding.MFASerial, place(e.Binding))
	if !e.Expiration.IsZero() {
		b.line("a first session proves it; it lives until %s", stamp(e.Expiration))
	}
	if e.Note != "" {
		b.line("%s", e.Note)
	}
}

func (p *program) unenrollCommand() *cobra.Command {
	var req api.UnenrollRequest
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "unenroll --profile NAME",
		Short: "Take the profile's MFA device away, from the user, from AWS and from the token",
		Long: `Deactivates the MFA device that the profile names, deletes it where it is a
virtual one, takes its credential off the token, and drops the binding and the
device's sessions. AWS wants a session of the user's own device for that: a
code is taken where none is cached.

With --lost, the token isn't asked, and AWS nothing that wants a code: binding
and sessions are dropped, and what still lives is listed. AWS goes on taking the
device's codes until somebody else deactivates it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed("profile", req.Profile); err != nil {
				return err
			}
			return patient(p, cmd.Context(), req.Profile, func(ctx context.Context) (api.Unenrollment, error) {
				return p.client.Unenroll(ctx, req)
			}, func(b *page, u api.Unenrollment) { b.unenrolled(u, req.Lost) })
		},
	})
	profileFlag(cmd, &req.Profile)
	cmd.Flags().BoolVar(&req.Lost, "lost", false, "the token is gone: drop its binding and sessions here")
	return cmd
}

func (b *page) unenrolled(u api.Unenrollment, lost bool) {
	if lost {
		b.lostDevice(u)
	} else {
		b.line("MFA device %s isn't the user's any more", u.MFASerial)
		if !u.Deleted && strings.HasPrefix(u.MFASerial, "arn:") {
			b.line("AWS keeps it, as nobody's, since the user may not delete it; an administrator can:")
			b.line("  aws iam delete-virtual-mfa-device --serial-number %s", u.MFASerial)
		}
	}
	if u.Token != "" && u.Credential != "" && !lost && !u.CredentialDeleted {
		b.line("token %s keeps credential %s, whose codes nobody takes", u.Token, u.Credential)
	}
	if len(u.Sessions) == 0 {
		return
	}
	b.line("sessions it bought are forgotten here; AWS accepts them until they expire:")
	b.row("PROFILE", "ACCESS KEY", "EXPIRES")
	for _, s := range u.Sessions {
		b.row(s.Profile, s.AccessKeyID, stamp(s.Expiration))
	}
}

// lostDevice tells what is left of a device whose token is lost.
func (b *page) lostDevice(u api.Unenrollment) {
	here := "isn't bound here any more"
	if u.Token == "" {
		here = "wasn't bound here"
	}
	switch {
	case u.Unsure != "":
		b.line("MFA device %s %s; AWS takes its codes if it is the user's still, which isn't known: %s", u.MFASerial, here, u.Unsure)
	case !u.AtAWS:
		b.line("MFA device %s %s, and at AWS it isn't one of user %s's", u.MFASerial, here, u.User)
		return
	default:
		b.line("MFA device %s %s; AWS still takes its codes", u.MFASerial, here)
	}
	if u.User != "" {
		b.line("An administrator takes it from the user:")
		b.line("  aws iam deactivate-mfa-device --user-name %s --serial-number %s", u.User, u.MFASerial)
	}
}
