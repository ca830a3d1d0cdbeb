package serialfob

// lineRates are the rates, from the lowest that makes sense, that tarm/serial
// can give a line: those with a constant of their own in termios(3).
var lineRates = []int{
	1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600,
	1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
}
