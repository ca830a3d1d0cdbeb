//go:build pcsc && (cgo || windows) && !linux

package pcsc

import "github.com/ebfe/scard"

// An eye looks at readers. On this platform it sees a card and no more.
type eye struct{}

func openEye() (eye, error) { return eye{}, nil }

func (eye) close() {}

func (eye) look(string) (scard.StateFlag, []byte, error) { return scard.StatePresent, nil, nil }
