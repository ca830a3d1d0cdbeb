// Package broker stands between the agent's callers and the tokens. [Broker]
// keeps one goroutine per token that is plugged in, which alone opens and owns
// it, and finds credentials by name. [Ledger] says which counter of an MFA
// device may be presented next, so that no code is ever handed out twice and
// AWS's budget of verifications is never overrun. [Bindings] ties MFA devices
// to credentials.
//
// It knows neither sockets nor AWS's calls: package session brings the three
// together, in the order reserve, ask the token, send, settle.
package broker
