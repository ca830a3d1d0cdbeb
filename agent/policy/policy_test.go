package policy

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/caller"
	"github.com/fob-auth/fob/agent/store"
)

func chain(exes ...string) []caller.Process {
	var list []caller.Process
	for i, exe := range exes {
		list = append(list, caller.Process{PID: 100 - i, Exe: exe, Name: filepath.Base(exe)})
	}
	return list
}

func TestRules(t *testing.T) {
	const fob, aws, tf, sh = "/usr/bin/fob", "/usr/local/aws/v2/aws", "/home/carol/bin/terraform", "/usr/bin/dash"
	tests := []struct {
		rules Rules
		chain []caller.Process
		admit bool
	}{
		{nil, chain("/tmp/x"), true},
		{nil, nil, true},
		{Rules{{}}, chain(fob), false},
		{Rules{{Exe: fob}}, nil, false},
		{Rules{{Exe: fob}}, chain(fob), true},
		{Rules{{Exe: fob}}, chain("/tmp/fob"), false},
		{Rules{{Exe: fob}}, chain(""), false},
		{Rules{{Exe: fob}}, chain(fob + " (deleted)"), false},
		{Rules{{Exe: "/usr/bin/f*"}}, chain(fob), true},
		{Rules{{Exe: "/usr/*"}}, chain(fob), false},
		{Rules{{Exe: "/usr/**"}}, chain(fob), true},
		{Rules{{Exe: "/usr/**"}}, chain("/usr"), false},
		{Rules{{Exe: "/usr/**"}}, chain("/usrlocal/fob"), false},
		{Rules{{Exe: "/**"}}, chain(fob), true},
		{Rules{{Exe: fob, StartedBy: aws}}, chain(fob, aws), true},
		{Rules{{Exe: fob, StartedBy: aws}}, chain(fob, sh, aws), true},
		{Rules{{Exe: fob, StartedBy: aws}}, chain(fob, sh, tf), false},
		{Rules{{Exe: fob, StartedBy: aws}}, chain(aws, fob), false},
		{Rules{{StartedBy: fob}}, chain(fob), false},
		{Rules{{StartedBy: "/home/*/bin/terraform"}}, chain(fob, tf), true},
		{Rules{{Exe: aws}, {Exe: fob, StartedBy: tf}}, chain(fob, tf), true},
		{Rules{{Exe: aws}, {Exe: fob, StartedBy: tf}}, chain(fob, sh), false},
	}
	for _, tt := range tests {
		err := tt.rules.Admit("prod", tt.chain)
		if (err == nil) != tt.admit {
			t.Errorf("%v of %v: %v", tt.chain, tt.rules, err)
		}
		var refused *RuleError
		if err != nil && (!errors.As(err, &refused) || !strings.Contains(err.Error(), tt.rules[0].String()) || !strings.Contains(err.Error(), "prod")) {
			t.Errorf("error %v names no rule", err)
		}
	}
}

func TestClientOf(t *testing.T) {
	for want, c := range map[string][]caller.Process{
		"/usr/bin/terraform (pid 99)":  chain("/usr/bin/fob", "/usr/bin/terraform", "/usr/bin/bash"),
		"/usr/bin/python3 (pid 100)":   chain("/usr/bin/python3", "/usr/bin/fob"),
		"/usr/bin/fob (pid 100)":       chain("/usr/bin/fob"),
		"a program that can't be told": nil,
		"\"odd\" (pid 7)":              {{PID: 7, Name: "odd"}},
	} {
		if got := ClientOf(c); got != want {
			t.Errorf("%v: %q", c, got)
		}
	}
}

// TestLimiter spends a client's burst in virtual time: it is told when to come
// back, and is let through then; others are not held up.
func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(Limits{PerSecond: 4, Burst: 10})
		for i := range 10 {
			if err := l.Take("a", time.Now()); err != nil {
				t.Fatalf("act %d: %v", i, err)
			}
		}
		var rate *RateError
		if err := l.Take("a", time.Now()); !errors.As(err, &rate) || rate.After != 250*time.Millisecond {
			t.Fatalf("error %v", err)
		}
		if err := l.Take("b", time.Now()); err != nil {
			t.Errorf("another client: %v", err)
		}
		time.Sleep(rate.After)
		if err := l.Take("a", time.Now()); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		if err := l.Take("a", time.Now()); err == nil {
			t.Error("two at once after the wait")
		}
		l.Return("a", time.Now())
		if err := l.Take("a", time.Now()); err != nil {
			t.Errorf("what was given back: %v", err)
		}
		time.Sleep(time.Hour)
		for i := range 10 {
			if err := l.Take("a", time.Now()); err != nil {
				t.Fatalf("an hour later, act %d: %v", i, err)
			}
		}
		if err := l.Take("a", time.Now()); err == nil {
			t.Error("a bucket holds more than its burst")
		}
	})
}

