// Package fob is the firmware of a serial key fob: a sealed seed, a clock of
// its own, a button, and TOTP codes (RFC 6238: SHA-1, 6 digits, 30 seconds)
// asked for over a serial line. PROTOCOL.md specifies the line protocol;
// package line is its codec.
//
// A [Fob] is a state machine without goroutines: bytes from the line, the
// button's turns and the passing of time go in by [Fob.Input], [Fob.Down],
// [Fob.Up] and [Fob.Tick], and each returns the bytes to send. The caller calls
// one of them at a time. The same code runs in the bench's emulator and on a
// microcontroller, so it avoids what costs flash there. What it needs of either
// is a [Hardware]; a clock that can be lost, a battery or a watchdog are powers
// that a board may have besides.
//
// A new fob is unprovisioned: a factory sets time, serial number and seed over
// the line and seals them, for good. A sealed fob gives codes of its present
// time step and nothing else: nobody can fetch tomorrow's codes by moving its
// clock, and no command reads or replaces the seed. Who holds the fob can make
// it forget everything, by holding its button for ten seconds.
package fob
