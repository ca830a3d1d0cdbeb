//go:build !unix

package server

import (
	"context"
	"errors"
	"net"
	"os"
)

// errNoPeers says why the agent doesn't serve here.
var errNoPeers = errors.New("this system doesn't tell who is at the other end of a socket, so the agent can't serve here")

// Listen refuses: the agent serves nobody it can't tell from others.
func Listen(context.Context, string) (*Socket, error) { return nil, errNoPeers }

// Inherited refuses for the same reason.
func Inherited([]*os.File) (net.Listener, error) { return nil, errNoPeers }
