//go:build !linux

package serialfob

// lineRates are the rates, from the lowest that makes sense, that tarm/serial
// can give a line: of POSIX's own (termios.h), and the two above them.
var lineRates = []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200}
