// Package scan runs a listing that goes through a system library, and may hang
// there, on a goroutine of its own: the caller waits no longer than it wants
// to, and however often a listing hangs it costs one goroutine.
package scan

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
)

// patience bounds a listing, whatever the caller's context says.
const patience = 5 * time.Second

// A Worker runs one listing at a time. The zero value is ready.
type Worker struct {
	mu   sync.Mutex
	busy bool
}

type result struct {
	infos []devices.Info
	err   error
}

// Run runs list and returns what it found, or an error once ctx ends, or
// devices.ErrSilent after five seconds. While an earlier listing still hangs it is
// devices.ErrBusy. A panic in list, such as a library that reads past a short
// answer, is devices.ErrAnswer.
func (w *Worker) Run(ctx context.Context, list func() ([]devices.Info, error)) ([]devices.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !w.begin() {
		return nil, fmt.Errorf("%w: an earlier listing hangs", devices.ErrBusy)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	done := make(chan result, 1)
	go func() {
		infos, err := contain(list)
		w.end() // before the caller can come again
		done <- result{infos, err}
	}()
	select {
	case r := <-done:
		return r.infos, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, devices.ErrSilent
	}
}

func (w *Worker) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy {
		return false
	}
	w.busy = true
	return true
}

func (w *Worker) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
}

// contain turns a panic of list into an error.
func contain(list func() ([]devices.Info, error)) (infos []devices.Info, err error) {
	defer func() {
		if p := recover(); p != nil {
			infos, err = nil, fmt.Errorf("%w: its library failed: %v", devices.ErrAnswer, p)
		}
	}()
	return list()
}
