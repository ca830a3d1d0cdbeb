package cmd_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// coexistVariable is the environment variable that says for how long coexist
// runs; what an afternoon shows may take more than CI has.
const coexistVariable = "FOB_COEXIST"

// coexistDuration is how long it runs where nobody says.
const coexistDuration = 20 * time.Second

// aloneRounds is how often each operation is done alone, for its longest.
const aloneRounds = 3

// pause is the longest pause between two codes.
const pause = 400 * time.Millisecond

// unrest is by how much a program may be late on a machine that is busy with
// other tests. Whoever is kept off the card until fob's patience ends, or its
// own, is later by some seconds.
const unrest = 2 * time.Second

// TestCoexistence has fob and others use one key. It isn't among the other
// scripts, since it holds against the clock how long each waits for the other,
// and one of those starts a hundred agents at once.
func TestCoexistence(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:       filepath.Join("testdata", "coexist"),
		Setup:     setupScript,
		Cmds:      scriptCommands(map[string]func(*testscript.TestScript, bool, []string){"readers": cmdReaders, "coexist": cmdCoexist}),
		Condition: scriptCondition,
	})
}

// ours is the name of what fob does with the key; all else is done by others.
const ours = "fob code"

// pkcs11Modules are the PKCS#11 modules for PIV, by the names that their
// packages have.
var pkcs11Modules = map[string]string{"ykcs11": "libykcs11.so", "opensc": "opensc-pkcs11.so"}

// A coexistence is fob and others on one key.
type coexistence struct {
	ts  *testscript.TestScript
	env []string

	mu       sync.Mutex
	took     map[string][]time.Duration
	failures []error
	codes    chan struct{} // one value for each code, to whoever waits
}

// cmdCoexist asks for code after code by fob, while ykman and programs that log
// in by PKCS#11 and stay have their turns, and checks that nothing of either
// fails, and that nothing of theirs waits for longer than one operation of fob's
// lasts: each takes no longer than the longest of its kind did alone and the
// longest of fob's did alone. Theirs take turns because they break one another
// without any fob: ykman switches the card off when it ends, and a PIN-verified
// session of ykcs11 ends with that. One of OpenSC does not where fob is there.
func cmdCoexist(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: coexist")
	}
	long, err := time.ParseDuration(cmp.Or(os.Getenv(coexistVariable), coexistDuration.String()))
	ts.Check(err)
	alone, beside := newCoexistence(ts), newCoexistence(ts)
	for range aloneRounds {
		alone.round(context.Background(), func() bool { return false })
	}
	begun := time.Now()
	beside.besideFob(long)
	ts.Logf("figure: %v of coexistence on one key\n%s", time.Since(begun).Round(time.Second), beside.table(alone))
	failures := slices.Concat(alone.failures, beside.failures, beside.missing(alone), beside.late(alone))
	if len(failures) > 0 {
		ts.Fatalf("%d operations failed; the first:\n%v", len(failures), failures[0])
	}
}

func newCoexistence(ts *testscript.TestScript) *coexistence {
	return &coexistence{ts: ts, env: ts.Value(serversKey{}).(*servers).environ(ts), took: map[string][]time.Duration{}}
}

// besideFob has fob ask for codes and the others have their turns until the time
// is over, and all of them one in any case.
func (c *coexistence) besideFob(long time.Duration) {
	c.codes = make(chan struct{})
	over, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	codes, stop := context.WithCancel(context.Background())
	var fob sync.WaitGroup
	fob.Go(func() { c.askForCodes(codes) })
	c.round(codes, func() bool { return false })
	for over.Err() == nil {
		c.round(codes, func() bool { return over.Err() != nil })
	}
	stop()
	fob.Wait()
}

// round gives each a turn, in any order, until it is over.
func (c *coexistence) round(ctx context.Context, over func() bool) {
	turns := c.turns()
	rand.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	for _, turn := range turns {
		if over() {
			return
		}
		c.note(turn(ctx))
	}
}

func (c *coexistence) note(err error) {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failures = append(c.failures, err)
	}
}

// timed does an operation and keeps how long it took.
func (c *coexistence) timed(name string, do func() error) error {
	begun := time.Now()
	err := do()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[name] = append(c.took[name], time.Since(begun))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *coexistence) command(args ...string) *exec.Cmd {
	cmd := exec.Command(lookPath(c.ts, args[0]), args[1:]...)
	cmd.Dir, cmd.Env = c.ts.MkAbs("."), c.env
	return cmd
}

