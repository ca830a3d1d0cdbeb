package cmd_test

import (
	"bytes"
	"encoding/base32"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
	"github.com/fob-auth/fob/devices/emulated"
	"github.com/fob-auth/fob/devices/transcript"
	"github.com/fob-auth/fob/emulator/benchtest"
)

// record writes the transcripts anew, where what a driver sends or a card
// answers has changed on purpose: go test ./cmd -run TestTranscripts -args -record
var record = flag.Bool("record", false, "write the transcripts of devices/transcript anew")

// transcriptFirmwares are the versions whose sessions are recorded.
var transcriptFirmwares = []string{"5.7.1", "5.4.3", "5.2.7", "4.3.7"}

// transcriptAccounts are what is on the key.
func transcriptAccounts() []devicetest.Account {
	totp := func(id string, a devices.Algorithm, digits int, period time.Duration, touch bool) devicetest.Account {
		return devicetest.Account{Secret: devices.Secret("a secret that must not be seen"), Credential: devices.Credential{
			ID: id, Type: devices.TOTP, Algorithm: a, Digits: digits, Period: period, Touch: touch}}
	}
	return []devicetest.Account{
		totp("AWS:carol", devices.SHA1, 6, 30*time.Second, false),
		totp("eight", devices.SHA256, 8, 60*time.Second, false),
		totp("touch", devices.SHA1, 7, 30*time.Second, true),
	}
}

// TestTranscripts runs the suite that every driver passes over the bench's own
// keys, of four firmware versions, and records it. What is recorded is what
// devices/transcript replays, byte for byte but for the times, and holds no
// secret.
func TestTranscripts(t *testing.T) {
	for _, firmware := range transcriptFirmwares {
		t.Run(firmware, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("..", "devices", "transcript", "testdata", "yubikey-"+firmware+".txtar")
			got := txtar.Format(recordSuite(t, firmware))
			if secret := []byte("61207365637265742074686174"); bytes.Contains(bytes.ToLower(got), secret) {
				t.Error("the accounts' secret is in the transcript")
			}
			if *record {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := steady(got), steady(want); got != want {
				t.Errorf("%s isn't what the key says today; %s", path, firstDifference(got, want))
			}
		})
	}
}

// recordSuite records each test of the suite into a file of an archive.
func recordSuite(t *testing.T, firmware string) *txtar.Archive {
	archive := &txtar.Archive{Comment: []byte("The tests of devices/devicetest on an emulated YubiKey " + firmware + ", as cmd/transcript_test.go records them.\n")}
	var sessions sheaf
	devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
		sessions.begin(archive, t.Name())
		return recorded(t, firmware, &transcript.Recorder{New: sessions.next, Now: time.Now, Failed: func(err error) { t.Error(err) }})
	})
	sessions.begin(archive, "")
	return archive
}

// recorded is a key of the bench whose sessions are recorded.
func recorded(t *testing.T, firmware string, recorder *transcript.Recorder) devicetest.Fixture {
	b := benchtest.Options{Random: steadyRandom()}.StartFile(t, `
tokens:
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: `+firmware+`, touch: manual, credentials: [
     {name: "AWS:carol", secret: `+transcriptSecret+`}, {name: "eight", secret: `+transcriptSecret+`, digits: 8, period: 60, algorithm: SHA256},
     {name: "touch", secret: `+transcriptSecret+`, touch: true, digits: 7}]}
`)
	driver := emulated.New(b.Socket)
	driver.Tap = func(t devices.Transport, s devices.Slot) devices.Transport {
		s.Path = "yk1"
		return recorder.Wrap(t, s)
	}
	f := devicetest.Fixture{Driver: driver, Serial: "12345678", Model: "YubiKey", Firmware: firmware, Emulated: true, Writer: true, Accounts: transcriptAccounts()}
	levers(t, b.Emulator, "yk1", &f)
	told := func(event string, hand func()) func() {
		return func() { recorder.Happen(event); hand() }
	}
	f.Press, f.Unplug, f.Plug = told("press", f.Press), told(transcript.EventUnplug, f.Unplug), told(transcript.EventPlug, f.Plug)
	return f
}

var transcriptSecret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("a secret that must not be seen"))

// steadyRandom is the same sequence each time.
func steadyRandom() io.Reader { return &lockedReader{r: rand.NewChaCha8([32]byte{1})} }

type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// A sheaf gathers the sessions of one test after the other.
type sheaf struct {
	mu    sync.Mutex
	name  string
	texts []*page
}

// A page is the text of one session.
type page struct{ bytes.Buffer }

func (*page) Close() error { return nil }

func (s *sheaf) next(devices.Slot) (io.WriteCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &page{}
	s.texts = append(s.texts, p)
	return p, nil
}

// begin puts the sessions of the test so far into the archive. The fixture that
// the suite makes to see what it can test is no test.
func (s *sheaf) begin(a *txtar.Archive, test string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Count(s.name, "/") == 2 {
		var text []byte
		for _, p := range s.texts {
			text = append(text, p.Bytes()...)
		}
		a.Files = append(a.Files, txtar.File{Name: s.name[strings.LastIndex(s.name, "/")+1:], Data: text})
	}
	s.name, s.texts = test, nil
}

var (
	tookTime = regexp.MustCompile(`(?m)^([<!]) \S+ `)
	// racing is the test that closes the token beside a caller: how many
	// commands it sends is chance.
	racing = regexp.MustCompile(`(?ms)^-- CloseDuringCalls --$.*?(^-- |\z)`)
)

// steady is what of a transcript is the same each time.
func steady(text []byte) string {
	return tookTime.ReplaceAllString(racing.ReplaceAllString(string(text), "$1"), "$1 ")
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "it says\n" + g[i] + "\nand the transcript\n" + w[i]
		}
	}
	return "one is longer"
}
