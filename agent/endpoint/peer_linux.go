package endpoint

import (
	"errors"
	"net"
	"os"
)

// userOf asks the kernel's tables whose socket is at the other end of a
// connection.
func userOf(c net.Conn) (int, error) {
	p, err := pairOf(c)
	if err != nil {
		return 0, err
	}
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		var uid int
		if uid, err = userIn(name, p); err == nil {
			return uid, nil
		}
	}
	return 0, err
}

func userIn(name string, p pair) (uid int, err error) {
	table, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	return findUID(table, p)
}
