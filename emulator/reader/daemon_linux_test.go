package reader

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// TestSystemsReadersStayOut: a private pcscd finds no driver but ours, for none of
// the readers that are plugged into this machine.
func TestSystemsReadersStayOut(t *testing.T) {
	pcscd, err := findPcscd()
	if err != nil {
		t.Skip("needs pcscd to be installed")
	}
	drivers, err := driversOf(pcscd)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "fobr") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{dir: dir, socket: filepath.Join(dir, "run", "pcscd.comm"), log: slog.New(slog.DiscardHandler), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	d.cancel = cancel
	const handler = "/nowhere/libifdfob.so"
	if err := d.layOut(ctx, nil, nil, handler, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.run(pcscd, handler); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := d.await(ctx, nil, 0); err != nil {
		t.Fatal(err)
	}
	found, err := os.ReadDir(fmt.Sprintf("/proc/%d/root%s", d.cmd.Process.Pid, drivers))
	if err != nil || len(found) != 1 || found[0].Name() != "fob.bundle" {
		t.Errorf("drivers %v, %v", found, err)
	}
}
