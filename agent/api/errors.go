package api

import "time"

// An ErrorCode names an error for programs. The list is closed: server, client, exit
// status and manual all read [Codes].
type ErrorCode string

// The error codes of the socket.
const (
	BadRequest        ErrorCode = "bad_request"
	Forbidden         ErrorCode = "forbidden"
	TooLarge          ErrorCode = "too_large"
	MethodNotAllowed  ErrorCode = "method_not_allowed"
	NotFound          ErrorCode = "not_found"
	UnknownProfile    ErrorCode = "unknown_profile"
	UnknownCredential ErrorCode = "unknown_credential"
	NoToken           ErrorCode = "no_token"
	Ambiguous         ErrorCode = "ambiguous"
	Unbound           ErrorCode = "unbound"
	WrongToken        ErrorCode = "wrong_token"
	EmulatedToken     ErrorCode = "emulated_token"
	Unattested        ErrorCode = "unattested"
	UnusableToken     ErrorCode = "unusable_credential"
	TokenRemoved      ErrorCode = "token_removed"
	TokenFault        ErrorCode = "token_fault"
	TokenPassword     ErrorCode = "token_password"
	NoTouch           ErrorCode = "no_touch"
	TouchPending      ErrorCode = "touch_pending"
	CodeSpent         ErrorCode = "code_spent"
	Throttled         ErrorCode = "throttled"
	Drifted           ErrorCode = "drifted"
	CodeRefused       ErrorCode = "code_refused"
	MFARefused        ErrorCode = "mfa_refused"
	Denied            ErrorCode = "denied"
	BadKeys           ErrorCode = "bad_keys"
	CredentialLoop    ErrorCode = "credential_loop"
	EndpointRefused   ErrorCode = "endpoint_refused"
	Config            ErrorCode = "config"
	KeysLocked        ErrorCode = "keys_locked"
	AWSUnreachable    ErrorCode = "aws_unreachable"
	AWSUnanswered     ErrorCode = "aws_unanswered"
	AWSError          ErrorCode = "aws_error"
	LedgerClosed      ErrorCode = "ledger_closed"
	NobodyToAsk       ErrorCode = "nobody_to_ask"
	UserRefused       ErrorCode = "user_refused"
	NoAnswer          ErrorCode = "no_answer"
	Locked            ErrorCode = "locked"
	NotLocked         ErrorCode = "not_locked"
	WrongPassword     ErrorCode = "wrong_password"
	RateLimited       ErrorCode = "rate_limited"
	CallerRefused     ErrorCode = "caller_refused"
	TicketRefused     ErrorCode = "ticket_refused"
	Internal          ErrorCode = "internal"
	// NoAgent is the client's own: nothing answers on the socket.
	NoAgent ErrorCode = "no_agent"
)

// A CodeInfo is a row of the table of error codes.
type CodeInfo struct {
	Code ErrorCode
	// HTTP is the status of the answer.
	HTTP int
	// Exit is the exit status of fob.
	Exit int
	// Meaning is the sentence of the manual.
	Meaning string
}

