// Package fobaws is the program of that name: the local AWS of package
// sts/local on a listener.
//
// It writes its ready line to stdout, and logs to stderr, one record
// "request" for each request, as text or JSON:
//
//	request_id    as in x-amzn-RequestId
//	service       sts, iam, s3, or the prefix in policies of one that is not served
//	action        as sent, or as read from target, method and path
//	caller        ARN of who signed; missing where the signature names nobody
//	account       the caller's
//	key           access key id
//	mfa_serial    MFA device that a code was presented for
//	mfa_outcome   accepted, refused, replayed, exhausted (9 verifications in
//	              3 minutes), unknown-device, paired (enabled or resynchronised)
//	mfa_counters  time steps in the device's window whose digits were
//	              presented: the accepted one; of a refused code all that it
//	              fits, so that a replay names the step again; of a pair the
//	              second; missing where there is none
//	decided_by    policy statement that allowed or denied; "no statement" where
//	              none allows, "no policy" where a call needs none
//	conditions    conditions that a denial hung on, each with its statement and
//	              what the request had for its key; 16 at most
//	simulated     decisions of a Simulate call with their conditions; 16 at most
//	status        HTTP status
//	code          AWS's error code, of a refusal
//
// Digits, seeds, secrets and tokens are in no record.
package fobaws

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/sts/local/sigv4"
)

// Main runs the program with the process's arguments and returns its exit
// status: 0, 1 (failed) or 2 (usage).
func Main() int {
	ctx, stop := cli.Context()
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Command is the tree of fobaws's commands, for its manual.
func Command() *cobra.Command { return command(new(bool)) }

// command is the tree of commands; begun becomes true once a command line was
// understood.
func command(begun *bool) *cobra.Command {
	root := &cobra.Command{
		Use:               "fobaws",
		Short:             "A local AWS that enforces MFA as AWS does",
		Version:           cli.Version(),
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			err := cli.Worded(cmd.Flags())
			*begun = err == nil
			return err
		},
		RunE: func(*cobra.Command, []string) error {
			return cli.Usagef("want a command: serve")
		},
	}
	root.SetVersionTemplate("fobaws {{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	var logFormat string
	root.PersistentFlags().StringVar(&logFormat, "log-format", "text", "logs on stderr as text or json")
	root.AddCommand(serveCommand(&logFormat))
	cli.KnownHelp(root)
	return root
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var begun bool
	root := command(&begun)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return cli.ExitOK
	}
	return cli.Fail(stderr, cmd, begun, err)
}

func serveCommand(logFormat *string) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve IAM, STS and S3 on one endpoint",
		Long: `Serve IAM, STS and S3 on one endpoint.

--world says what there is at the beginning: accounts, users, keys, policies,
roles, MFA devices and buckets. With --state everything that happens is kept in
that folder, S3's objects below objects/, and the world only fills an empty one.
A small world, of which all but id, name, serial and seed may be left out:

  accounts:
    - id: "111122223333"
      users:
        - name: carol
          access_keys: [{id: AKIACAROLEXAMPLE0001, secret: carols-secret}]
          mfa_devices:
            - {serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}
          attached: [arn:aws:iam::aws:policy/IAMFullAccess]

The ready line on stdout is "fobaws: ready URL". /_fobaws/health answers while
the server runs; with a clock that can be moved, GET /_fobaws/clock tells AWS's
time and POST moves it, by {"set":"2026-09-01T00:00:00Z"} or {"advance":"90s"}.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := cli.Logger(cmd.ErrOrStderr(), *logFormat)
			if err != nil {
				return err
			}
			options, err := o.check(cmd.Context(), log)
			if err != nil {
				return err
			}
			return o.serve(cmd.Context(), options, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.world, "world", "", "file that says what there is at the beginning")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address to listen on")
	f.StringVar(&o.state, "state", "", "folder that keeps the state; without it nothing outlives the process")
	f.StringVar(&o.clock, "clock", "system", "AWS's time: system, manual=RFC3339 or offset=DURATION")
	f.DurationVar(&o.propagation, "propagation", 0, "how long STS doesn't see what IAM did to an MFA device")
	f.DurationVar(&o.skew, "signature-skew", sigv4.DefaultSkew, "how far a signature's time may lie from AWS's; presigned URLs end by AWS's all the same")
	f.BoolVar(&o.inheritMFA, "inherit-mfa", false, "role sessions carry on the MFA of the session that assumed them")
	f.BoolVar(&o.allowRemote, "allow-remote", false, "listen on an address that others can reach")
	return cmd
}
