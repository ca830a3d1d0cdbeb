//go:build unix

package endpoint

import (
	"errors"
	"sync"
	"syscall"
	"time"
)

// lookEvery is how often a process is looked for where the kernel gives no
// descriptor of it.
const lookEvery = time.Second

// watchByNumber watches a process by its number.
func watchByNumber(pid int) (owner, error) {
	o := &numbered{pid: pid, closed: make(chan struct{})}
	if !o.alive() {
		return nil, syscall.ESRCH
	}
	return o, nil
}

type numbered struct {
	pid    int
	once   sync.Once
	closed chan struct{}
}

func (n *numbered) alive() bool { return !errors.Is(syscall.Kill(n.pid, 0), syscall.ESRCH) }

func (n *numbered) wait() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n.alive() {
		select {
		case <-tick.C:
		case <-n.closed:
			return
		}
	}
}

func (n *numbered) close() { n.once.Do(func() { close(n.closed) }) }

// oneHop keeps a socket's packets from going further than the next hop (ip(7),
// IP_TTL; connections that are accepted have the listener's).
func oneHop(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TTL, 1) })
	return errors.Join(err, set)
}
