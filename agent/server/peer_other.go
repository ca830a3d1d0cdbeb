//go:build !linux && !darwin

package server

import (
	"net"

	"github.com/fob-auth/fob/agent/caller"
)

// kernelPeer knows no peer here, so that every request is refused: better no
// agent than one that serves anybody.
func kernelPeer(net.Conn, caller.Finder) (Peer, error) { return Peer{}, errNoPeer }
