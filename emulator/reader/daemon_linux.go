package reader

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/reader/ifd"
)

const (
	// startTimeout is how long pcscd may take until every reader is there.
	startTimeout = 20 * time.Second
	// endTimeout is how long pcscd may take to end before it is killed.
	endTimeout = time.Second
)

// A Daemon is a private pcscd with the readers of a bench.
type Daemon struct {
	dir    string
	socket string
	log    *slog.Logger
	cmd    *exec.Cmd
	cancel context.CancelFunc
	work   sync.WaitGroup // listeners and slots
	ended  chan struct{}  // closed when pcscd has ended

	mu   sync.Mutex
	last string // what pcscd said last
}

// Start runs a pcscd of its own and returns once clients find every reader in
// it. It lives until Close, and no longer than this process. As root it needs a
// mount namespace, else a user namespace too. The errors are [ErrNotInstalled],
// [ErrNoReaders], ctx's, or say what pcscd said.
func Start(ctx context.Context, b *emulator.Bench, o Options) (_ *Daemon, err error) {
	list, err := seats(b)
	if err != nil {
		return nil, err
	}
	if len(list) > maxReaders {
		return nil, fmt.Errorf("%d tokens are attached to readers, and pcscd has at most %d", len(list), maxReaders)
	}
	pcscd, err := findPcscd()
	if err != nil {
		return nil, err
	}
	handler, err := filepath.Abs(o.Handler)
	if err == nil {
		_, err = os.Stat(handler)
	}
	if err != nil {
		return nil, fmt.Errorf("reader's handler: %w", err)
	}
	dir, err := makeDir(o.Dir)
	if err != nil {
		return nil, err
	}
	d := &Daemon{dir: dir, socket: filepath.Join(dir, "run", "pcscd.comm"), log: o.Log, ended: make(chan struct{})}
	slots, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	ready := make(chan struct{}, len(list))
	err = d.layOut(slots, b, list, handler, ready)
	if err == nil {
		err = d.run(pcscd, handler)
	} else {
		close(d.ended)
	}
	if err == nil {
		err = d.await(ctx, ready, len(list))
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func makeDir(path string) (string, error) {
	if path == "" {
		return os.MkdirTemp("", "fobemu")
	}
	return path, os.Mkdir(path, 0o700)
}

// findPcscd looks for pcscd, which isn't on everybody's PATH.
func findPcscd() (string, error) {
	for _, name := range []string{"pcscd", "/usr/sbin/pcscd", "/usr/local/sbin/pcscd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNotInstalled
}

// layOut makes the readers' sockets and pcscd's configuration.
func (d *Daemon) layOut(ctx context.Context, b *emulator.Bench, list []seat, handler string, ready chan<- struct{}) error {
	contents := filepath.Join(d.dir, "drivers", "fob.bundle", "Contents")
	for _, sub := range []string{"run", "conf", filepath.Join(contents[len(d.dir):], "Linux")} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o700); err != nil {
			return err
		}
	}
	for i := range list {
		s := &list[i]
		s.told = sync.OnceFunc(func() { ready <- struct{}{} })
		if err := d.listen(ctx, ifd.ReaderPath(d.bus(), i), func(conn net.Conn) error {
			return (&slot{bench: b, seat: *s, conn: conn}).serve(ctx)
		}); err != nil {
			return err
		}
	}
	if err := d.listen(ctx, d.bus(), func(conn net.Conn) error { return announce(ctx, b, list, conn) }); err != nil {
		return err
	}
	if err := os.Symlink(handler, filepath.Join(contents, "Linux", driverName)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(contents, "Info.plist"), plist(list), 0o600)
}

func (d *Daemon) bus() string { return filepath.Join(d.dir, "bus.sock") }

// driverName is the handler's file name in pcscd's folder of drivers.
const driverName = "libifdfob.so"

// plist describes the driver of the readers to pcscd.
func plist(list []seat) []byte {
	var b bytes.Buffer
	array := func(key string, value func(i int) string) {
		fmt.Fprintf(&b, "<key>%s</key>\n<array>\n", key)
		for i := range list {
			fmt.Fprintf(&b, "<string>%s</string>\n", value(i))
		}
		b.WriteString("</array>\n")
	}
	fmt.Fprintf(&b, "<plist version=\"1.0\">\n<dict>\n<key>CFBundleExecutable</key>\n<string>%s</string>\n", driverName)
	fmt.Fprintf(&b, "<key>ifdCapabilities</key>\n<string>0x00000000</string>\n")
	array("ifdVendorID", func(int) string { return fmt.Sprintf("0x%04X", ifd.Vendor) })
	array("ifdProductID", func(i int) string { return fmt.Sprintf("0x%04X", i) })
	array("ifdFriendlyName", func(i int) string { return list[i].Name })
	b.WriteString("</dict>\n</plist>\n")
	return b.Bytes()
}

// listen serves one socket to those that dial it, one after the other.
func (d *Daemon) listen(ctx context.Context, path string, serve func(net.Conn) error) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	d.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			err = serve(conn)
			d.log.Debug("handler went", "socket", path, "error", err)
		}
	})
	d.work.Go(func() {
		<-ctx.Done()
		l.Close()
	})
	return nil
}

