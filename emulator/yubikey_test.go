package emulator

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

// Command APDUs of YKOATH ("SELECT", "CALCULATE", "DELETE").
const (
	selectOATH = "00a4040007a0000005272101"
	// calculateX is a truncated code of the credential "x" at time step 1, for
	// which RFC 6238, appendix B, gives 94287082 of the test key.
	calculateX = "00a20001" + "0d" + "710178" + "7408" + "0000000000000001"
	deleteX    = "00020000" + "03" + "710178"
	// codeX is the answer: tag 76, length, digits, and 4287082 & 0x7fffffff as
	// RFC 4226, 5.4, example gives it for counter 1: 0x41397eea.
	codeX = "7605" + "08" + "41397eea" + "9000"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	check(t, err)
	return b
}

func openCard(t *testing.T, token *Token) *Session {
	t.Helper()
	s, err := token.Open(context.Background())
	check(t, err)
	return s
}

// transmit wants an answer in hex.
func transmit(t *testing.T, s *Session, cmd, want string) {
	t.Helper()
	got, err := s.Transmit(context.Background(), unhex(t, cmd))
	if err != nil || hex.EncodeToString(got) != want {
		t.Fatalf("%s gave %x, %v, want %s", cmd, got, err, want)
	}
}

// selectApplet selects the OATH applet, whose answer begins with its version.
func selectApplet(t *testing.T, s *Session) {
	t.Helper()
	got, err := s.Transmit(context.Background(), unhex(t, selectOATH))
	if err != nil || !bytes.HasPrefix(got, []byte{0x79, 3, 5, 4, 3}) {
		t.Fatalf("SELECT gave %x, %v", got, err)
	}
}

func touchBench(touch string, lines ...string) string {
	return yubikeyBench(append(lines, "touch: "+touch,
		`credentials: [{name: x, secret: `+rfcBase32+`, digits: 8, touch: true}]`)...)
}

func TestCardGivesCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, touchBench("auto"))
		defer closeBench(t, b)
		yk := mustToken(t, b, "yk1")
		s := openCard(t, yk)
		defer s.Close()
		selectApplet(t, s)
		transmit(t, s, calculateX, codeX)
		st := yk.State()
		if st.Commands != 2 || st.Codes != 1 || st.Presses != 1 || st.Waiting || st.Firmware != "5.4.3" || st.Clock != nil {
			t.Errorf("state is %+v", st)
		}
	})
}

func TestTouchManual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, touchBench("manual"))
		defer closeBench(t, b)
		yk := mustToken(t, b, "yk1")
		s := openCard(t, yk)
		defer s.Close()
		selectApplet(t, s)
		if err := yk.Press(context.Background()); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("a press too early gave %v", err)
		}
		pressed := make(chan error)
		go func() {
			synctest.Wait()
			if st := yk.State(); !st.Waiting || st.Codes != 0 {
				t.Errorf("state while it waits is %+v", st)
			}
			time.Sleep(14 * time.Second)
			pressed <- yk.Press(context.Background())
		}()
		transmit(t, s, calculateX, codeX)
		check(t, <-pressed)
		if st := yk.State(); st.Presses != 1 || st.Waiting || st.Codes != 1 {
			t.Errorf("state is %+v", st)
		}
		if err := yk.Press(context.Background()); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("a second press gave %v", err)
		}
	})
}

func TestTouchNeverRunsIntoTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, touchBench("never"))
		defer closeBench(t, b)
		yk := mustToken(t, b, "yk1")
		s := openCard(t, yk)
		defer s.Close()
		selectApplet(t, s)
		asked := time.Now()
		got, err := s.Transmit(context.Background(), unhex(t, calculateX))
		if err != nil || len(got) != 2 || got[0] == 0x90 {
			t.Errorf("without a touch it answered %x, %v", got, err)
		}
		if waited := time.Since(asked); waited != 15*time.Second {
			t.Errorf("it waited %v", waited)
		}
		if st := yk.State(); st.Presses != 0 || st.Waiting || st.Codes != 0 {
			t.Errorf("state is %+v", st)
		}
		// The card lives on.
		selectApplet(t, s)
	})
}

