package ifd

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
)

// BusVariable is the environment variable that tells the handler where the
// bench's bus is: the path of a socket, beside those of the readers.
const BusVariable = "FOBEMU_READERS"

// Vendor is the readers' vendor in the driver's Info.plist; its products are the
// readers' numbers.
const Vendor = 0x1050

// ReaderPath is the path of a reader's socket, by its number and that of the
// bus's.
func ReaderPath(bus string, reader int) string {
	return filepath.Join(filepath.Dir(bus), strconv.Itoa(reader)+".sock")
}

// A Change is a reader that came or went.
type Change struct {
	Reader   int
	Attached bool
}

// Frame is the change as the bench says it.
func (c Change) Frame() Frame {
	kind := Detached
	if c.Attached {
		kind = Attached
	}
	return Frame{Kind: kind, Payload: []byte{byte(c.Reader)}}
}

// A Bus is the handler's end of what the readers are plugged into. Those that
// are there when it is dialled are its first changes.
type Bus struct{ conn *net.UnixConn }

// DialBus opens the bus whose socket is at path.
func DialBus(path string) (*Bus, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	return &Bus{conn}, nil
}

// Descriptor is the file descriptor that can be read from when there is a
// change to [Bus.Next].
func (b *Bus) Descriptor() (int, error) {
	raw, err := b.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	descriptor := 0
	err = raw.Control(func(fd uintptr) { descriptor = int(fd) })
	return descriptor, err
}

// Next waits for the next change. It reads no further than that, as who waits
// for the descriptor would miss what was read ahead.
func (b *Bus) Next() (Change, error) {
	f, err := ReadFrame(b.conn)
	if err != nil {
		return Change{}, err
	}
	if f.Kind != Attached && f.Kind != Detached || len(f.Payload) != 1 {
		return Change{}, fmt.Errorf("bus says a frame of kind %#x with %d bytes", f.Kind, len(f.Payload))
	}
	return Change{Reader: int(f.Payload[0]), Attached: f.Kind == Attached}, nil
}

// Close ends the bus.
func (b *Bus) Close() error { return b.conn.Close() }