func TestLimiterForgets(t *testing.T) {
	l := NewLimiter(Limits{PerSecond: 1, Burst: 2})
	for i := range 5 * maxBuckets {
		if err := l.Take(strings.Repeat("x", i), time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d clients are counted", len(l.buckets))
	}
	free := NewLimiter(Limits{})
	for range 1000 {
		if err := free.Take("a", time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

func openTickets(t *testing.T, dir string) *Tickets {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(dir, "state"), WitnessDir: filepath.Join(dir, "data"), Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tickets, err := OpenTickets(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return tickets
}

func TestTickets(t *testing.T) {
	dir, ctx, now := t.TempDir(), t.Context(), time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	tickets := openTickets(t, dir)
	for name, err := range map[string]error{
		"no name":    second(tickets.Issue(ctx, "", []string{"dev"}, time.Hour, now)),
		"no profile": second(tickets.Issue(ctx, "ci", nil, time.Hour, now)),
		"no life":    second(tickets.Issue(ctx, "ci", []string{"dev"}, 0, now)),
		"for ever":   second(tickets.Issue(ctx, "ci", []string{"dev"}, maxTicketLife+1, now)),
	} {
		if !errors.Is(err, ErrTicketTerms) {
			t.Errorf("%s: %v", name, err)
		}
	}
	made, secret, err := tickets.Issue(ctx, "ci", []string{"dev", "test"}, time.Hour, now)
	if err != nil || !strings.HasPrefix(secret, ticketPrefix) || strings.Contains(made.Digest, secret) {
		t.Fatal(made, err)
	}
	if err := second(tickets.Issue(ctx, "ci", []string{"dev"}, time.Hour, now)); !errors.Is(err, ErrTicketName) {
		t.Errorf("the name again: %v", err)
	}
	check := func(tickets *Tickets, secret string, at time.Time, want error) {
		t.Helper()
		if k, err := tickets.Check(secret, at); !errors.Is(err, want) || err == nil && k.ID != made.ID {
			t.Errorf("%+v, %v", k, err)
		}
	}
	check(tickets, secret, now, nil)
	check(tickets, secret, now.Add(time.Hour), ErrNoTicket)
	check(tickets, secret[:len(secret)-1], now, ErrNoTicket)
	check(tickets, "", now, ErrNoTicket)
	check(tickets, made.Digest, now, ErrNoTicket)
	_ = tickets.state.Close()

	tickets = openTickets(t, dir) // another agent
	check(tickets, secret, now, nil)
	if list := tickets.List(now); len(list) != 1 || len(list[0].Profiles) != 2 {
		t.Errorf("list %+v", list)
	}
	if _, err := tickets.Revoke(ctx, "other"); !errors.Is(err, ErrNoTicket) {
		t.Error(err)
	}
	if gone, err := tickets.Revoke(ctx, "ci"); err != nil || gone.ID != made.ID {
		t.Error(gone, err)
	}
	check(tickets, secret, now, ErrNoTicket)
	_ = tickets.state.Close()
	check(openTickets(t, dir), secret, now, ErrNoTicket)
}

func second(_ store.Ticket, _ string, err error) error { return err }

func TestTicketsAreBounded(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	tickets := openTickets(t, t.TempDir())
	for i := range maxTickets {
		if err := second(tickets.Issue(t.Context(), strings.Repeat("n", i+1), []string{"dev"}, time.Hour, now)); err != nil {
			t.Fatal(err)
		}
	}
	if err := second(tickets.Issue(t.Context(), "more", []string{"dev"}, time.Hour, now)); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	if err := second(tickets.Issue(t.Context(), "more", []string{"dev"}, time.Hour, now.Add(2*time.Hour))); err != nil {
		t.Errorf("once the others are over: %v", err)
	}
}
