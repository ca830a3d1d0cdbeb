package transcript

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
)

// A scripted card gives one answer after the other, whatever is asked.
type scripted struct {
	answers []string // in hex; "" for none
	closed  bool
}

func (s *scripted) Transmit(context.Context, []byte) ([]byte, error) {
	if len(s.answers) == 0 || s.answers[0] == "" {
		return nil, devices.ErrRemoved
	}
	answer, err := hex.DecodeString(s.answers[0])
	s.answers = s.answers[1:]
	return answer, err
}

func (s *scripted) Close() error { s.closed = true; return nil }

// A sheet is where a session goes in a test.
type sheet struct{ bytes.Buffer }

func (*sheet) Close() error { return nil }

// recorded is what is written of a session of commands and their answers, line
// by line, without the times.
func recorded(t *testing.T, exchanges ...[2]string) []string {
	t.Helper()
	text := new(sheet)
	recorder := &Recorder{New: func(devices.Slot) (io.WriteCloser, error) { return text, nil }, Now: time.Now, Failed: func(err error) { t.Error(err) }}
	card := &scripted{}
	for _, e := range exchanges {
		card.answers = append(card.answers, e[1])
	}
	tapped := recorder.Wrap(card, devices.Slot{Driver: "test", Path: "card"})
	for _, e := range exchanges {
		command, err := hex.DecodeString(e[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tapped.Transmit(t.Context(), command); (err == nil) != (e[1] != "") {
			t.Errorf("%s: %v", e[0], err)
		}
	}
	if err := tapped.Close(); err != nil || !card.closed || len(recorder.open) != 0 {
		t.Errorf("close: %v, the card's %v, %d open", err, card.closed, len(recorder.open))
	}
	sessions, err := Decode(text.Bytes())
	if err != nil || len(sessions) != 1 || sessions[0].Name != "test card" {
		t.Fatalf("recorded %q: %v", text.String(), err)
	}
	var lines []string
	for _, l := range sessions[0].Lines {
		l.After = 0
		lines = append(lines, strings.Replace(strings.TrimSuffix(string(l.append(nil)), "\n"), " 0s ", " ", 1))
	}
	return lines
}

const (
	selectOATH = "00A4040007A0000005272101"
	selected   = "790305040371081122334455667788" + "9000"
)

// TestSecretsStayOut shows, command by command, what is written of a session.
// The card's own numbers are 99 throughout, and must not be seen.
func TestSecretsStayOut(t *testing.T) {
	in := [2]string{selectOATH, selected}
	for name, test := range map[string]struct {
		exchanges [][2]string
		want      string // its lines, after the SELECT
	}{
		"a new account's key, and its code": {
			[][2]string{
				{"0001000013" + "710161" + "730E2106" + "999999999999999999999999", "9000"},
				{"00A200010D" + "710161" + "74080000000000000001", "760506" + "99999999" + "9000"},
			},
			"> 0001000013" + "710161" + "730E2106" + "313233343536373839303132|< 9000|" +
				"> 00A200010D71016174080000000000000001|< 760506" + "41397EEA" + "9000", // RFC 4226, appendix D, count 1
		},
		"a touch property without a length": {
			[][2]string{{"0001000015" + "710161" + "730E2106" + "999999999999999999999999" + "7802", "9000"}},
			"> 0001000015" + "710161" + "730E2106" + "313233343536373839303132" + "7802|< 9000",
		},
		"codes in an answer of two parts": {
			[][2]string{
				{"00A1000000", "72022161" + "72021162" + "9000"},
				{"00A400010A74080000000000000001", "710161" + "760506" + "9999" + "6108"},
				{"00A5000000", "9999" + "710162" + "770106" + "9000"},
			},
			"> 00A1000000|< 72022161720211629000|> 00A400010A74080000000000000001|" +
				"< 710161" + "760506" + "4139" + "6108|> 00A5000000|< 7EEA" + "710162" + "770106" + "9000",
		},
		"an answer that breaks off": {
			[][2]string{
				{"00A400010A74080000000000000001", "710161" + "760506" + "9999" + "6108"},
				{"00A1000000", "720221619000"},
			},
			"> 00A400010A74080000000000000001|< 0000000000000000" + "6108|> 00A1000000|< 720221619000",
		},
		"the whole HMAC": {
			[][2]string{
				{"00A1000000", "720222619000"},
				{"00A200000D" + "710161" + "74080000000000000001", "752106" + strings.Repeat("99", 32) + "9000"},
			},
			// what openssl dgst -sha256 -hmac says of the challenge under StandIn
			"> 00A1000000|< 720222619000|> 00A200000D71016174080000000000000001|" +
				"< 752106" + "EC9D4F687B4EFE6ACC52100672660B84C0E7210BA0382141F8ECB90796CAB912" + "9000",
		},
		"a password set, and proven": {
			[][2]string{
				{"00030000" + "1B" + "73059999999999" + "74089999999999999999" + "75089999999999999999", "9000"},
				{"00A3000014" + "75089999999999999999" + "74089999999999999999", "75089999999999999999" + "9000"},
			},
			"> 000300001B" + strings.Repeat("00", 27) + "|< 9000|> 00A3000014" + strings.Repeat("00", 20) + "|< " + strings.Repeat("00", 10) + "9000",
		},
		"a PIN": {
			[][2]string{{"00A4040005A000000308", "61009000"}, {"00200080083939393939393939", "63C2"}, {"00FD000000", "0504039000"}},
			"> 00A4040005A000000308|< 61009000|> 00200080080000000000000000|< 63C2|> 00FD000000|< 0504039000",
		},
		"a lock code": {
			[][2]string{{"00A4040008A000000527471117", "9000"}, {"001C000003029999", "9000"}, {"001D000000", "02020011" + "9000"}},
			"> 00A4040008A000000527471117|< 9000|> 001C000003000000|< 9000|> 001D000000|< 020200119000",
		},
		"a slot's response": {
			[][2]string{{"00A4040007A0000005272001", "0504039000"}, {"0001300002" + "9999", "99999999" + "9000"}, {"0001100000", "00BC614E9000"}},
			"> 00A4040007A0000005272001|< 0504039000|> 00013000020000|< 000000009000|> 0001100000|< 00BC614E9000",
		},
		"an applet that nothing is known of": {
			[][2]string{{"00A4040005A000000099", "9000"}, {"00A1000000", "99999000"}},
			"> 00A4040005A000000099|< 9000|> 00A1000000|< 00009000",
		},
		"a command in parts": {
			[][2]string{{"10010000029999", "9000"}, {"00010000029999", "9000"}, {"00A1000000", "720221619000"}},
			"> 10010000020000|< 9000|> 00010000020000|< 9000|> 00A1000000|< 720221619000",
		},
		"what is no command, and no answer": {
			[][2]string{{"0001000099999999", "9000"}, {"00A1000000", "99"}, {"00A1000000", ""}},
			"> 0001000000000000|< 9000|> 00A1000000|< 00|> 00A1000000|! removed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := recorded(t, append([][2]string{in}, test.exchanges...)...)
			if got := strings.Join(got[2:], "|"); got != test.want {
				t.Errorf("recorded is\n%s, want\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(test.want, "|", "\n"))
			}
			if strings.Contains(strings.Join(got, " "), "9999") {
				t.Error("a secret is in the transcript")
			}
		})
	}
}

// TestNothingHarmsASession: a card works on where its transcript can't be
// written, and the recorder says so, once.
func TestNothingHarmsASession(t *testing.T) {
	var told []error
	tell := func(err error) { told = append(told, err) }
	card := &scripted{answers: []string{"9000", "9000"}}
	refusing := &Recorder{New: func(devices.Slot) (io.WriteCloser, error) { return nil, os.ErrPermission }, Now: time.Now, Failed: tell}
	if got := refusing.Wrap(card, devices.Slot{}); got != devices.Transport(card) || len(told) != 1 || !errors.Is(told[0], os.ErrPermission) {
		t.Errorf("%v, told %v", got, told)
	}
	full := &Recorder{New: func(devices.Slot) (io.WriteCloser, error) { return new(brokenSheet), nil }, Now: time.Now, Failed: tell}
	tapped := full.Wrap(card, devices.Slot{})
	for range 2 {
		if _, err := tapped.Transmit(t.Context(), []byte{0, 0xA1, 0, 0}); err != nil {
			t.Error(err)
		}
	}
	if err := tapped.Close(); err != nil || len(told) != 2 || !errors.Is(told[1], io.ErrShortWrite) {
		t.Errorf("%v, told %v", err, told)
	}
}

// A brokenSheet takes nothing.
type brokenSheet struct{}

func (*brokenSheet) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
func (*brokenSheet) Close() error              { return nil }

// TestFolder: files are their owner's alone, one a session, with its moment.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	at := time.Date(2026, 3, 1, 12, 30, 45, 0, time.FixedZone("", 3600))
	now := func() time.Time { at = at.Add(time.Millisecond); return at } // at each look
	recorder := InFolder(dir, now, func(err error) { t.Error(err) })
	for range 2 {
		tapped := recorder.Wrap(&scripted{answers: []string{"9000"}}, devices.Slot{Driver: "a/b", Path: "c"})
		if _, err := tapped.Transmit(t.Context(), []byte{0, 0xA1, 0, 0}); err != nil {
			t.Fatal(err)
		}
		if err := tapped.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(files) != 2 || filepath.Base(files[0]) != "20260301T113045.001000000Z-a_b.transcript" || !strings.Contains(files[1], ".004000000Z-") {
		t.Fatalf("%v, %v", files, err)
	}
	for _, path := range append(files, dir) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if sessions, err := Decode(text); err != nil || len(sessions) != 1 || len(sessions[0].Lines) != 2 || sessions[0].Lines[1].After != time.Millisecond {
		t.Errorf("%v, %v", sessions, err)
	}
}
