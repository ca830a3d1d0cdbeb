package s3_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
	"github.com/fob-auth/fob/sts/local/clock"
	"github.com/fob-auth/fob/sts/local/journal"
	"github.com/fob-auth/fob/sts/local/world"
)

// crashFolder has the test binary be a server with its state in that folder.
const crashFolder = "FOB_TEST_S3_STATE"

func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		if err := serveForCrash(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// serveForCrash serves until it is killed; its first line is its address.
func serveForCrash(folder string) error {
	w, err := world.Decode("world.yaml", []byte(labWorld))
	if err != nil {
		return err
	}
	j, err := journal.Open(context.Background(), folder)
	if err != nil {
		return err
	}
	server, err := local.New(local.Options{
		World: w, Journal: j, Objects: filepath.Join(folder, "objects"), Clock: clock.Manual(start),
		SignatureSkew: 100 * 365 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	return http.Serve(listener, server)
}

// crashRounds is how often the server is killed.
const crashRounds = 15

// TestKilledUnderLoad kills the server at random moments of uploads and
// deletions. What was answered holds; what wasn't is there whole or not at
// all; and no content is left that no object has.
func TestKilledUnderLoad(t *testing.T) {
	folder := t.TempDir()
	random := rand.New(rand.NewPCG(5, 6))
	wrote := &ledger{answered: map[string]string{}, open: map[string]bool{}}
	for round := range crashRounds {
		server := startChild(t, folder)
		l := &lab{t: t, Server: &awstest.Server{URL: server.url, Clock: clock.Manual(start)}}
		if round == 0 {
			l.make(alice, "PUT", "/bucket", "")
		}
		wrote.check(t, l)
		var writers sync.WaitGroup
		answers := make(chan struct{})
		for writer := range 4 {
			writers.Go(func() { wrote.write(l, round, writer, answers) })
		}
		ended := make(chan struct{})
		go func() {
			writers.Wait()
			close(ended)
		}()
		for range random.IntN(60) {
			select {
			case <-answers:
			case <-ended:
				t.Fatal("the server stopped by itself")
			}
		}
		server.kill(t)
		for done := false; !done; {
			select {
			case <-answers:
			case <-ended:
				done = true
			}
		}
	}
	server := startChild(t, folder)
	l := &lab{t: t, Server: &awstest.Server{URL: server.url, Clock: clock.Manual(start)}}
	there := wrote.check(t, l)
	if got := len(files(t, filepath.Join(folder, "objects"))); got != there {
		t.Errorf("%d files for %d objects", got, there)
	}
	server.kill(t)
}

// A ledger is what the test knows of the server's state.
type ledger struct {
	mu       sync.Mutex
	answered map[string]string // content by key, "" for one that was deleted
	open     map[string]bool   // a call for the key had no answer
}

// bodyOf is what is ever put under a key.
func bodyOf(key string) string { return strings.Repeat(key+"\n", 3000) }

// write puts objects and deletes every third, until the server is gone.
func (w *ledger) write(l *lab, round, writer int, answers chan<- struct{}) {
	for n := 0; ; n++ {
		key := fmt.Sprintf("r%d-w%d-%d", round, writer, n)
		w.begin(key)
		if !l.try("PUT", "/bucket/"+key, bodyOf(key)) {
			return
		}
		w.end(key, bodyOf(key))
		if n%3 == 0 {
			w.begin(key)
			if !l.try("DELETE", "/bucket/"+key, "") {
				return
			}
			w.end(key, "")
		}
		answers <- struct{}{}
	}
}

func (w *ledger) begin(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[key] = true
}

func (w *ledger) end(key, content string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, key)
	w.answered[key] = content
}

// check compares the server with the ledger, and returns how many objects
// there are.
func (w *ledger) check(t *testing.T, l *lab) int {
	t.Helper()
	there := map[string]bool{}
	for _, key := range l.list("", "", "", 1000) {
		there[key] = true
	}
	for key, content := range w.answered {
		if !w.open[key] && there[key] != (content != "") {
			t.Errorf("%s was answered, and its being there is %v", key, there[key])
		}
	}
	for key := range there {
		if got := l.do(alice, "GET", "/bucket/"+key, ""); got.status != 200 || got.body != bodyOf(key) {
			t.Errorf("%s: %d with %d bytes", key, got.status, len(got.body))
		}
	}
	for key := range w.open { // settled now, one way or the other
		w.answered[key] = ""
		if there[key] {
			w.answered[key] = bodyOf(key)
		}
	}
	clear(w.open)
	return len(there)
}

// try sends a request to a server that may be gone.
func (l *lab) try(method, target, body string) bool {
	r, err := http.NewRequestWithContext(context.Background(), method, l.URL+target, strings.NewReader(body))
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(body))
	if err := sign(l, r, alice, hex.EncodeToString(sum[:])); err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.Body.Close() == nil && resp.StatusCode < 300
}

// A child is a server in a process of its own.
type child struct {
	url string
	cmd *exec.Cmd
	err *bytes.Buffer
}

func startChild(t *testing.T, folder string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), err: &bytes.Buffer{}}
	c.cmd.Env = append(os.Environ(), crashFolder+"="+folder)
	c.cmd.Stderr = c.err
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, c.err)
	}
	c.url = strings.TrimSpace(line)
	return c
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // it was killed
}

// TestReadersAndWritersTogether: whoever reads a key while it is replaced and
// deleted gets one of its contents whole, or that there is none.
func TestReadersAndWritersTogether(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	contents := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 200_000)}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 30 {
				switch {
				case worker%4 == 0 && n%3 == 2:
					l.do(alice, "DELETE", "/bucket/k", "")
				case worker%4 == 0:
					if a := l.do(alice, "PUT", "/bucket/k", contents[n%2]); a.status != 200 {
						t.Errorf("put: %d %s", a.status, a.body)
					}
				case worker%4 == 1:
					a := l.send(call{as: alice, method: "PUT", target: fmt.Sprintf("/bucket/copy%d", worker), header: map[string]string{"X-Amz-Copy-Source": "bucket/k"}})
					var done struct{ XMLName xml.Name }
					if a.status == 200 && (xml.Unmarshal([]byte(a.body), &done) != nil || done.XMLName.Local != "CopyObjectResult") || a.status >= 500 {
						t.Errorf("copy: %d %s", a.status, a.body)
					}
				default:
					a := l.do(alice, "GET", "/bucket/k", "")
					if a.status != 404 && (a.status != 200 || a.body != contents[0] && a.body != contents[1]) {
						t.Errorf("get: %d with %d bytes", a.status, len(a.body))
					}
				}
			}
		})
	}
	all.Wait()
}
