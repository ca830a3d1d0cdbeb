package cmd_test

import (
	"bufio"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
	"github.com/fob-auth/fob/devices/serialfob"
	"github.com/fob-auth/fob/firmware/fob"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// boardGuard bounds what the board must do by itself, so that a test that
// hangs says where.
const boardGuard = 60 * time.Second

// A qemuBoard is the firmware on QEMU's lm3s6965evb: its serial line is a PTY,
// its select switch the monitor's ctrl key.
type qemuBoard struct {
	path    string // the PTY's slave
	monitor io.Writer
	console *os.File // keeps the line up between its users; read by one at a time
	lines   *bufio.Reader
	seq     uint16
}

// buildBoard builds the firmware where it isn't built or not as it is now, and
// returns QEMU's image, or why it must be skipped.
var buildBoard = sync.OnceValues(func() (image string, err error) {
	if _, err := exec.LookPath("qemu-system-arm"); err != nil {
		return "", errSkipBoard("needs qemu-system-arm to be installed")
	}
	bin, err := filepath.Abs("../bin")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("../firmware/board/build", "--newer", "-o", bin).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		return "", errSkipBoard("needs llvm-19-dev to be installed, and what else firmware/board/build names")
	}
	if err != nil {
		return "", fmt.Errorf("build the firmware: %w\n%s", err, out)
	}
	return filepath.Join(bin, "fob-lm3s6965.elf"), nil
})

type errSkipBoard string

func (e errSkipBoard) Error() string { return string(e) }

// startBoard boots the firmware, unprovisioned, for the length of the test.
func startBoard(t testing.TB) *qemuBoard {
	t.Helper()
	image, err := buildBoard()
	var skip errSkipBoard
	if errors.As(err, &skip) {
		t.Skip(skip)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("qemu-system-arm", "-M", "lm3s6965evb", "-display", "none", "-monitor", "stdio",
		"-serial", "pty", "-kernel", image)
	monitor, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-drained
		cmd.Wait() // killed: its error says so
	})
	said := bufio.NewReader(out)
	path, err := awaitPTY(said)
	go func() {
		defer close(drained)
		io.Copy(io.Discard, said)
	}()
	if err != nil {
		t.Fatal(err)
	}
	console, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { console.Close() })
	return &qemuBoard{path: path, monitor: monitor, console: console, lines: bufio.NewReader(console)}
}

// awaitPTY reads where QEMU put the serial line.
func awaitPTY(said *bufio.Reader) (string, error) {
	redirected := regexp.MustCompile(`char device redirected to (/dev/\S+)`)
	for {
		text, err := said.ReadString('\n')
		if m := redirected.FindStringSubmatch(text); m != nil {
			return m[1], nil
		}
		if err != nil {
			return "", fmt.Errorf("qemu named no serial line: %w", err)
		}
	}
}

// next is the next whole frame that the board sends within that time.
func (b *qemuBoard) next(within time.Duration) (line.Frame, error) {
	if err := b.console.SetReadDeadline(time.Now().Add(within)); err != nil {
		return line.Frame{}, err
	}
	for {
		raw, err := b.lines.ReadBytes('\n')
		if err != nil {
			return line.Frame{}, fmt.Errorf("the board is silent: %w", err)
		}
		if len(raw) < 2 {
			continue
		}
		if frame, err := line.Parse(raw[:len(raw)-2]); err == nil {
			return frame, nil
		}
	}
}

