package policy

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseAddress reads an address as IAM does (Captures): decimal IPv4 octets
// may have leading zeros; in IPv6 a lone colon at the beginning stands for a
// zero group, one at the end for nothing, and the run of zeros may have one
// colon too many. There are no zones.
func parseAddress(s string) (netip.Addr, bool) {
	if !strings.Contains(s, ":") {
		return parseIPv4(s)
	}
	if len(s) > 1 && s[0] == ':' && s[1] != ':' {
		s = "0" + s
	}
	left, right, run := strings.Cut(s, "::")
	switch {
	case run && !strings.Contains(right, "::"):
		s = left + "::" + strings.Trim(right, ":")
	case !run:
		s = strings.TrimSuffix(s, ":")
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || !a.Is4In6() && strings.Contains(s, ".") {
		return netip.Addr{}, false
	}
	return a, true
}

func parseIPv4(s string) (netip.Addr, bool) {
	var octets [4]byte
	for i := range octets {
		text, rest, more := strings.Cut(s, ".")
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil || more != (i < len(octets)-1) {
			return netip.Addr{}, false
		}
		octets[i], s = byte(n), rest
	}
	return netip.AddrFrom4(octets), true
}

// parseNetwork reads an address or a CIDR block of a policy. An address alone
// is a block of one. Host bits count for nothing in an IPv4 block, and make an
// IPv6 block invalid, as does dotted notation (Captures).
func parseNetwork(s string) (netip.Prefix, bool) {
	host, length, block := strings.Cut(s, "/")
	a, ok := parseAddress(host)
	if !ok || a.Is6() && strings.Contains(host, ".") {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if block {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > bits {
			return netip.Prefix{}, false
		}
		bits = n
	}
	p := netip.PrefixFrom(a, bits)
	return p, a.Is4() || p == p.Masked()
}
