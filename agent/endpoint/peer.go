package endpoint

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// errNoPeer says that a connection's other end isn't a socket of this host.
var errNoPeer = errors.New("whose connection it is can't be told")

type peerKey struct{}

// withPeer lets a connection's requests ask whose it is; the answer is looked
// up once.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, sync.OnceValues(func() (int, error) { return userOf(c) }))
}

// peerUID returns the user at the other end of a request's connection.
func peerUID(ctx context.Context) (int, error) {
	if uid, ok := ctx.Value(peerKey{}).(func() (int, error)); ok {
		return uid()
	}
	return 0, errNoPeer
}

// A pair is the two ends of a connection as the client's socket has them.
type pair struct{ local, remote netip.AddrPort }

// pairOf turns a connection that was accepted round.
func pairOf(c net.Conn) (pair, error) {
	ours, okOurs := c.LocalAddr().(*net.TCPAddr)
	theirs, okTheirs := c.RemoteAddr().(*net.TCPAddr)
	if !okOurs || !okTheirs {
		return pair{}, errNoPeer
	}
	return pair{theirs.AddrPort(), ours.AddrPort()}, nil
}

// findUID finds a socket's user in a table of the kernel's: proc(5),
// /proc/net/tcp and tcp6, whose columns are sl, local_address, rem_address, st,
// tx_queue:rx_queue, tr:tm->when, retrnsmt, uid, timeout, inode.
func findUID(table io.Reader, p pair) (int, error) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		columns := strings.Fields(lines.Text())
		if len(columns) < 8 || !isAddress(columns[1], p.local) || !isAddress(columns[2], p.remote) {
			continue
		}
		uid, err := strconv.ParseUint(columns[7], 10, 31)
		if err != nil {
			return 0, errNoPeer
		}
		return int(uid), nil
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("table of connections: %w", err)
	}
	return 0, errNoPeer
}

// isAddress reports whether a column is an address, be it as itself or, of a
// socket for both versions, mapped into IPv6 (RFC 4291, 2.5.5.2).
func isAddress(column string, a netip.AddrPort) bool {
	ip := a.Addr().Unmap()
	if !ip.Is4() {
		return false
	}
	four, mapped := ip.As4(), netip.AddrFrom4(ip.As4()).As16()
	port := fmt.Sprintf(":%04X", a.Port())
	return column == inWords(four[:])+port || column == inWords(mapped[:])+port
}

// inWords writes an address as the kernel prints it: each four bytes as a
// number in the machine's own byte order.
func inWords(b []byte) string {
	var s strings.Builder
	for ; len(b) >= 4; b = b[4:] {
		fmt.Fprintf(&s, "%08X", binary.NativeEndian.Uint32(b))
	}
	return s.String()
}