// ask sends a request and waits for its answer.
func (b *qemuBoard) ask(t testing.TB, req line.Frame) line.Frame {
	t.Helper()
	b.seq++
	req.Seq = b.seq
	raw, err := req.Append([]byte("\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.console.Write(raw); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := b.next(boardGuard)
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq == req.Seq && f.Verb == req.Verb && f.Kind != line.Event {
			return f
		}
	}
}

// event waits for an event, for that long.
func (b *qemuBoard) event(verb string, within time.Duration) error {
	for {
		f, err := b.next(within)
		if err != nil || f.Kind == line.Event && f.Verb == verb {
			return err
		}
	}
}

// hold presses the board's button for that long.
func (b *qemuBoard) hold(t testing.TB, d time.Duration) {
	t.Helper()
	if _, err := fmt.Fprintf(b.monitor, "sendkey ctrl %d\n", d.Milliseconds()); err != nil {
		t.Fatal(err)
	}
}

// press presses and lets go until the board says so. QEMU's switch stands as
// pressed until it is let go for the first time, and a processor that the host
// doesn't run meanwhile misses a short press.
func (b *qemuBoard) press(t testing.TB) {
	t.Helper()
	var err error
	for range 60 {
		b.hold(t, 200*time.Millisecond)
		if err = b.event(line.VerbPress, time.Second); err == nil {
			return
		}
	}
	t.Fatalf("the board doesn't feel its button: %v", err)
}

// provision makes the board a fob with RFC 6238's secret and the host's time,
// and returns how far behind its clock may be.
func (b *qemuBoard) provision(t testing.TB, serial string) (lag time.Duration) {
	t.Helper()
	return b.provisionWith(t, serial, []byte(rfcSecret))
}

// provisionWith is provision with another secret.
func (b *qemuBoard) provisionWith(t testing.TB, serial string, seed []byte) (lag time.Duration) {
	t.Helper()
	set := time.Now()
	for _, req := range []line.Frame{
		line.TimeRequest(0, set), line.SerialRequest(0, serial, ""), line.SeedRequest(0, seed), line.SealRequest(0),
	} {
		if err := line.ParseDone(b.ask(t, req), req.Verb); err != nil {
			t.Fatalf("%s: %v", req.Verb, err)
		}
		lag = max(lag, time.Since(set))
	}
	return lag
}

func (b *qemuBoard) identity(t testing.TB) line.Identity {
	t.Helper()
	id, err := line.ParseIdentity(b.ask(t, line.NewRequest(0, line.VerbIdentity)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// refused checks the failure that ends a request.
func (b *qemuBoard) refused(t testing.TB, req line.Frame, code line.FailureCode) {
	t.Helper()
	var failure *line.FailureError
	if err := b.ask(t, req).Err(); !errors.As(err, &failure) || failure.Code != code {
		t.Errorf("%s: %v, want %s", req.Verb, err, code)
	}
}

// The firmware boots on the emulated microcontroller, computes RFC 6238's
// vectors, is provisioned over its line, and gives the code of the present step
// through the driver.
func TestBoardGivesCodes(t *testing.T) {
	t.Parallel()
	b := startBoard(t)
	self, err := line.ParseSelfTest(b.ask(t, line.NewRequest(0, line.VerbSelfTest)))
	if err != nil || self.Vectors < 6 || self.Failed != 0 {
		t.Fatalf("self-test %+v, %v", self, err)
	}
	if id := b.identity(t); id.Serial != "" {
		t.Errorf("booted as %s", id.Serial)
	}
	b.refused(t, line.NewRequest(0, line.VerbCode), line.FailUnprovisioned)
	lag := b.provision(t, "GAHT12345678")
	b.refused(t, line.SeedRequest(0, []byte(rfcSecret)), line.FailSealed)
	b.refused(t, line.TimeRequest(0, time.Now().Add(24*time.Hour)), line.FailSealed)

	ctx, cancel := context.WithTimeout(t.Context(), boardGuard)
	defer cancel()
	token := openBoard(t, ctx, b)
	if info := token.Info(); info.Serial != "GAHT12345678" || info.Firmware != fob.Version || !info.Slot.Emulated {
		t.Errorf("%+v", info)
	}
	before := time.Now().Add(-lag)
	code, err := token.(devices.Coder).Code(ctx, "GAHT12345678", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if first, last := uint64(before.Unix()/30), uint64(time.Now().Unix()/30); code.Counter < first || code.Counter > last {
		t.Errorf("a code of step %d, the present one is %d to %d", code.Counter, first, last)
	}
	want, err := totp.GenerateCode(base32.StdEncoding.EncodeToString([]byte(rfcSecret)), time.Unix(int64(code.Counter)*30, 0))
	if err != nil || code.Digits.Reveal() != want {
		t.Errorf("code %s, the oracle says %s, %v", code.Digits.Reveal(), want, err)
	}
}

// The board's driver passes what every driver passes.
func TestBoardConforms(t *testing.T) {
	t.Parallel()
	devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
		b := startBoard(t)
		b.provision(t, "GAHT12345678")
		driver, err := serialfob.New(serialfob.Config{Port: b.path})
		if err != nil {
			t.Fatal(err)
		}
		return devicetest.Fixture{Driver: driver, Serial: "GAHT12345678", Model: fob.DefaultModel, Firmware: fob.Version, Emulated: true,
			Accounts: []devicetest.Account{{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{
				ID: "GAHT12345678", Type: devices.TOTP, Algorithm: devices.SHA1, Digits: fob.Digits, Period: fob.Period}}}}
	})
}

// The board's button: a press is an event, ten seconds make the fob forget.
func TestBoardButton(t *testing.T) {
	t.Parallel()
	b := startBoard(t)
	b.provision(t, "GAHT12345678")
	b.press(t)
	b.hold(t, fob.WipeHold+2*time.Second)
	if err := b.event(line.VerbWiped, boardGuard); err != nil {
		t.Fatal(err)
	}
	if id := b.identity(t); id.Serial != "" {
		t.Errorf("still %s", id.Serial)
	}
	b.refused(t, line.NewRequest(0, line.VerbCode), line.FailUnprovisioned)
}

func openBoard(t testing.TB, ctx context.Context, b *qemuBoard) devices.Token {
	t.Helper()
	driver, err := serialfob.New(serialfob.Config{Port: b.path})
	if err != nil {
		t.Fatal(err)
	}
	token, err := driver.Open(ctx, devices.Slot{Driver: serialfob.Name, Path: b.path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { token.Close() })
	return token
}

// BenchmarkFobOnBoard is one question and its answer through the driver.
func BenchmarkFobOnBoard(b *testing.B) {
	board := startBoard(b)
	board.provision(b, "GAHT12345678")
	clock := openBoard(b, b.Context(), board).(devices.Clock)
	for b.Loop() {
		if _, err := clock.Time(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
