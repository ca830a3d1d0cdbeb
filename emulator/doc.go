// Package emulator is a bench of emulated tokens: each is the firmware of
// package firmware on a board of this package's, with a button, a clock, a
// place to plug it in, and faults on demand. [Load] reads the bench file, [New]
// plugs everything in, and [Token] is what a hand could do to a token.
//
// The package has no socket: control serves a bench to other programs, in the
// wire types of api. Package benchtest starts one for a test. It knows nothing of the programs that use the tokens.
//
// A card is owned by whoever took it from its channel, for one command at a
// time; a fob by one goroutine. Nothing is locked while either waits.
package emulator
