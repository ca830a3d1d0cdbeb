package serialfob

// Ports are the serial ports that there may be: the system's own, or in a test
// others.
type Ports interface {
	// Find returns the ports that are there of those that a pattern names, each
	// device once.
	Find(pattern string) []Place
	// Open opens one of them at a rate in bits per second. It may hang.
	Open(p Place, baud int) (Port, error)
}

// A Port is an open serial port.
type Port interface {
	// Read returns what came, or 0 and io.EOF after a bounded time without
	// anything, and also when the line was hung up.
	Read([]byte) (int, error)
	// Write may block for as long as the other end reads nothing.
	Write([]byte) (int, error)
	// Gone says, without waiting, that the line was hung up.
	Gone() bool
	Close() error
}

// A Place is a port that is there now.
type Place struct {
	Path     string // as the pattern found it
	Device   string // with links resolved
	Identity Identity
	Emulated bool
}

// An Identity tells a device apart from the one that had its name before.
type Identity struct {
	Device  string
	Number  uint64 // of the device
	Inode   uint64
	Created int64 // in nanoseconds, where that is known
}

// system is the serial ports of this machine.
type system struct{}

func (system) Find(pattern string) []Place          { return findPorts(pattern) }
func (system) Open(p Place, baud int) (Port, error) { return openPort(p, baud) }
