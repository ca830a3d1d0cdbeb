//go:build unix

package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch deletes and replaces a socket in virtual time: it is missed within
// two seconds, and what stands in its place stays.
func TestWatch(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"deleted": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"replaced": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".old"))
			must(t, os.WriteFile(path, []byte("precious"), 0o600))
		},
		"folder gone": func(t *testing.T, path string) { must(t, os.RemoveAll(filepath.Dir(path))) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "fob", "agent.sock")
			s, err := Listen(t.Context(), path)
			must(t, err)
			synctest.Test(t, func(t *testing.T) {
				lost := make(chan error, 1)
				go func() { lost <- s.Watch(t.Context()) }()
				time.Sleep(time.Minute)
				synctest.Wait()
				select {
				case err := <-lost:
					t.Fatalf("it was missed while it was there: %v", err)
				default:
				}
				start := time.Now()
				change(t, path)
				if err := <-lost; !errors.As(err, new(*LostError)) || time.Since(start) > 2*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
			must(t, s.Close())
			if b, err := os.ReadFile(path); name == "replaced" && (err != nil || string(b) != "precious") {
				t.Errorf("what replaced it: %q, %v", b, err)
			}
		})
	}
}

// TestCloseIsNoLoss closes a socket while it is watched: that is no loss, and
// its file goes.
func TestCloseIsNoLoss(t *testing.T) {
	path := filepath.Join(tempDir(t), "agent.sock")
	s, err := Listen(t.Context(), path)
	must(t, err)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Watch(ctx) }()
		synctest.Wait()
		must(t, s.Close())
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel()
		must(t, <-ended)
	})
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the closed socket's file: %v", err)
	}
}

// TestCloseLeavesAnother closes a socket in whose place another agent listens
// since a moment ago, before anybody noticed.
func TestCloseLeavesAnother(t *testing.T) {
	path := filepath.Join(tempDir(t), "agent.sock")
	first, err := Listen(t.Context(), path)
	must(t, err)
	must(t, os.Remove(path))
	second, err := Listen(t.Context(), path)
	must(t, err)
	must(t, first.Close())
	if second.lost() {
		t.Error("the first one took the second one's file away")
	}
	must(t, second.Close())
}
