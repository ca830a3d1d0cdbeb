package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

func say(format string, args ...any)   { fmt.Printf("\n"+format+"\n", args...) }
func tell1(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }

// tell runs the story's acts in order.
func tell(ctx context.Context, s *stage) error {
	for _, act := range []func(context.Context, *stage) error{
		setUp, seeTokens, refusedWithoutMFA, enrollYubiKey, bindFob, allowedWithMFA, fobJumps, resyncFob,
	} {
		if err := act(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func setUp(ctx context.Context, s *stage) error {
	say("A local AWS, a bench with two emulated tokens, and the agent.")
	if err := s.writeFiles(); err != nil {
		return err
	}
	url, err := s.start(ctx, s.log.line, "fobaws", "serve", "--world", s.path("world.yaml"), "--listen", "127.0.0.1:0", "--log-format", "json")
	if err != nil {
		return err
	}
	s.url = url
	bench := "run"
	if s.pcscd {
		bench = "pcscd"
	}
	if _, err := s.start(ctx, nil, "fobemu", bench, "--bench", s.path("bench.yaml"), "--socket", s.path("run/bench.sock")); err != nil {
		return err
	}
	if err := s.writeConfig(); err != nil {
		return err
	}
	if _, err := s.start(ctx, nil, "fobd", "--config", s.path("fob.yaml")); err != nil {
		return err
	}
	tell1("fobaws serves IAM and STS on %s; fobd answers on its socket", url)
	if s.pcscd {
		tell1("the YubiKey is in a reader of a real pcscd")
	}
	return nil
}

// fob runs a command of fob that must succeed, and prints it and what it said.
func (s *stage) fob(ctx context.Context, args ...string) (string, error) {
	tell1("$ fob %s", strings.Join(args, " "))
	out, stderr, status, err := s.command(ctx, "fob", args...)
	if err != nil {
		return "", fmt.Errorf("fob %s: %w", args[0], err)
	}
	if status != 0 {
		return "", fmt.Errorf("fob %s ended with status %d: %s", strings.Join(args, " "), status, stderr)
	}
	return out, nil
}

// fobShown is fob for a command whose output is part of the story.
func (s *stage) fobShown(ctx context.Context, args ...string) (string, error) {
	out, err := s.fob(ctx, args...)
	for line := range strings.Lines(out) {
		tell1("  %s", strings.TrimRight(line, "\n"))
	}
	return out, err
}

// fobFails runs a command that must fail with the given status.
func (s *stage) fobFails(ctx context.Context, status int, args ...string) error {
	tell1("$ fob %s", strings.Join(args, " "))
	_, stderr, got, err := s.command(ctx, "fob", args...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(stderr) {
		tell1("  %s", strings.TrimRight(line, "\n"))
	}
	if got != status {
		return fmt.Errorf("fob %s ended with status %d, want %d", strings.Join(args, " "), got, status)
	}
	return nil
}

func seeTokens(ctx context.Context, s *stage) error {
	say("The agent sees both tokens.")
	if err := s.waitForTokens(ctx); err != nil {
		return err
	}
	out, err := s.fobShown(ctx, "tokens")
	if err != nil {
		return err
	}
	for _, serial := range []string{yubikey, fobSerial} {
		if !strings.Contains(out, serial) {
			return fmt.Errorf("fob tokens doesn't list %s", serial)
		}
	}
	return nil
}

// waitForTokens asks the agent until it has opened both tokens.
func (s *stage) waitForTokens(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		out, _, _, err := s.command(ctx, "fob", "tokens", "--json")
		if err != nil {
			return err
		}
		var tokens []struct{ Serial, State string }
		ready := 0
		if json.Unmarshal([]byte(out), &tokens) == nil {
			for _, t := range tokens {
				if (t.Serial == yubikey || t.Serial == fobSerial) && t.State == "ready" {
					ready++
				}
			}
		}
		if ready == 2 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the agent doesn't see both tokens: %w", context.Cause(ctx))
		}
	}
}

func refusedWithoutMFA(ctx context.Context, s *stage) error {
	say("A call that the policy protects by MFA, with long-term keys.")
	for _, user := range []string{"carol", "dave"} {
		if err := s.listUsersDenied(ctx, user); err != nil {
			return err
		}
	}
	return nil
}

func enrollYubiKey(ctx context.Context, s *stage) error {
	say("The YubiKey becomes carol's virtual MFA device: two codes, and no waiting.")
	if _, err := s.fobShown(ctx, "enroll", "--profile", "carol", "--token", yubikey); err != nil {
		return err
	}
	if n := s.log.count("EnableMFADevice"); n != 1 {
		return fmt.Errorf("AWS saw %d EnableMFADevice calls, want 1", n)
	}
	if s.pcscd {
		return s.seenByYkman(ctx)
	}
	return nil
}

// ykman is Yubico's own program, as Debian packages it.
const ykman = "/usr/bin/ykman"

// seenByYkman has Yubico's program look at the same key, beside the agent.
func (s *stage) seenByYkman(ctx context.Context) error {
	for _, look := range []struct{ args, want string }{{"list", yubikey}, {"oath accounts list", "AWS:carol"}} {
		tell1("$ ykman %s", look.args)
		out, stderr, status, err := s.command(ctx, ykman, strings.Fields(look.args)...)
		if err != nil {
			return fmt.Errorf("ykman: %w", err)
		}
		tell1("  %s", strings.TrimSpace(out))
		if status != 0 || !strings.Contains(out, look.want) {
			return fmt.Errorf("ykman %s ended with status %d and doesn't list %s: %s%s", look.args, status, look.want, out, stderr)
		}
	}
	return nil
}

func bindFob(ctx context.Context, s *stage) error {
	say("The serial fob is dave's hardware device already; the agent is told so.")
	_, err := s.fobShown(ctx, "bind", "--profile", "dave", "--token", fobSerial)
	return err
}

func allowedWithMFA(ctx context.Context, s *stage) error {
	say("The same call with a session from each token.")
	for _, user := range []string{"carol", "dave"} {
		if err := s.listUsersAllowed(ctx, user); err != nil {
			return err
		}
	}
	_, err := s.fobShown(ctx, "sessions")
	return err
}

func fobJumps(ctx context.Context, s *stage) error {
	say("The fob's clock jumps five minutes ahead.")
	if err := s.turnFob(ctx, "5m"); err != nil {
		return err
	}
	out, err := s.fobShown(ctx, "drift", fobSerial)
	if err != nil {
		return err
	}
	if !strings.Contains(out, "outside") {
		return fmt.Errorf("fob drift doesn't say that the fob is outside the window")
	}
	if err := s.forgetSessions(ctx); err != nil {
		return err
	}
	before := s.log.count("GetSessionToken")
	if err := s.fobFails(ctx, exitDrifted, "credentials", "--profile", "dave"); err != nil {
		return err
	}
	if wasted := s.log.count("GetSessionToken") - before; wasted != 0 {
		return fmt.Errorf("%d verifications were wasted", wasted)
	}
	tell1("AWS was not asked: no verification is wasted")
	return s.driftedCodeRefused(ctx)
}

func resyncFob(ctx context.Context, s *stage) error {
	say("Two consecutive codes tell AWS where the fob's clock is now.")
	tell1("(the bench turns the fob to its next code, so that nobody waits for it)")
	if err := s.whileTurning(ctx, "resync", "--profile", "dave"); err != nil {
		return err
	}
	if n := s.log.count("ResyncMFADevice"); n != 1 {
		return fmt.Errorf("AWS saw %d ResyncMFADevice calls, want 1", n)
	}
	if err := s.turnFob(ctx, "30s"); err != nil {
		return err
	}
	if _, err := s.fobShown(ctx, "drift", fobSerial); err != nil {
		return err
	}
	return s.listUsersAllowed(ctx, "dave")
}

// turnFob moves the fob's clock forward.
func (s *stage) turnFob(ctx context.Context, by string) error {
	_, stderr, status, err := s.command(ctx, "fobemu", "clock", "fob1", "--advance", by)
	if err == nil && status != 0 {
		err = fmt.Errorf("fobemu clock ended with status %d: %s", status, stderr)
	}
	return err
}

// whileTurning runs a command of fob that needs two codes of the fob, and
// turns the fob by a step once the agent says that it waits for the second.
func (s *stage) whileTurning(ctx context.Context, args ...string) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	waiting, err := s.watch(watching, "waiting")
	if err != nil {
		return err
	}
	turned := make(chan error, 1)
	go func() {
		if <-waiting {
			turned <- s.turnFob(ctx, "30s")
		} else {
			turned <- fmt.Errorf("the agent never said that it waits for the fob's next code")
		}
	}()
	if _, err := s.fobShown(ctx, args...); err != nil {
		return err
	}
	return <-turned
}

// forgetSessions drops the agent's cached sessions, so that the next call
// needs a code.
func (s *stage) forgetSessions(ctx context.Context) error {
	out, _, _, err := s.command(ctx, "fob", "sessions", "--json")
	if err != nil {
		return err
	}
	var sessions []struct{ ID string }
	if err := json.Unmarshal([]byte(out), &sessions); err != nil {
		return fmt.Errorf("fob sessions --json: %w", err)
	}
	for _, session := range sessions {
		if _, stderr, status, err := s.command(ctx, "fob", "sessions", "--forget", session.ID); err != nil || status != 0 {
			return fmt.Errorf("fob sessions --forget ended with status %d: %v %s", status, err, stderr)
		}
	}
	return nil
}
