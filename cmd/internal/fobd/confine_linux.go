package fobd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/caller"
	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/harden"
)

// scoutFD is the variable by which the confined agent knows the socket to its
// scout.
const scoutFD = "FOBD_SCOUT"

// confine has the agent run where it can write nowhere but in its own places,
// if the kernel has Landlock: it starts the scout, which stays outside and
// reads who asks, and then this program anew. In the program that was started
// so it returns the scout. environ is that of the first start.
func confine(ctx context.Context, s config.Settings, c *config.Config, environ []string) (*caller.Scout, error) {
	if number, ok := os.LookupEnv(scoutFD); ok {
		return scouted(number)
	}
	if !c.Landlock || harden.Landlock() == 0 {
		return nil, nil
	}
	ours, err := startScout()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, harden.Exec(places(s, c), append(environ, scoutFD+"="+strconv.Itoa(ours)))
}

// scouted takes the socket over that the first start left.
func scouted(number string) (*caller.Scout, error) {
	if err := os.Unsetenv(scoutFD); err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("environment: %s is no file", scoutFD)
	}
	unix.CloseOnExec(fd)
	return caller.Employ(os.NewFile(uintptr(fd), "scout"))
}

// startScout starts the scout and returns our end of its socket, which the next
// program keeps. The scout ends when the agent does: its socket tells.
func startScout() (int, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("scout: %w", err)
	}
	theirs := os.NewFile(uintptr(ends[1]), "scout")
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe", scoutName)
	cmd.Args[0] = os.Args[0]
	cmd.Env = []string{}
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("scout: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(ends[0]), unix.F_SETFD, 0); err != nil {
		return 0, fmt.Errorf("scout: %w", err)
	}
	return ends[0], nil
}

// serveScout is the scout: the socket is file 3. It ends when that is closed, and
// by no signal that a terminal or a service manager sends to the agent as well:
// an agent that is ending would take it for lost.
func serveScout() error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	f := os.NewFile(3, "scout")
	c, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return fmt.Errorf("scout: %w", err)
	}
	spare(slog.New(slog.DiscardHandler))
	return caller.Serve(c)
}

// places are where the agent has to get at.
func places(s config.Settings, c *config.Config) harden.Places {
	socket := c.Socket
	if socket == "" {
		socket = api.DefaultSocket()
	}
	write := []string{s.StateDir, s.DataDir, filepath.Dir(socket), filepath.Dir(s.AWSConfig), filepath.Dir(s.AWSCredentials)}
	if c.Remote.Socket != "" {
		write = append(write, filepath.Dir(c.Remote.Socket))
	}
	if c.Devices.Record != "" {
		write = append(write, c.Devices.Record)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); c.Notify.TouchSocket && filepath.IsAbs(dir) {
		write = append(write, dir) // where yubikey-touch-detector has its socket
	}
	for _, dir := range write {
		// What can't be made now is told of by whoever needs it.
		_ = os.MkdirAll(dir, 0o700)
	}
	read := []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix", "/proc", "/sys", "/run", "/var", "/mnt/wsl",
		"/proc/self/exe", filepath.Dir(s.File)}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		read = append(read, filepath.Dir(file))
	}
	if c.Devices.EmulatedRoot != "" {
		read = append(read, filepath.Dir(c.Devices.EmulatedRoot))
	}
	for _, port := range c.Devices.Serial {
		read = append(read, filepath.Dir(port.Port))
	}
	if os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" || c.Devices.Pinentry != "" {
		// The program that asks the user reads its settings there, and the
		// right to draw on the display.
		if home, err := os.UserHomeDir(); err == nil {
			read = append(read, home)
		}
		read = append(read, filepath.Dir(c.Devices.Pinentry), os.TempDir())
	}
	return harden.Places{Read: read, Write: write, Devices: []string{"/dev"}}
}