// Codes returns the table of error codes: HTTP status, exit status, meaning.
func Codes() []CodeInfo {
	return []CodeInfo{
		{BadRequest, 400, 2, "the request isn't one the agent takes"},
		{Forbidden, 403, 10, "the caller may not use the socket, or not in that way"},
		{TooLarge, 413, 11, "the request is larger than the agent reads"},
		{MethodNotAllowed, 405, 41, "the route exists, but not with that method"},
		{NotFound, 404, 12, "no such route, session or binding"},
		{UnknownProfile, 404, 13, "neither fob's config nor the AWS config has the profile"},
		{UnknownCredential, 404, 14, "no token that is plugged in has the credential"},
		{NoToken, 404, 15, "the token isn't plugged in"},
		{Ambiguous, 409, 16, "more than one token or credential fits; name one"},
		{Unbound, 409, 17, "no token is bound to the MFA device"},
		{WrongToken, 409, 18, "the credential is on another token than the one bound"},
		{EmulatedToken, 403, 19, "the token is emulated and the profile doesn't allow that"},
		{Unattested, 403, 42, "the profile or the binding wants a token that proves its serial, and this one didn't"},
		{UnusableToken, 409, 20, "AWS can't take the credential's codes"},
		{TokenRemoved, 503, 21, "the token was taken out while it was asked"},
		{TokenFault, 502, 22, "the token gave no answer, or one that makes no sense"},
		{TokenPassword, 403, 23, "the token wants its password"},
		{NoTouch, 504, 24, "the token was not touched in time"},
		{TouchPending, 503, 25, "the caller's time is over and the touch still awaited; ask again"},
		{CodeSpent, 409, 26, "every code that AWS takes now is used up; come back at the next step"},
		{Throttled, 429, 27, "the MFA device's nine verifications of this window are used up"},
		{Drifted, 409, 28, "the token's clock is outside AWS's window, or lost its time: resync it, or give it a new seed"},
		{CodeRefused, 409, 29, "AWS refused the code"},
		{MFARefused, 409, 30, "AWS didn't look at the code: wrong device, or none enabled"},
		{Denied, 403, 31, "AWS's policies don't allow the call"},
		{BadKeys, 403, 32, "AWS doesn't take the access key"},
		{CredentialLoop, 409, 33, "the profile's source keys would come from fob itself"},
		{EndpointRefused, 403, 34, "fob's own config doesn't name the endpoint"},
		{Config, 409, 35, "a configuration file can't be used as it is"},
		{KeysLocked, 403, 45, "the store of long-term keys wants its passphrase, or the Secret Service unlocked"},
		{AWSUnreachable, 502, 36, "AWS could not be reached; nothing was sent"},
		{AWSUnanswered, 504, 37, "the request was sent and no answer came; the code counts as used"},
		{AWSError, 502, 38, "AWS answered with an error"},
		{LedgerClosed, 503, 39, "the ledger was lost or damaged, and codes are held back for safety"},
		{NobodyToAsk, 503, 50, "a person has to be asked, and there is no terminal, display or tool to ask on"},
		{UserRefused, 403, 51, "the user said no"},
		{NoAnswer, 504, 52, "the user was asked and didn't answer in time"},
		{Locked, 423, 60, "the agent is locked"},
		{NotLocked, 409, 61, "the agent isn't locked"},
		{WrongPassword, 403, 62, "the password isn't the one that the agent was locked with"},
		{RateLimited, 429, 63, "the caller asks too often, or for more codes than the token gives in so short a time"},
		{CallerRefused, 403, 64, "no rule of the profile lets the caller ask"},
		{TicketRefused, 401, 65, "the restricted socket takes no request without a ticket, or not that one with it"},
		{Internal, 500, 1, "the agent failed"},
		{NoAgent, 503, 40, "no agent answers on the socket"},
	}
}

// Info returns the row of a code; an unknown one gets Internal's statuses.
func (c ErrorCode) Info() CodeInfo {
	var internal CodeInfo
	for _, row := range Codes() {
		switch row.Code {
		case c:
			return row
		case Internal:
			internal = row
		}
	}
	return internal
}

// An Error is what went wrong, for programs and for people.
type Error struct {
	Code ErrorCode `json:"code"`
	// Message says what was tried, on which token, and why it failed.
	Message string `json:"message"`
	// Hint names a command that helps; empty where none does.
	Hint string `json:"hint"`
	// RetryAfterMS says when to come back, in milliseconds; 0 where coming
	// back doesn't help.
	RetryAfterMS int64 `json:"retry_after_ms"`
}

func (e *Error) Error() string { return e.Message }

// RetryAfter is RetryAfterMS as a duration.
func (e *Error) RetryAfter() time.Duration { return time.Duration(e.RetryAfterMS) * time.Millisecond }

// An ErrorBody is the body of every answer that isn't 2xx.
type ErrorBody struct {
	Error Error `json:"error"`
}
