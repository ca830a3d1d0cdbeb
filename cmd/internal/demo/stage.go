package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Names in the story.
const (
	account   = "111122223333"
	fobSerial = "GAHT12345678"
	yubikey   = "12345678"
	virtual   = "arn:aws:iam::" + account + ":mfa/carol"
)

// A stage is the folder of the story and the programs that run in it.
type stage struct {
	bin, dir string
	pcscd    bool // the YubiKey is in a reader of one
	env      []string
	url      string // of fobaws
	keys     map[string]longTerm
	running  []*server
	log      *requestLog
}

// A longTerm key belongs to a user of the story.
type longTerm struct{ id, secret string }

func newStage(bin string, pcscd bool) (*stage, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fob-demo-")
	if err != nil {
		return nil, err
	}
	s := &stage{bin: bin, dir: dir, pcscd: pcscd, keys: map[string]longTerm{}, log: &requestLog{}}
	for _, user := range []string{"carol", "dave"} {
		s.keys[user] = longTerm{id: "AKIA" + random(10), secret: random(25)}
	}
	for _, sub := range []string{"run", "state", "data", "config", "home"} {
		if err := os.Mkdir(s.path(sub), 0o700); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	s.env = []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + s.path("home"),
		"XDG_RUNTIME_DIR=" + s.path("run"), "XDG_STATE_HOME=" + s.path("state"),
		"XDG_DATA_HOME=" + s.path("data"), "XDG_CONFIG_HOME=" + s.path("config"),
		"AWS_CONFIG_FILE=" + s.path("aws-config"), "AWS_SHARED_CREDENTIALS_FILE=" + s.path("aws-credentials"),
		"FOBEMU_SOCKET=" + s.path("run/bench.sock"),
	}
	return s, nil
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// random returns base32 letters of n random bytes.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

func (s *stage) write(name, text string) error {
	return os.WriteFile(s.path(name), []byte(text), 0o600)
}

// strike ends every program, newest first, and removes the folder.
func (s *stage) strike() error {
	var errs []error
	for i := len(s.running) - 1; i >= 0; i-- {
		errs = append(errs, s.running[i].stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// A server is one of the programs that run during the story.
type server struct {
	name   string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	done   chan struct{}
}

// start runs a program until its ready line and returns what follows the word
// ready on it. What the lines before it export is set for the programs after it.
// onLog gets each line of its standard error.
func (s *stage) start(ctx context.Context, onLog func(string), name string, args ...string) (string, error) {
	p := &server{name: name, cmd: exec.Command(filepath.Join(s.bin, name), args...), done: make(chan struct{})}
	p.cmd.Env = s.env
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := p.cmd.Start(); err != nil {
		return "", err
	}
	s.running = append(s.running, p)

	var readers sync.WaitGroup
	ready := make(chan string, 1)
	var exported []string
	readers.Go(func() {
		defer close(ready)
		for sc := bufio.NewScanner(stdout); sc.Scan(); {
			if where, ok := strings.CutPrefix(sc.Text(), name+": ready "); ok {
				ready <- where
			} else if row, ok := strings.CutPrefix(sc.Text(), "export "); ok {
				exported = append(exported, strings.ReplaceAll(row, "'", ""))
			}
		}
	})
	readers.Go(func() {
		for sc := bufio.NewScanner(stderr); sc.Scan(); {
			p.stderr.WriteString(sc.Text() + "\n")
			if onLog != nil {
				onLog(sc.Text())
			}
		}
	})
	go func() {
		readers.Wait()
		p.cmd.Wait() // its status is told by stop, from ProcessState
		close(p.done)
	}()

	select {
	case where, ok := <-ready:
		if !ok {
			<-p.done
			return "", fmt.Errorf("%s ended before it was ready:\n%s", name, p.stderr.String())
		}
		s.env = append(s.env, exported...)
		return where, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%s isn't ready: %w", name, context.Cause(ctx))
	}
}

// stop ends the program as a service manager would and waits for it.
func (p *server) stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s didn't end on SIGTERM", p.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with status %d:\n%s", p.name, code, p.stderr.String())
	}
	return nil
}

// command runs a program, of the folder bin unless its path is absolute, to its
// end and returns what it printed.
func (s *stage) command(ctx context.Context, name string, args ...string) (stdout, stderr string, status int, err error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.bin, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = s.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		err = nil
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), err
}

// A requestLog counts what fobaws was asked, from its log.
type requestLog struct {
	mu    sync.Mutex
	calls map[string]int
}

func (l *requestLog) line(text string) {
	var row struct {
		Action string `json:"action"`
	}
	if json.Unmarshal([]byte(text), &row) != nil || row.Action == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == nil {
		l.calls = map[string]int{}
	}
	l.calls[row.Action]++
}

// count tells how often an action was called.
func (l *requestLog) count(action string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[action]
}
