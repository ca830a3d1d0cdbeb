package endpoint

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Tables as the kernel of a little-endian machine prints them.
const (
	table4 = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 20000 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 20001 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000   501        0 20002 1 0000000000000000 20 4 30 10 -1
`
	table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000100007F:C002 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000   502        0 20003 1 0000000000000000 20 4 30 10 -1
`
)

func connection(port uint16) pair {
	loopback := netip.MustParseAddr("127.0.0.1")
	return pair{netip.AddrPortFrom(loopback, port), netip.AddrPortFrom(loopback, 0x1f90)}
}

func native(table string) string {
	return strings.NewReplacer("0100007F", inWords([]byte{127, 0, 0, 1}), "FFFF0000", inWords([]byte{0, 0, 255, 255})).Replace(table)
}

func TestFindUID(t *testing.T) {
	// The tables are of a little-endian machine; this one may print otherwise.
	table4, table6 := native(table4), native(table6)
	for _, tt := range []struct {
		table string
		port  uint16
		uid   int
	}{{table4, 0xc001, 501}, {table6, 0xc002, 502}, {table4, 0xc002, -1}, {table6, 0xc001, -1}, {"", 0xc001, -1},
		{strings.ReplaceAll(table4, "  501", "-1"), 0xc001, -1}, {strings.Repeat("x", 1<<20), 0xc001, -1}} {
		uid, err := findUID(strings.NewReader(tt.table), connection(tt.port))
		if (err != nil) != (tt.uid < 0) || err == nil && uid != tt.uid {
			t.Errorf("port %x: uid %d, error %v; want %d", tt.port, uid, err, tt.uid)
		}
	}
}

func FuzzFindUID(f *testing.F) {
	f.Add(table4)
	f.Add(table6)
	f.Add("   2: 0100007F:C001 0100007F:1F90 01 x x x 99999999999 0 0\n")
	f.Add("   2: 0100007F:C001 0100007F:1F90\n")
	f.Fuzz(func(t *testing.T, table string) {
		if uid, err := findUID(strings.NewReader(table), connection(0xc001)); err == nil && (uid < 0 || !strings.Contains(table, "C001")) {
			t.Errorf("uid %d of a table without the connection", uid)
		}
	})
}

// FuzzToken: no token but one that was given out is valid.
func FuzzToken(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	d := newIMDS(asker{now: func() time.Time { return now }, profile: "dev"}, 0)
	given := d.token(now.Add(time.Hour))
	f.Add("")
	f.Add("AAAA")
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 40)))
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 8)))
	f.Fuzz(func(t *testing.T, token string) {
		// Line ends are nothing to base64, and in no header.
		if d.valid(token) && strings.NewReplacer("\r", "", "\n", "").Replace(token) != given {
			t.Errorf("%q is valid", token)
		}
	})
}
