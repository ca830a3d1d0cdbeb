package cmd_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

const sshDaemon = "/usr/sbin/sshd"

// cmdSSHD serves OpenSSH's daemon on loopback till the script's end, one process
// a connection, as inetd would: sshd CONFIG. $SSHD_PORT becomes its port; its log
// goes to sshd.log.
func cmdSSHD(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sshd CONFIG")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("SSHD_PORT", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	argv := []string{sshDaemon, "-i", "-E", ts.MkAbs("sshd.log"), "-f", ts.MkAbs(args[0])}
	if os.Getuid() == 0 {
		// It wants a folder under /run then, which needn't outlive it.
		argv = append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /run && mkdir /run/sshd && exec "$@"`, "sh"}, argv...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	ts.Defer(func() {
		cancel()
		l.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { serveSSH(ctx, c.(*net.TCPConn), argv) })
		}
	})
}

// serveSSH hands a connection over to a daemon. What goes wrong there is for
// the client to see, and in the log.
func serveSSH(ctx context.Context, c *net.TCPConn, argv []string) {
	f, err := c.File()
	c.Close()
	if err != nil {
		return
	}
	defer f.Close()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout = f, f
	cmd.Run()
}
