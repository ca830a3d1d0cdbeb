package benchtest_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/benchtest"
)

// seed is the secret of RFC 6238's vectors, in base32.
const seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// A program asks the bench's socket what is plugged in, while the test pulls
// the key.
func Example() {
	t := new(exampleTB) // a test has its own
	defer t.end()
	bench := benchtest.Start(t, benchtest.YubiKey("12345678", benchtest.TOTP("AWS:carol", seed)))

	fmt.Println(pluggedIn(bench.Socket))
	bench.Unplug("12345678")
	fmt.Println(pluggedIn(bench.Socket))

	// Output:
	// [12345678]
	// []
}

// pluggedIn asks a bench for the serial numbers of its tokens that are plugged
// in.
func pluggedIn(socket string) []string {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
	resp, err := client.Get("http://bench" + api.PathTokens)
	if err != nil {
		return []string{err.Error()}
	}
	defer resp.Body.Close()
	var tokens []api.Token
	if err := json.NewDecoder(resp.Body).Decode(&tokens); err != nil {
		return []string{err.Error()}
	}
	serials := []string{}
	for _, token := range tokens {
		if token.Plugged {
			serials = append(serials, token.Serial)
		}
	}
	return serials
}

// A card that waits for a touch: commands go to it with no socket between, and
// the test is the finger.
func ExampleBench_Press() {
	t := new(exampleTB)
	defer t.end()
	credential := benchtest.TOTP("x", seed)
	credential.Touch = true
	key := benchtest.YubiKey("12345678", credential)
	key.Button = emulator.ButtonManual
	bench := benchtest.Options{NoSocket: true}.Start(t, key)

	card, err := bench.Token("12345678").Open(context.Background())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer card.Close()
	answers := make(chan string)
	go func() {
		answers <- transmit(card, "00a4040007a0000005272101")             // SELECT OATH
		answers <- transmit(card, "00a200010d71017874080000000000000001") // CALCULATE "x" for step 1
	}()
	fmt.Println("selected:", len(<-answers) > 4)
	bench.Press("12345678")
	fmt.Println(<-answers)
	fmt.Println("presses:", bench.Await("12345678", func(s api.Token) bool { return !s.Waiting }).Presses)

	// Output:
	// selected: true
	// 76050641397eea9000
	// presses: 1
}

// transmit exchanges APDUs, in hex.
func transmit(card *emulator.Session, command string) string {
	b, err := hex.DecodeString(command)
	if err != nil {
		return err.Error()
	}
	answer, err := card.Transmit(context.Background(), b)
	if err != nil {
		return err.Error()
	}
	return hex.EncodeToString(answer)
}

// A fob's clock is the test's.
func ExampleClock() {
	t := new(exampleTB)
	defer t.end()
	clock := benchtest.NewClock(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC))
	fob := benchtest.Fob("GAHT12345678", seed)
	fob.Offset = -40 * time.Second
	bench := benchtest.Options{Now: clock.Now}.Start(t, fob)

	fmt.Println(bench.Token("GAHT12345678").State().Clock.Now)
	clock.Advance(time.Hour)
	fmt.Println(bench.Token("GAHT12345678").State().Clock.Now)

	// Output:
	// 2026-09-01 11:59:20 +0000 UTC
	// 2026-09-01 12:59:20 +0000 UTC
}

// An exampleTB stands in for a test's *testing.T.
type exampleTB struct{ cleanups []func() }

func (t *exampleTB) Helper()                           {}
func (t *exampleTB) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleTB) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }

func (t *exampleTB) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}