func TestTouchIsCutOff(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(t *testing.T, yk *Token, hangUp context.CancelFunc)
		want error
	}{
		{"by unplugging", func(t *testing.T, yk *Token, _ context.CancelFunc) { check(t, yk.Unplug()) }, ErrUnplugged},
		{"by the client", func(_ *testing.T, _ *Token, hangUp context.CancelFunc) { hangUp() }, context.Canceled},
		{"by a reset", func(t *testing.T, yk *Token, _ context.CancelFunc) { check(t, yk.Reset()) }, ErrUnplugged},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := newBench(t, touchBench("manual"))
				defer closeBench(t, b)
				yk := mustToken(t, b, "yk1")
				s := openCard(t, yk)
				selectApplet(t, s)
				ctx, hangUp := context.WithCancel(context.Background())
				defer hangUp()
				ended := make(chan error)
				go func() {
					_, err := s.Transmit(ctx, unhex(t, calculateX))
					ended <- err
				}()
				synctest.Wait()
				began := time.Now()
				c.cut(t, yk, hangUp)
				if err := <-ended; !errors.Is(err, c.want) {
					t.Errorf("the command ended with %v, want %v", err, c.want)
				}
				if waited := time.Since(began); waited != 0 {
					t.Errorf("it ended after %v", waited)
				}
				if st := yk.State(); st.Waiting || st.Presses != 0 {
					t.Errorf("state is %+v", st)
				}
				check(t, s.Close())

				// The next client finds a card that was powered up anew.
				check(t, yk.Plug())
				s = openCard(t, yk)
				defer s.Close()
				transmit(t, s, calculateX, "6d00")
				selectApplet(t, s)
			})
		})
	}
}

func TestOneClientAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, yubikeyBench())
		defer closeBench(t, b)
		yk := mustToken(t, b, "yk1")
		first := openCard(t, yk)

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := yk.Open(ctx); !errors.Is(err, ErrBusy) {
			t.Errorf("a second client got %v", err)
		}

		// One who waits gets the card as soon as it is free.
		second := make(chan error)
		open := func() {
			s, err := yk.Open(context.Background())
			if err == nil {
				err = s.Close()
			}
			second <- err
		}
		go open()
		synctest.Wait()
		check(t, first.Close())
		check(t, first.Close())
		check(t, <-second)

		// Unplugging frees the seat even if the client never lets go, and sends
		// those away who wait.
		held := openCard(t, yk)
		go open()
		synctest.Wait()
		check(t, yk.Unplug())
		if err := <-second; !errors.Is(err, ErrUnplugged) {
			t.Errorf("who waited got %v", err)
		}
		if _, err := yk.Open(context.Background()); !errors.Is(err, ErrUnplugged) {
			t.Errorf("opening an unplugged card gave %v", err)
		}
		check(t, yk.Plug())
		next := openCard(t, yk)
		selectApplet(t, next)
		if _, err := held.Transmit(context.Background(), unhex(t, selectOATH)); !errors.Is(err, ErrUnplugged) {
			t.Errorf("the old client got %v", err)
		}
		select {
		case <-held.Done():
		default:
			t.Error("the old session isn't done")
		}
		check(t, held.Close())
		if _, err := yk.Open(ctx); !errors.Is(err, ErrBusy) {
			t.Errorf("closing the old session freed the new one's seat: %v", err)
		}
		check(t, next.Close())
	})
}

func TestWhatIsNoCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, fobBench()+yubikeyBench()[len("tokens:\n"):])
		defer closeBench(t, b)
		if _, err := mustToken(t, b, "fob1").Open(context.Background()); !errors.Is(err, ErrKind) {
			t.Errorf("opening a fob gave %v", err)
		}
		offset := time.Second
		if err := mustToken(t, b, "yk1").ChangeClock(clockChange(&offset)); !errors.Is(err, ErrKind) {
			t.Errorf("a yubikey's clock gave %v", err)
		}
	})
}

func TestCardFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, touchBench("auto"))
		defer closeBench(t, b)
		yk := mustToken(t, b, "yk1")
		s := openCard(t, yk)
		defer s.Close()
		selectApplet(t, s)
		fault := func(f api.Fault) { t.Helper(); check(t, yk.AddFault(f)) }

		fault(api.Fault{Kind: api.FaultStatus, SW: 0x6f00, After: 1})
		transmit(t, s, calculateX, codeX)
		transmit(t, s, calculateX, "6f00")

		fault(api.Fault{Kind: api.FaultTruncate, Bytes: 4})
		transmit(t, s, calculateX, codeX[:8])

		fault(api.Fault{Kind: api.FaultDrop})
		if got, err := s.Transmit(context.Background(), unhex(t, calculateX)); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("drop gave %x, %v", got, err)
		}

		fault(api.Fault{Kind: api.FaultGarbage, Bytes: 300})
		if got, err := s.Transmit(context.Background(), unhex(t, calculateX)); err != nil || len(got) != 300 {
			t.Errorf("garbage gave %d bytes, %v", len(got), err)
		}

		fault(api.Fault{Kind: api.FaultDelay, DelayMS: 1500})
		asked := time.Now()
		transmit(t, s, calculateX, codeX)
		if waited := time.Since(asked); waited != 1500*time.Millisecond {
			t.Errorf("it answered after %v", waited)
		}

		fault(api.Fault{Kind: api.FaultRemove})
		if got, err := s.Transmit(context.Background(), unhex(t, calculateX)); !errors.Is(err, ErrUnplugged) {
			t.Errorf("remove gave %x, %v", got, err)
		}
		if st := yk.State(); st.Plugged || len(st.Faults) != 0 {
			t.Errorf("state is %+v", st)
		}
	})
}

func TestCardStateSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bench := touchBench("auto", "state: "+filepath.Join(t.TempDir(), "yk1.state"))
		run := func(do func(yk *Token, s *Session)) {
			b, _ := newBench(t, bench)
			defer closeBench(t, b)
			yk := mustToken(t, b, "yk1")
			s := openCard(t, yk)
			defer s.Close()
			selectApplet(t, s)
			do(yk, s)
		}
		run(func(_ *Token, s *Session) { transmit(t, s, deleteX, "9000") })
		// What a client deleted stays deleted, though the bench file has it.
		run(func(yk *Token, s *Session) {
			transmit(t, s, calculateX, "6984")
			check(t, yk.Reset())
			s = openCard(t, yk)
			selectApplet(t, s)
			transmit(t, s, calculateX, codeX)
		})
		run(func(_ *Token, s *Session) { transmit(t, s, calculateX, codeX) })
	})
}

func TestCredentialThatDoesntFitIsNamed(t *testing.T) {
	creds := "credentials:\n"
	for i := range 33 {
		creds += fmt.Sprintf("    - {name: c%d, secret: AAAA}\n", i)
	}
	file, err := Parse("b", []byte(yubikeyBench(creds)))
	check(t, err)
	_, err = New(file, Options{Now: time.Now, Random: zeros{}})
	if err == nil || !strings.Contains(err.Error(), `token yk1: credential "c32"`) {
		t.Errorf("the 33rd credential of a 5.4.3 gave %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestPlugAndUnplugUnderLoad takes a key and a fob in and out while clients use
// them. The bubble fails the test if a goroutine is left.
func TestPlugAndUnplugUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bench := touchBench("manual") + fobBench("button: manual")[len("tokens:\n"):]
		b, ls := newBench(t, bench)
		yk, fob := mustToken(t, b, "yk1"), mustToken(t, b, "fob1")
		done, stop := context.WithCancel(context.Background())
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for done.Err() == nil {
					s, err := yk.Open(done)
					if err != nil {
						time.Sleep(time.Millisecond)
						continue
					}
					for err == nil {
						_, err = s.Transmit(done, unhex(t, selectOATH))
						if err == nil {
							_, err = s.Transmit(done, unhex(t, calculateX))
						}
					}
					if !errors.Is(err, ErrUnplugged) && done.Err() == nil {
						t.Errorf("a card ended with %v", err)
					}
					s.Close()
				}
			})
		}
		clients.Go(func() {
			for done.Err() == nil {
				ls.at("/tmp/fob1").ask("code")
				time.Sleep(time.Millisecond) // for the bubble's clock to move
			}
		})
		clients.Go(func() {
			for done.Err() == nil {
				_ = b.Press(done, yk, time.Second) // it may be unplugged; that is the point
				_ = b.Press(done, fob, time.Second)
				time.Sleep(time.Millisecond)
			}
		})
		for range 100 {
			time.Sleep(3 * time.Millisecond)
			check(t, yk.Unplug())
			check(t, fob.Unplug())
			time.Sleep(2 * time.Millisecond)
			check(t, yk.Plug())
			check(t, fob.Plug())
		}
		stop()
		closeBench(t, b)
		clients.Wait()
		if s := yk.State(); s.Plugs != 101 || s.Waiting {
			t.Errorf("state is %+v", s)
		}
	})
}
