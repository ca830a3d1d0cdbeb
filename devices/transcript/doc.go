// Package transcript records what goes between a driver and a card, and
// answers from a record in the card's place.
//
// A [Recorder] stands between a driver and its transport and writes each
// session, from the transport's opening to its closing, as text ([Decode],
// [Session.Append]): one line a command, one line its answer with the time it
// took. [Replay] is a driver whose one token answers from such sessions, and
// that fails on a command that isn't the recorded one, byte for byte.
//
//	session emulated /run/user/1000/fobemu.sock#yk1
//	> 00A4040007A0000005272101
//	< 310µs 790305040371085A0F...9000
//	> 00A200010D...
//	* press
//	< 2.104s 760506...9000
//
// A line that begins with "!" stands for an answer that didn't come, and says
// why; one with "*" is something that happened while the command above was
// under way: what a hand did, or the end of the session.
//
// # What is redacted
//
// No key, code, PIN or password, nor anything that one could be found out
// from, is ever written. Recorder knows what is harmless and blanks the rest
// with zeros, each byte with one, in both directions: SELECT, what a
// management applet and an OTP applet say of version and serial number, and the
// listings of an OATH applet (Yubico's YKOATH) are written as they are; so are
// the names of accounts, and the key's serial number. Two things are replaced:
//
//   - the key of a new credential, by the first bytes of [StandIn] repeated;
//   - each code, by the one that [StandIn] gives for the same challenge with
//     the same hash. So a replayed token gives codes that can be checked, and
//     none of a real key.
//
// A replay blanks and replaces what the driver sends in the same way before it
// compares, so that other secrets of the same length fit. What an applet's
// password has to do with is blank on both sides: a driver that wants the key
// to prove that it knows the password will not believe a replay.
//
// PIV operations go past this transport (they are piv-go's own), and a serial
// fob has no transport: neither is recorded.
package transcript
