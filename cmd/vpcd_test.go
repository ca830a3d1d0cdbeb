//go:build pcsc && linux

package cmd_test

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
	"github.com/fob-auth/fob/devices/pcsc"
	"github.com/fob-auth/fob/emulator/benchtest"
	"github.com/fob-auth/fob/emulator/reader"
	"github.com/fob-auth/fob/emulator/vpcd"
)

// vpcdDriver is vpcd's driver for pcscd, where distributions have it.
const vpcdDriver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

// vpcdPort is the port of its first slot, as it is shipped.
const vpcdPort = 0x8C7B

// startVPCD runs a pcscd with vpcd in it, in a network of its own: vpcd listens
// on all addresses of its machine. The function that it returns connects to
// what listens there.
func startVPCD(t *testing.T) func(ctx context.Context, network, addr string) (net.Conn, error) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("fobt%d", os.Getpid()))
	for _, sub := range []string{"run", "conf", "none"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf := fmt.Sprintf("FRIENDLYNAME \"Yubico YubiKey OTP+FIDO+CCID\"\nDEVICENAME /dev/null:%#X\nLIBPATH %s\nCHANNELID %#X\n", vpcdPort, vpcdDriver, vpcdPort)
	if err := os.WriteFile(filepath.Join(dir, "conf", "vpcd"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `set -e
[ -d /run/pcscd ] || { mount -t tmpfs tmpfs /run; mkdir /run/pcscd; }
mount --bind "$1/run" /run/pcscd
exec pcscd --foreground --config "$1/conf"`
	cmd := exec.Command("/bin/sh", "-c", script, "sh", dir)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PCSCLITE_HP_DROPDIR="+filepath.Join(dir, "none"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	t.Setenv(reader.SocketVariable, filepath.Join(dir, "run", "pcscd.comm"))
	late := time.After(patience)
	for look := time.NewTicker(5 * time.Millisecond); ; <-look.C {
		if conn, err := net.Dial("unix", os.Getenv(reader.SocketVariable)); err == nil {
			conn.Close()
			break
		}
		select {
		case <-late:
			t.Fatal("pcscd isn't ready")
		default:
		}
	}
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	if err := within(network, loopbackUp); err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, kind, addr string) (conn net.Conn, err error) {
		err = within(network, func() (err error) {
			conn, err = new(net.Dialer).DialContext(ctx, kind, addr)
			return err
		})
		return conn, err
	}
}

// within runs f in another network, on a thread that ends with it.
func within(network *os.File, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: no other goroutine gets this thread
		err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// loopbackUp switches this network's loopback on.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// TestVPCDConforms runs the suite that every driver passes on a key in a stock
// vpcd, and has ykman look at it.
func TestVPCDConforms(t *testing.T) {
	switch {
	case !exists(vpcdDriver):
		t.Skip("needs vsmartcard-vpcd to be installed")
	case !installed("/usr/sbin/pcscd"):
		t.Skip("needs pcscd to be installed")
	case os.Geteuid() != 0:
		t.Skip("needs root, for a network of its own")
	}
	b32 := base32.StdEncoding.EncodeToString([]byte(rfcSecret))
	b := benchtest.StartFile(t, fmt.Sprintf(`
tokens:
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: 'vpcd:127.0.0.1:%d', touch: manual, touch_timeout: 4s, credentials: [
     {name: "AWS:carol", secret: %s}, {name: "touch", secret: %s, touch: true}]}
`, vpcdPort, b32, b32)).Emulator
	token, err := b.Token("yk1")
	if err != nil {
		t.Fatal(err)
	}
	addr, _, _ := token.VPCD()
	dial := startVPCD(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&vpcd.Slot{Bench: b, Token: token, Addr: addr, Dial: dial, Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })

	t.Run("ykman", func(t *testing.T) {
		if !installed("/usr/bin/ykman") {
			t.Skip("needs yubikey-manager to be installed")
		}
		awaitToken(t, pcsc.New())
		out, err := exec.Command("/usr/bin/ykman", "--device", "12345678", "oath", "accounts", "list").CombinedOutput()
		if err != nil || string(out) != "AWS:carol\ntouch\n" {
			t.Errorf("ykman: %s, %v", out, err)
		}
	})
	devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
		if err := token.Unplug(); err != nil {
			t.Fatal(err)
		}
		awaitEmpty(t, pcsc.New()) // what comes next is no news of the last test's
		if err := errors.Join(token.Reset(), token.Plug()); err != nil {
			t.Fatal(err)
		}
		f := devicetest.Fixture{Driver: pcsc.New(), Serial: "12345678", Model: "YubiKey", Firmware: "5.4.3", Emulated: true, Writer: true,
			Accounts: []devicetest.Account{
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "AWS:carol", Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second}},
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "touch", Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second, Touch: true}},
			}}
		levers(t, b, "yk1", &f)
		return f
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
