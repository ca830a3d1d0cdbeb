package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// An image is the content of some folders.
type image map[string][]byte

func takeImage(t *testing.T, folders ...string) image {
	t.Helper()
	img := image{}
	for _, dir := range folders {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			img[path], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// restore makes the folders as they were.
func (img image) restore(t *testing.T, folders ...string) {
	t.Helper()
	for _, dir := range folders {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for path, b := range img {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A user is a credential whose codes are asked for, and what it was given.
type user struct {
	token, credential string
	device            sts.Device
	// ahead is how many steps a token's own clock is fast; a token without a
	// clock of its own has free choice of AWS's window.
	ahead    uint64
	ownClock bool
	given    map[uint64]bool
}

func users() []*user {
	fob := func(serial string) sts.Device {
		return sts.Device{Endpoint: "aws", Account: "111122223333", Serial: serial}
	}
	return []*user{
		{token: "12345678", credential: "AWS:carol", device: device("carol")},
		{token: "12345678", credential: "AWS:alone"},
		{token: "GAHT00000010", credential: "totp", device: fob("GAHT00000010"), ahead: 10, ownClock: true},
		{token: "GAHT00000200", credential: "totp", device: fob("GAHT00000200"), ahead: 200, ownClock: true},
	}
}

func (u *user) bind(t *testing.T, d *desk, at time.Time) {
	t.Helper()
	if u.device == (sts.Device{}) {
		return
	}
	var shown uint64
	if u.ownClock {
		shown = stepOf(at, Step) + u.ahead
	}
	if _, err := d.bindings.Bind(context.Background(), Binding{Device: u.device, Token: u.token, Credential: u.credential, Bound: at}, shown); err != nil {
		t.Fatal(err)
	}
}

// ask asks for codes as long as there are any, the way a session does: for the
// device where a binding stands. It returns how many there were.
func (u *user) ask(t *testing.T, d *desk, at time.Time) int {
	t.Helper()
	r := Request{Token: u.token, Credential: u.credential, AWSNow: at}
	b, err := d.bindings.OfCredential(context.Background(), u.token, u.credential)
	if err == nil {
		r.Device, r.Verifies = b.Device, true
	} else if !errors.Is(err, ErrUnbound) {
		t.Fatal(err)
	}
	step := stepOf(at, Step)
	r.Candidates = []uint64{step, step - 1, step + 1, step - 2, step + 2}
	if u.ownClock {
		r.Candidates = []uint64{step + u.ahead}
	}
	for n := 0; ; n++ {
		res, err := d.Reserve(context.Background(), r)
		if isRefusal(err) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.given[res.Counter] {
			t.Errorf("%s on %s: counter now%+d was given twice, the second time at %s", u.credential, u.token, int64(res.Counter)-int64(now), at.Format(time.TimeOnly))
		}
		u.given[res.Counter] = true
		if err := d.Settle(context.Background(), res, Accepted); err != nil {
			t.Fatal(err)
		}
	}
}

// A history is a ledger in use until noon: images of its folders, and what was
// given out.
type history struct {
	desk  *desk
	users []*user
	// older is from the middle; running is from a process that is killed at
	// noon, with its log; ended from one that stops.
	older, running, ended image
}

func newHistory(t *testing.T) *history {
	t.Helper()
	d := newDesk(t)
	h := &history{desk: d, users: users()}
	for _, u := range h.users {
		u.given = map[uint64]bool{}
		u.bind(t, d, noon().Add(-time.Hour))
	}
	for n := -8; n <= 0; n++ {
		for _, u := range h.users {
			u.ask(t, d, noon().Add(time.Duration(n)*Step))
		}
		if n == -3 {
			d.reopen(t, func() { h.older = takeImage(t, h.folders()...) })
		}
	}
	h.running = takeImage(t, h.folders()...)
	d.reopen(t, func() { h.ended = takeImage(t, h.folders()...) })
	if err := d.file.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *history) folders() []string {
	return []string{h.desk.options.Dir, h.desk.options.WitnessDir}
}

func (h *history) file() string { return filepath.Join(h.desk.options.Dir, "state.db") }

// A harm damages the folders; it returns false where it found nothing to
// damage.
type harm struct {
	name string
	do   func(h *history, r *rand.Rand) bool
}

func flipIn(name string) func(h *history, r *rand.Rand) bool {
	return change(name, func(b []byte, r *rand.Rand) []byte {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	})
}

// change rewrites a file that is there and not empty.
func change(suffix string, f func([]byte, *rand.Rand) []byte) func(h *history, r *rand.Rand) bool {
	return func(h *history, r *rand.Rand) bool {
		b, err := os.ReadFile(h.file() + suffix)
		return err == nil && len(b) > 0 && os.WriteFile(h.file()+suffix, f(b, r), 0o600) == nil
	}
}

func removeFile(suffix string) func(h *history, r *rand.Rand) bool {
	return func(h *history, _ *rand.Rand) bool { return os.Remove(h.file()+suffix) == nil }
}

const page = 4096

func onPages(f func(to, from []byte)) func([]byte, *rand.Rand) []byte {
	return func(b []byte, r *rand.Rand) []byte {
		pages := len(b) / page
		i, j := r.IntN(pages)*page, r.IntN(pages)*page
		f(b[i:i+page], b[j:j+page])
		return b
	}
}

func harms() []harm {
	return []harm{
		{"flip a bit", flipIn("")},
		{"flip a bit of a row", change("", func(b []byte, r *rand.Rand) []byte {
			for {
				if i := r.IntN(len(b)); b[i] != 0 && i > page {
					b[i] ^= 1 << r.IntN(8)
					return b
				}
			}
		})},
		{"flip fifty bytes", change("", func(b []byte, r *rand.Rand) []byte {
			for range 50 {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
			return b
		})},
		{"truncate", change("", func(b []byte, r *rand.Rand) []byte { return b[:r.IntN(len(b))] })},
		{"truncate to whole pages", change("", func(b []byte, r *rand.Rand) []byte { return b[:r.IntN(len(b)/page)*page] })},
		{"zero a page", change("", onPages(func(to, _ []byte) { clear(to) }))},
		{"write one page over another", change("", onPages(func(to, from []byte) { copy(to, from) }))},
		{"noise", change("", func(b []byte, r *rand.Rand) []byte {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return b
		})},
		{"flip a bit of the log", flipIn("-wal")},
		{"truncate the log", change("-wal", func(b []byte, r *rand.Rand) []byte { return b[:r.IntN(len(b))] })},
		{"delete the log", removeFile("-wal")},
		{"delete", removeFile("")},
		{"empty", change("", func([]byte, *rand.Rand) []byte { return nil })},
		{"older file", func(h *history, _ *rand.Rand) bool {
			_ = os.Remove(h.file() + "-wal")
			return os.WriteFile(h.file(), h.older[h.file()], 0o600) == nil
		}},
		{"older file under the log", func(h *history, _ *rand.Rand) bool { return os.WriteFile(h.file(), h.older[h.file()], 0o600) == nil }},
		{"older folder", func(h *history, _ *rand.Rand) bool {
			_ = os.Remove(h.file() + "-wal")
			for path, b := range h.older {
				if strings.HasPrefix(path, h.desk.options.Dir+"/") && os.WriteFile(path, b, 0o600) != nil {
					return false
				}
			}
			return true
		}},
		{"delete the folder", func(h *history, _ *rand.Rand) bool { return os.RemoveAll(h.desk.options.Dir) == nil }},
		{"damage the witness inside, delete the rest", func(h *history, r *rand.Rand) bool {
			path := filepath.Join(h.desk.options.Dir, "witness")
			b := h.ended[path]
			return os.RemoveAll(h.desk.options.WitnessDir) == nil && os.Remove(h.file()) == nil &&
				os.WriteFile(path, b[:r.IntN(len(b))], 0o600) == nil
		}},
		{"delete both witnesses", func(h *history, _ *rand.Rand) bool {
			return os.RemoveAll(h.desk.options.WitnessDir) == nil && os.Remove(filepath.Join(h.desk.options.Dir, "witness")) == nil
		}},
	}
}

// TestDamagedFiles damages the state in more than fifty ways, each chosen by a
// seed, and asks on: nothing that was given before is given again, and in the
// end there are codes again.
func TestDamagedFiles(t *testing.T) {
	h := newHistory(t)
	kinds, cases := map[store.Kind]int{}, 0
	for i, harm := range harms() {
		for seed := range uint64(3) {
			img, from := h.ended, "ended"
			if seed%2 == 1 {
				img, from = h.running, "killed"
			}
			img.restore(t, h.folders()...)
			if !harm.do(h, rand.New(rand.NewPCG(seed, uint64(i)))) {
				continue
			}
			cases++
			t.Run(fmt.Sprintf("%s, %s, seed %d", harm.name, from, seed), func(t *testing.T) {
				kinds[h.survive(t)]++
			})
		}
	}
	t.Logf("%d cases: %v", cases, kinds)
	if cases < 50 || kinds[store.Damaged] < 15 || kinds[store.RolledBack] < 8 || kinds[store.Lost] < 6 {
		t.Errorf("%d cases: %v", cases, kinds)
	}
}

// survive opens what is left and asks for codes for a while.
func (h *history) survive(t *testing.T) store.Kind {
	d := &desk{options: h.desk.options}
	d.options.Now = noon().Add(time.Second)
	d.open(t)
	defer d.file.Close()
	kind := d.file.Opening().Kind
	if kind == store.Fresh {
		t.Errorf("it passes for a first run")
	}
	later := make([]*user, len(h.users))
	for i, u := range h.users {
		copied := *u
		copied.given = map[uint64]bool{}
		for c := range u.given {
			copied.given[c] = true
		}
		later[i] = &copied
	}
	for _, steps := range []int{0, 1, 2, 3, 6, 13} {
		at := noon().Add(time.Duration(steps)*Step + 2*time.Second)
		for _, u := range later {
			if steps == 2 {
				u.bind(t, d, at)
			}
			got := u.ask(t, d, at)
			if steps == 13 && got == 0 {
				t.Errorf("%s on %s has no code six minutes later", u.credential, u.token)
			}
		}
	}
	return kind
}
