//go:build !linux

package vpcd

import "net"

// acknowledge does nothing where the system has no such switch.
func acknowledge(net.Conn) {}
