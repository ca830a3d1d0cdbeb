//go:build unix

package server

import (
	"errors"
	"net"
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
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			ln, err := net.Listen("unix", path)
			must(t, err)
			synctest.Test(t, func(t *testing.T) {
				lost := make(chan error, 1)
				go func() { lost <- Watch(t.Context(), ln) }()
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
			must(t, ln.Close())
			if b, err := os.ReadFile(path); name == "replaced" && (err != nil || string(b) != "precious") {
				t.Errorf("what replaced it: %q, %v", b, err)
			}
		})
	}
}