// run runs a program to its end.
func (c *coexistence) run(args ...string) error {
	if out, err := c.command(args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// askForCodes asks again and again until ctx ends.
func (c *coexistence) askForCodes(ctx context.Context) {
	for ctx.Err() == nil {
		c.note(c.ask())
		select {
		case c.codes <- struct{}{}:
		default: // nobody waits for it
		}
		select {
		case <-time.After(rand.N(pause)):
		case <-ctx.Done():
		}
	}
}

// ask asks fob for a code.
func (c *coexistence) ask() error {
	return c.timed(ours, func() error { return c.run("fob", "code", "AWS:carol", "--peek") })
}

// askYkman asks ykman for one.
func (c *coexistence) askYkman() error {
	return c.timed("ykman oath", func() error { return c.run("/usr/bin/ykman", "oath", "accounts", "code", "AWS:carol") })
}

// turns are what others do with the key beside fob; where fob isn't there, its
// code is one of them.
func (c *coexistence) turns() []func(context.Context) error {
	program := func(name string, args ...string) func(context.Context) error {
		return func(context.Context) error {
			return c.timed(name, func() error { return c.run(args...) })
		}
	}
	list := []func(context.Context) error{
		func(context.Context) error { return c.askYkman() },
		program("ykman piv", "/usr/bin/ykman", "piv", "info"),
		program("opensc-tool", "opensc-tool", "--name"),
	}
	for _, name := range slices.Sorted(maps.Keys(pkcs11Modules)) {
		list = append(list, func(ctx context.Context) error {
			return c.session(ctx, name, func(int) error { return c.awaitCode(ctx) })
		})
	}
	if c.codes == nil {
		return append(list, func(context.Context) error { return c.ask() })
	}
	// Beside fob alone: it gives the card its power back.
	return append(list, func(ctx context.Context) error {
		return c.session(ctx, "opensc", func(i int) error {
			if i == 1 {
				if err := c.askYkman(); err != nil {
					return err
				}
			}
			return errors.Join(c.awaitCode(ctx), c.awaitCode(ctx)) // the first may have begun before
		})
	})
}

// awaitCode waits for the end of one of fob's codes, where it is there.
func (c *coexistence) awaitCode(ctx context.Context) error {
	if c.codes != nil {
		select {
		case <-c.codes:
		case <-ctx.Done():
		}
	}
	return nil
}

// session logs in once and signs, then signs again after each of three times
// that something else happened between.
func (c *coexistence) session(ctx context.Context, name string, between func(i int) error) (err error) {
	client, err := filepath.Abs("testdata/clients/pkcs11.py")
	if err != nil {
		return err
	}
	cmd := c.command(systemPython, client, pkcs11Module(pkcs11Modules[name]), "123456")
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	expect := func(want string) error {
		if !lines.Scan() || lines.Text() != want {
			return fmt.Errorf("%q in place of %q", lines.Text(), want)
		}
		return nil
	}
	err = c.timed(name+" login", func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		return expect("ready")
	})
	for i := 0; err == nil && i < 4; i++ {
		if i > 0 {
			if err = between(i); err != nil {
				break
			}
		}
		err = c.timed(name+" signature", func() error {
			if _, err := io.WriteString(in, "\n"); err != nil {
				return err
			}
			return expect("signed")
		})
	}
	in.Close()
	if ended := cmd.Wait(); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("%w; %s", err, said.String())
	}
	return nil
}

// missing are the kinds of operation that were done alone and not here.
func (c *coexistence) missing(alone *coexistence) (list []error) {
	for _, name := range slices.Sorted(maps.Keys(alone.took)) {
		if len(c.took[name]) == 0 {
			list = append(list, fmt.Errorf("%s was never done beside", name))
		}
	}
	return list
}

// late are the kinds of operation of others that waited for longer than the
// longest of ours lasts.
func (c *coexistence) late(alone *coexistence) (list []error) {
	for _, name := range slices.Sorted(maps.Keys(c.took)) {
		here, itself, held := longest(c.took[name]), longest(alone.took[name]), longest(alone.took[ours])
		if name != ours && here > itself+held+unrest {
			list = append(list, fmt.Errorf("%s took %v; alone it took no more than %v, and a code of fob's %v", name, here, itself, held))
		}
	}
	return list
}

func longest(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	return slices.Max(took)
}

// table is what was done, how often and how fast, with the longest that the same
// took alone.
func (c *coexistence) table(alone *coexistence) string {
	var b strings.Builder
	fmt.Fprintf(&b, "figure: %-18s %6s %9s %9s %14s\n", "", "count", "median", "longest", "longest alone")
	for _, name := range slices.Sorted(maps.Keys(c.took)) {
		took := slices.Sorted(slices.Values(c.took[name]))
		fmt.Fprintf(&b, "figure: %-18s %6d %9v %9v %14v\n", name, len(took), took[len(took)/2].Round(time.Millisecond/10),
			longest(took).Round(time.Millisecond), longest(alone.took[name]).Round(time.Millisecond))
	}
	fmt.Fprintf(&b, "figure: failed: %d\n", len(c.failures))
	return b.String()
}

// TestCoexistenceIsJudged: a kind that never had its turn, and one that was kept
// off the card, are failures.
func TestCoexistenceIsJudged(t *testing.T) {
	alone := &coexistence{took: map[string][]time.Duration{ours: {time.Second, 2 * time.Second}, "a": {time.Second}, "b": {time.Second}}}
	beside := &coexistence{took: map[string][]time.Duration{ours: {time.Hour}, "a": {0, 3*time.Second + unrest}}}
	if missing := beside.missing(alone); len(missing) != 1 || !strings.Contains(missing[0].Error(), "b was never") {
		t.Errorf("missing: %v", missing)
	}
	if late := beside.late(alone); len(late) != 0 {
		t.Errorf("as late as it may be: %v", late)
	}
	beside.took["a"][0] = 3*time.Second + unrest + 1
	if late := beside.late(alone); len(late) != 1 || !strings.Contains(late[0].Error(), "a took") {
		t.Errorf("too late: %v", late)
	}
}
