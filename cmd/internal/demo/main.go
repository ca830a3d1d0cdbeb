// Command demo tells fob's main job as a story, with the real programs: two
// emulated tokens and the local AWS, all in a temporary folder that is gone
// afterwards. Every step is checked; the first that fails ends it with status
// 1. "make demo" runs it. With -pcscd the YubiKey is in a reader of a real
// pcscd, private to the story, where the agent and Yubico's own program find it
// as they would find a real one; "make demo-pcscd" runs that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// limit bounds the whole story; a step that hangs fails with it.
const limit = 45 * time.Second

func main() {
	bin := flag.String("bin", "bin", "folder of the programs fob, fobd, fobemu and fobaws")
	pcscd := flag.Bool("pcscd", false, "put the YubiKey into a reader of a private pcscd; needs pcscd, ykman and root or user namespaces")
	flag.Parse()
	os.Exit(run(*bin, *pcscd))
}

func run(bin string, pcscd bool) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("the story took longer than its limit"))
	defer cancel()

	start := time.Now()
	s, err := newStage(bin, pcscd)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	err = tell(ctx, s)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // whatever a step made of it
	}
	if err = errors.Join(err, s.strike()); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo: failed:", err)
		return 1
	}
	fmt.Printf("\nAll of it held, in %.1f s. No process and no file is left behind.\n", time.Since(start).Seconds())
	return 0
}
