//go:build unix

package endpoint

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestWatchByNumber is for systems whose kernel gives no descriptor.
func TestWatchByNumber(t *testing.T) {
	o, err := watchByNumber(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { o.wait(); close(over) }()
	o.close()
	o.close()
	<-over
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := watchByNumber(ended.Process.Pid); err == nil {
		t.Error("watches a process that has ended")
	}
}

// TestOneHop: what the endpoint sends goes no further than the next hop.
func TestOneHop(t *testing.T) {
	ln, err := listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var ttl int
	var optErr error
	if err := raw.Control(func(fd uintptr) { ttl, optErr = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TTL) }); err != nil || optErr != nil {
		t.Fatal(err, optErr)
	}
	if ttl != 1 {
		t.Errorf("an accepted connection's packets live for %d hops, want 1", ttl)
	}
}
