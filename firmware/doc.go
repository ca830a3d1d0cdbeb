// Package firmware is the inside of a token: a smart card that runs applets,
// and what it needs from the board it sits on. Bytes come in and bytes go out;
// the package does no I/O, starts no goroutine and reads no clock. Whoever
// owns a Card calls it from one place at a time and gives it its hardware: the
// bench in package emulator, or a microcontroller.
//
// A Card does what ISO/IEC 7816-4 asks of every card: choice of an applet by
// SELECT, command chaining, answers in pieces by GET RESPONSE. What a command
// means is the applet's: see the packages oath, piv, yubiotp and mgmt, which
// together are a YubiKey. Package fob is the other kind of token, which speaks
// lines instead of APDUs.
package firmware
