package pcsc

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestConnections finds the clients of a service among all the system's
// sockets, its own and no other's.
func TestConnections(t *testing.T) {
	dir, err := os.MkdirTemp("", "fob") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "pcscd.comm")
	t.Setenv(redirect, path)
	if list, err := connections(); err == nil {
		t.Errorf("without a service: %v", list)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for want := range 3 {
		list, err := connections()
		if err != nil || len(list) != want {
			t.Fatalf("%v, %v, want %d", list, err, want)
		}
		own := ownSockets()
		for _, one := range list {
			if !own[one.client] || !own[one.service] {
				t.Errorf("%v isn't among %v", one, own)
			}
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		served, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer served.Close()
	}
}

// FuzzDiag: whatever the kernel says, it is read within its bounds.
func FuzzDiag(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{16, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})                                                                                                   // done
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})                                                                                       // error
	f.Add([]byte{52, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0}) // a socket, cut off
	f.Add([]byte{56, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0, 5, 0, 0, 0})
	f.Add([]byte{17, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) // too short for a socket
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, err := parseDiag(nil, b, 7)
		if err != nil && list != nil {
			t.Errorf("%v with %v", list, err)
		}
		for _, one := range list {
			if one.client == 0 {
				t.Errorf("%v has no client", one)
			}
		}
	})
}
