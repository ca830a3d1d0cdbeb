// Package bustest runs a session bus of D-Bus for one test, so that a test's
// own Secret Service or notification server can stand where the desktop's is.
package bustest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// config lets everybody who reaches the socket, in a folder of the test's own,
// do everything.
const config = `<busconfig><type>session</type><listen>unix:path=%s</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// Start runs a bus until the test ends, and returns its address. Where there is
// no dbus-daemon the test is skipped.
func Start(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("no dbus-daemon (package dbus-daemon)")
	}
	dir, err := os.MkdirTemp("", "fob") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address, stop, err := Run(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

// Run runs a bus with its files in dir, until stop is called, and returns its
// address.
func Run(dir string) (address string, stop func(), err error) {
	file := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, filepath.Join(dir, "bus")), 0o600); err != nil {
		return "", nil, err
	}
	daemon := exec.Command("dbus-daemon", "--config-file="+file, "--nofork", "--print-address")
	out, err := daemon.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := daemon.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = daemon.Process.Kill(); _ = daemon.Wait() }
	address, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("dbus-daemon: %w", err)
	}
	return strings.TrimSuffix(address, "\n"), stop, nil
}