// script gives pcscd, in a mount namespace of its own, folders of ours in the
// place of the one that its socket is in and of the one with its drivers, and
// the handler before libudev. Where the system has no folder for the socket and
// we may not make one, a new /run gets one.
const script = `set -e
[ -d /run/pcscd ] || { mount -t tmpfs tmpfs /run; mkdir /run/pcscd; }
mount --bind "$1" /run/pcscd
mount --bind "$2" "$3"
export LD_PRELOAD="$4"
shift 4
exec "$@"`

// driversOf is the folder in which a pcscd looks for its drivers of readers that
// come and go: it was built with that.
func driversOf(pcscd string) (string, error) {
	out, err := exec.Command(pcscd, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("pcscd's version: %w", err)
	}
	said := string(out)
	_, rest, ok := strings.Cut(said, " usbdropdir=")
	if !ok || !strings.Contains(said, " libudev ") {
		return "", errors.New("pcscd was built without libudev, by which readers come and go")
	}
	return strings.Fields(rest)[0], nil
}

// run starts pcscd.
func (d *Daemon) run(pcscd, handler string) error {
	drivers, err := driversOf(pcscd)
	if err != nil {
		close(d.ended)
		return err
	}
	sub := func(name string) string { return filepath.Join(d.dir, name) }
	cmd := exec.Command("/bin/sh", "-c", script, "sh", sub("run"), sub("drivers"), drivers, handler, pcscd, "--foreground", "--config", sub("conf"))
	cmd.Env = append(os.Environ(), ifd.BusVariable+"="+d.bus())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if os.Geteuid() != 0 {
		own := func(id int) []syscall.SysProcIDMap {
			return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
		}
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = own(os.Getuid()), own(os.Getgid())
	}
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	d.cmd = cmd
	d.work.Go(func() { d.keepLog(out) })
	started := make(chan error)
	go func() {
		// pcscd gets its signal when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			// What pcscd ends with tells nothing that its log doesn't.
			_ = cmd.Wait()
		}
		w.Close()
		close(d.ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("pcscd in a namespace of its own: %w", err)
	}
	return nil
}

// keepLog hands on what pcscd says, and keeps the last of it.
func (d *Daemon) keepLog(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		d.log.Debug("pcscd", "says", lines.Text())
		d.mu.Lock()
		d.last = lines.Text()
		d.mu.Unlock()
	}
	// A line too long for the scanner must not block pcscd.
	_, _ = io.Copy(io.Discard, r)
}

// await returns once every reader was seen by pcscd and clients can connect.
func (d *Daemon) await(ctx context.Context, ready <-chan struct{}, readers int) error {
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	for range readers {
		if err := step(ctx, d, ready, late.C); err != nil {
			return err
		}
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		conn, err := net.Dial("unix", d.socket)
		if err == nil {
			return conn.Close()
		}
		if err := step(ctx, d, look.C, late.C); err != nil {
			return err
		}
	}
}

// step waits for one event of pcscd's start.
func step[T any](ctx context.Context, d *Daemon, event <-chan T, late <-chan time.Time) error {
	select {
	case <-event:
		return nil
	case <-d.ended:
		return fmt.Errorf("pcscd ended: %s", d.said())
	case <-late:
		return fmt.Errorf("pcscd isn't ready after %v: %s", startTimeout, d.said())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *Daemon) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// Socket is the path of pcscd's socket, for clients' [SocketVariable].
func (d *Daemon) Socket() string { return d.socket }

// Done is closed when pcscd has ended, by itself or by Close.
func (d *Daemon) Done() <-chan struct{} { return d.ended }

// Close ends pcscd and takes everything of it away.
func (d *Daemon) Close() error {
	// Handlers whose bench has gone let pcscd end at once.
	d.cancel()
	if d.cmd != nil && d.cmd.Process != nil {
		late := time.AfterFunc(endTimeout, func() { _ = d.cmd.Process.Kill() })
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		<-d.ended
		late.Stop()
	}
	d.work.Wait()
	return os.RemoveAll(d.dir)
}
