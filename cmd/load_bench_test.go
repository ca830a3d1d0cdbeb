package cmd_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
)

// BenchmarkBesideATouch is what callers of a warm session wait for while
// another caller waits for a touch, by one client and by 64 at once, which keep
// their connections: median and 99th percentile of a socket call. The goals:
// 0.15 and 1 ms by one, 5 ms at the 99th percentile by 64. Beside them stands
// what a call costs the agent and its client in processor time, which depends
// less on what else the machine does.
func BenchmarkBesideATouch(b *testing.B) {
	s := newSystem(b, touchBench)
	c := &client.Client{Socket: s.socket}
	ctx, cancel := context.WithCancel(b.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		// The token waits 15 s for its touch; then it is asked again.
		for ctx.Err() == nil {
			_, _ = c.Session(ctx, api.SessionRequest{Profile: "held"})
		}
	})
	b.Cleanup(func() { cancel(); waiting.Wait() })
	status, err := c.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchClients(b, c, clients, status.PID) })
	}
}

// benchClients has clients ask the agent of that process b.N times together.
func benchClients(b *testing.B, c *client.Client, clients, pid int) {
	took := make([][]time.Duration, clients)
	var asking sync.WaitGroup
	agent, us := busy(b, pid), busy(b, os.Getpid())
	b.ResetTimer()
	for i := range clients {
		n := b.N / clients
		if i < b.N%clients {
			n++
		}
		asking.Go(func() {
			for range n {
				start := time.Now()
				if _, err := c.Session(b.Context(), api.SessionRequest{Profile: "carol"}); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	asking.Wait()
	b.StopTimer()
	b.ReportMetric(float64((busy(b, pid)-agent).Microseconds())/float64(b.N), "agent-µs/op")
	b.ReportMetric(float64((busy(b, os.Getpid())-us).Microseconds())/float64(b.N), "client-µs/op")
	all := slices.Concat(took...)
	slices.Sort(all)
	if len(all) > 0 {
		b.ReportMetric(ms(all[len(all)/2]), "ms-p50")
		b.ReportMetric(ms(all[len(all)*99/100]), "ms-p99")
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// BenchmarkCold is a session that isn't cached, from an emulated token: AWS is
// asked for the time, a counter reserved on disk, a code computed, and AWS asked
// for the session. AWS's clock moves on in between, since it verifies nine codes
// in three minutes.
func BenchmarkCold(b *testing.B) {
	s := newSystem(b, nil)
	c := &client.Client{Socket: s.socket}
	for b.Loop() {
		b.StopTimer()
		resp, err := http.Post(s.aws+"/_fobaws/clock", "application/json", strings.NewReader(`{"advance":"3m"}`))
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
		b.StartTimer()
		if _, err := c.Session(b.Context(), api.SessionRequest{Profile: "carol", Renew: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory is what fobd keeps in memory: after its first session, and
// after 100,000 requests by 16 clients; anon is what of it isn't in the page
// cache. Beside it stands its scout, a process of its own where the agent is
// confined. The goal: 25 MiB idle.
func BenchmarkMemory(b *testing.B) {
	const requests, clients = 100_000, 16
	for b.Loop() {
		s := newSystem(b, nil)
		c := &client.Client{Socket: s.socket}
		status, err := c.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(mib(b, status.PID, "VmRSS"), "MiB-idle")
		b.ReportMetric(mib(b, status.PID, "RssAnon"), "MiB-idle-anon")
		if scout := childOf(b, status.PID); scout != 0 {
			b.ReportMetric(mib(b, scout, "VmRSS"), "MiB-scout")
			b.ReportMetric(mib(b, scout, "RssAnon"), "MiB-scout-anon")
		}
		var asking sync.WaitGroup
		for range clients {
			asking.Go(func() {
				for range requests / clients {
					if _, err := c.Session(b.Context(), api.SessionRequest{Profile: "carol"}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		asking.Wait()
		b.ReportMetric(mib(b, status.PID, "VmRSS"), "MiB-after-100k")
	}
}

// proc reads a file of /proc/pid (proc(5)).
func proc(b *testing.B, pid int, name string) []byte {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// mib returns a row of a process's status, which is in kB, in MiB.
func mib(b *testing.B, pid int, row string) float64 {
	b.Helper()
	_, rest, _ := bytes.Cut(proc(b, pid, "status"), []byte(row+":"))
	kib, err := strconv.Atoi(strings.Fields(string(rest) + " x")[0])
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}

// childOf returns the one process that another has started; 0 for none.
func childOf(b *testing.B, pid int) int {
	b.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		fields := afterName(text)
		if parent, err := strconv.Atoi(fields[1]); err == nil && parent == pid {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				b.Fatal(err)
			}
			return child
		}
	}
	return 0
}

// afterName returns the fields of a process's stat behind its name, from the
// third on (proc_pid_stat(5)).
func afterName(stat []byte) []string {
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// busy returns how long a process has been at work, in its own code and in the
// kernel. The kernel tells it in hundredths of a second, as it does on every
// architecture of Linux that Go runs on.
func busy(b *testing.B, pid int) time.Duration {
	b.Helper()
	sum := 0
	for _, field := range afterName(proc(b, pid, "stat"))[11:13] { // utime (14), stime (15)
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

// touchBench adds a token that nobody touches, and a profile that waits for it.
func touchBench(b *testing.B, dir string) {
	more := map[string]string{
		"bench.yaml": `  - kind: yubikey
    name: yk2
    serial: 87654321
    firmware: 5.4.3
    attach: socket
    touch: manual
    credentials:
      - {name: "AWS:held", secret: KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU, digits: 6, period: 30, algorithm: SHA1, touch: true}
`,
		"fob.yaml": `  - {name: held, source_profile: carol-keys, mfa_serial: "arn:aws:iam::111122223333:mfa/held", credential: "AWS:held", allow_emulated: true}
`,
	}
	for name, text := range more {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
