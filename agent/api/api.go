// Package api is the wire of the agent's socket: request and answer types, the
// closed list of error codes and the limits, shared by server, client and
// whoever speaks HTTP to the socket in another language.
//
// It imports the standard library alone and holds no behaviour beyond what the
// wire itself needs. Digits and keys stand here in the clear: these types are
// the one place where they are meant to be read, and are never logged.
package api

import "time"

// The routes of the socket. GET reads, POST and DELETE act.
const (
	PathStatus      = "/v1/status"        // GET: Status
	PathTokens      = "/v1/tokens"        // GET: []Token
	PathTokenUnlock = "/v1/tokens/unlock" // POST TokenUnlockRequest: Token
	PathCredentials = "/v1/credentials"   // GET: []Credential
	PathSessions    = "/v1/sessions"      // GET: []SessionInfo, POST SessionRequest: Session
	PathSession     = "/v1/sessions/{id}" // DELETE
	PathEndpoints   = "/v1/endpoints"     // POST EndpointRequest: Endpoint
	PathCodes       = "/v1/codes"         // POST CodeRequest: Code
	PathBindings    = "/v1/bindings"      // GET: []Binding
	PathBinding     = "/v1/bindings/{id}" // DELETE
	PathBind        = "/v1/bind"          // POST BindRequest: Binding
	PathDrift       = "/v1/drift"         // GET: []Drift
	PathResync      = "/v1/resync"        // POST ResyncRequest: Resync
	PathEnroll      = "/v1/enroll"        // POST EnrollRequest: Enrollment
	PathUnenroll    = "/v1/unenroll"      // POST UnenrollRequest: Unenrollment
	PathAudit       = "/v1/audit"         // GET: []AuditEntry
	PathAuditVerify = "/v1/audit/verify"  // GET: AuditVerdict
	PathLock        = "/v1/lock"          // POST LockRequest: LockState
	PathUnlock      = "/v1/unlock"        // POST UnlockRequest: LockState
	PathTickets     = "/v1/tickets"       // GET: []Ticket, POST TicketRequest: IssuedTicket
	PathTicket      = "/v1/tickets/{id}"  // DELETE
	PathEvents      = "/v1/events"        // GET: server-sent events, each an Event
	PathOpenAPI     = "/v1/openapi.json"  // GET: OpenAPI 3.1
	PathDoctor      = "/v1/doctor"        // GET: []Check
	PathMetrics     = "/v1/metrics"       // GET: figures in the text form of Prometheus
)

// Limits of the socket.
const (
	// MaxBody bounds a request's body, in bytes.
	MaxBody = 16 << 10
	// MaxImage bounds the image of an EnrollRequest, in bytes, and MaxEnroll its
	// body.
	MaxImage  = 1 << 20
	MaxEnroll = MaxImage/3*4 + MaxBody
	// MaxHeader bounds a request's line and headers, in bytes.
	MaxHeader = 8 << 10
	// Host is the only Host a request may name, so that no page in a browser
	// can be pointed at the socket through a forwarder.
	Host = "fob"
	// MaxAnswer bounds what a client reads of one answer, in bytes.
	MaxAnswer = 4 << 20
	// MaxName bounds names of profiles, tokens and credentials, in bytes.
	MaxName = 256
)

// Status says what the agent is and how it does.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started" doc:"When the agent began to serve."`
	Socket  string    `json:"socket"`
	// Config is fob.yaml, whether or not it is there.
	Config     string    `json:"config" doc:"The configuration file."`
	ConfigRead time.Time `json:"config_read" doc:"When it was last read."`
	Tokens     int       `json:"tokens" doc:"Tokens plugged in and open."`
	// Sessions counts cached sessions that still live.
	Sessions int `json:"sessions"`
	// Waiting counts callers that wait for a session: for a touch, a code or
	// AWS.
	Waiting int  `json:"waiting" doc:"Callers that wait for a session."`
	Locked  bool `json:"locked" doc:"Nothing is handed out until it is unlocked, and nothing else told."`
	// LeftOut names drivers this program was built without, each with its
	// reason.
	LeftOut []string `json:"left_out" nullable:"false" doc:"Drivers this build doesn't have, and why."`
	// Warnings are things the user should know: a ledger that was lost.
	Warnings []string `json:"warnings" nullable:"false" doc:"Things the user should know."`
}

// A CheckState is what a check came to.
type CheckState string

// The states of a check.
const (
	CheckOK   CheckState = "ok"
	CheckWarn CheckState = "warn"
	CheckFail CheckState = "fail"
)

// A Check is one thing that was looked at.
type Check struct {
	Name    string     `json:"name"`
	State   CheckState `json:"state" enum:"ok,warn,fail"`
	Message string     `json:"message"`
	Hint    string     `json:"hint,omitempty" doc:"A command, or a setting, that helps."`
}

// A TokenState is how a token does.
type TokenState string

// The states of a token.
const (
	TokenReady   TokenState = "ready"
	TokenWaiting TokenState = "waiting-for-touch"
	TokenBusy    TokenState = "busy"
	TokenLocked  TokenState = "locked"
	TokenFailed  TokenState = "failed"
)

// A Token is a token that is plugged in.
type Token struct {
	Serial   string     `json:"serial" doc:"The number printed on the token; empty where it could not be read."`
	Model    string     `json:"model"`
	Firmware string     `json:"firmware,omitempty"`
	Driver   string     `json:"driver" doc:"The way in: emulated, serialfob, pcsc, fido2."`
	Path     string     `json:"path" doc:"Where it is plugged in."`
	Emulated bool       `json:"emulated" doc:"No hardware stands behind it."`
	Proved   bool       `json:"proved" doc:"It proved its serial, as a binding wants, since it was connected."`
	OwnClock bool       `json:"own_clock" doc:"It counts time steps by its own clock."`
	State    TokenState `json:"state" enum:"ready,waiting-for-touch,busy,locked,failed"`
	Error    string     `json:"error,omitempty" doc:"Why its state is failed or locked."`
	// Credentials counts the OATH accounts on it.
	Credentials int      `json:"credentials"`
	Notes       []string `json:"notes,omitempty" nullable:"false"`
}

// A TokenUnlockRequest opens the accounts of a token that has a password.
type TokenUnlockRequest struct {
	Token    string `json:"token" minLength:"1" maxLength:"256" doc:"Serial of the token."`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
	Remember bool   `json:"remember,omitempty" doc:"Keep the key that the password stands for beyond the agent's end, sealed; else it is forgotten then, and what was kept is forgotten now."`
}

// A Credential is one OATH account on a token.
type Credential struct {
	Token         string `json:"token" doc:"Serial of the token."`
	ID            string `json:"id" doc:"Name of the account on the token."`
	Type          string `json:"type" enum:"TOTP,HOTP"`
	Algorithm     string `json:"algorithm" enum:"SHA1,SHA256,SHA512"`
	Digits        int    `json:"digits"`
	PeriodSeconds int    `json:"period_seconds" doc:"Length of a time step; 0 for HOTP."`
	Touch         bool   `json:"touch" doc:"Each code wants a touch."`
	Emulated      bool   `json:"emulated"`
	// Unusable says why AWS can't take this credential's codes; empty where it
	// can.
	Unusable string `json:"unusable,omitempty"`
	// MFASerial is the MFA device the credential is bound to; empty where none.
	MFASerial string `json:"mfa_serial,omitempty"`
}

// A CodeRequest asks for one code.
type CodeRequest struct {
	// Name is a credential's ID, a token's serial or a profile; empty where
	// only one credential is there.
	Name  string `json:"name,omitempty" maxLength:"256" doc:"A credential, a token's serial or a profile; may be left out where there is one credential."`
	Token string `json:"token,omitempty" maxLength:"256" doc:"Serial of the token, where two tokens hold a credential of the same name."`
	Peek  bool   `json:"peek,omitempty" doc:"Don't reserve the code: it may be used, or have been used, elsewhere."`
	MFA   bool   `json:"mfa,omitempty" doc:"Only of a credential that is bound to an MFA device, which the answer names."`
}

// A Code is digits and what they are good for.
type Code struct {
	Code       string    `json:"code" doc:"The digits."`
	Step       uint64    `json:"step" doc:"The time step the digits belong to."`
	ValidFrom  time.Time `json:"valid_from" doc:"Start of the time step in the host's time, whatever the token's own clock says."`
	ValidUntil time.Time `json:"valid_until" doc:"End of the time step in the host's time."`
	Token      string    `json:"token" doc:"Serial of the token."`
	Credential string    `json:"credential"`
	MFASerial  string    `json:"mfa_serial,omitempty" doc:"The MFA device the credential is bound to."`
	Reserved   bool      `json:"reserved" doc:"The ledger gave this step to the caller; no one else gets it."`
	Emulated   bool      `json:"emulated"`
	Warning    string    `json:"warning,omitempty" doc:"What the caller should know: the token's clock is outside AWS's window."`
}

// A SessionRequest asks for a profile's session.
type SessionRequest struct {
	Profile string `json:"profile" minLength:"1" maxLength:"256"`
	// MinTTLSeconds is the life a cached session must have left; 0 takes the
	// profile's min_ttl.
	MinTTLSeconds int  `json:"min_ttl_seconds,omitempty" minimum:"0" maximum:"43200"`
	Renew         bool `json:"renew,omitempty" doc:"Make a new session even if a fresh one is cached."`
	// WaitMS is how long the caller waits for its answer, in milliseconds; 0 is
	// for as long as it takes.
	WaitMS int64 `json:"wait_ms,omitempty" minimum:"0" maximum:"3600000" doc:"Answer within so many milliseconds: with touch_pending or code_spent while the session is still being made, which goes on and serves the next call."`
}

// A Session is temporary AWS credentials.
type Session struct {
	ID              string    `json:"id"`
	Profile         string    `json:"profile"`
	AccessKeyID     string    `json:"access_key_id"`
	SecretAccessKey string    `json:"secret_access_key"`
	SessionToken    string    `json:"session_token"`
	Expiration      time.Time `json:"expiration" doc:"In this host's time."`
	Region          string    `json:"region,omitempty"`
	MFASerial       string    `json:"mfa_serial,omitempty" doc:"The device whose code bought the session."`
	Token           string    `json:"token,omitempty" doc:"Serial of the token that gave the code."`
	Step            uint64    `json:"step,omitempty" doc:"The time step of the code."`
	AssumedRole     string    `json:"assumed_role,omitempty" doc:"ARN of the assumed role."`
	Cached          bool      `json:"cached" doc:"It was there already."`
	Note            string    `json:"note,omitempty" doc:"What the caller should know of the session."`
}

// A SessionInfo is a cached session without its secrets.
type SessionInfo struct {
	ID          string    `json:"id"`
	Profile     string    `json:"profile" doc:"The profile that first asked for it."`
	Call        string    `json:"call" enum:"GetSessionToken,AssumeRole"`
	AccessKeyID string    `json:"access_key_id"`
	Issued      time.Time `json:"issued"`
	Expiration  time.Time `json:"expiration"`
	MFASerial   string    `json:"mfa_serial,omitempty"`
	AssumedRole string    `json:"assumed_role,omitempty"`
	// RenewAt is zero where the profile is no more.
	RenewAt time.Time `json:"renew_at,omitzero" doc:"From when on the session, while it is in use, is renewed ahead: by itself, or by an offer where it takes a touch."`
}

// An EndpointKind is how an endpoint gives credentials to AWS SDKs.
type EndpointKind string

// The kinds of endpoint.
const (
	// EndpointContainer is the container credentials provider.
	EndpointContainer EndpointKind = "container"
	// EndpointIMDS is the instance metadata service, version 2.
	EndpointIMDS EndpointKind = "imds"
)

// An EndpointRequest opens an endpoint on loopback that gives a profile's
// session. It is closed when the process that asked ends.
type EndpointRequest struct {
	Profile string       `json:"profile" minLength:"1" maxLength:"256"`
	Kind    EndpointKind `json:"kind" enum:"container,imds"`
}

// An Endpoint is where an AWS SDK finds a profile's session.
type Endpoint struct {
	Profile string       `json:"profile"`
	Kind    EndpointKind `json:"kind" enum:"container,imds"`
	URL     string       `json:"url" doc:"For AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_EC2_METADATA_SERVICE_ENDPOINT."`
	Token   string       `json:"token,omitempty" doc:"For AWS_CONTAINER_AUTHORIZATION_TOKEN; it is this endpoint's alone."`
}

// A Binding ties an MFA device of AWS to a credential on a token.
type Binding struct {
	ID         string    `json:"id"`
	Endpoint   string    `json:"endpoint" doc:"The endpoint's URL, or the AWS partition."`
	Account    string    `json:"account"`
	MFASerial  string    `json:"mfa_serial"`
	Token      string    `json:"token" doc:"Serial of the token."`
	Credential string    `json:"credential"`
	Emulated   bool      `json:"emulated"`
	AttestedBy string    `json:"attested_by,omitempty" doc:"PIV slot of the key by which the token proves its serial at each connect."`
	Bound      time.Time `json:"bound"`
}

// A BindRequest binds a profile's MFA device to a credential. What is left out
// is found where only one candidate is there.
type BindRequest struct {
	Profile    string `json:"profile" minLength:"1" maxLength:"256"`
	Token      string `json:"token,omitempty" maxLength:"256"`
	Credential string `json:"credential,omitempty" maxLength:"256"`
	Attest     bool   `json:"attest,omitempty" doc:"Have the token prove its serial, now and at each connect."`
	Slot       string `json:"slot,omitempty" maxLength:"2" doc:"PIV slot of the key that proves it: 9a where left out."`
}

// A DriftState is how a token's clock lies to AWS's window.
type DriftState string

// The states of drift.
const (
	DriftOK      DriftState = "ok"
	DriftWarn    DriftState = "warn"
	DriftOutside DriftState = "outside"
	DriftUnknown DriftState = "unknown"
	// DriftLost: the token lost its time, and gives no codes.
	DriftLost DriftState = "lost"
	// DriftUnread: its clock couldn't be read; the message says why.
	DriftUnread DriftState = "unread"
)

// A Drift is a bound token's clock against AWS's.
type Drift struct {
	MFASerial string     `json:"mfa_serial"`
	Token     string     `json:"token"`
	OwnClock  bool       `json:"own_clock"`
	State     DriftState `json:"state" enum:"ok,warn,outside,unknown,lost,unread"`
	// OffsetSeconds is the token's clock less AWS's time.
	OffsetSeconds float64 `json:"offset_seconds" doc:"The token's clock less AWS's time; 0 for a host-clocked token."`
	// Adjustment is what AWS most likely adds for the device, in steps, where
	// anything is known of that; AdjustmentLow and AdjustmentHigh bound it.
	Adjustment      int     `json:"adjustment_steps" doc:"What AWS adds for the device, most likely."`
	AdjustmentLow   int     `json:"adjustment_low_steps" doc:"What it adds at least; the same once a resync was done."`
	AdjustmentHigh  int     `json:"adjustment_high_steps" doc:"What it adds at most."`
	AdjustmentKnown bool    `json:"adjustment_known" doc:"The bounds mean something."`
	StepsOff        int     `json:"steps_off" doc:"The token's step less the middle of AWS's window; -2 to 2 is accepted."`
	SkewSeconds     float64 `json:"skew_seconds" doc:"AWS's time less this host's."`
	// ResidualSeconds is what is left of the offset after the adjustment.
	ResidualSeconds float64 `json:"residual_seconds" doc:"The token's clock less the middle of AWS's window; beyond -60 to 60 codes are refused."`
	// RatePPM and what follows come from the readings since the last break.
	RatePPM      float64   `json:"rate_ppm" doc:"What the clock gains, in microseconds a second."`
	RateErrorPPM float64   `json:"rate_error_ppm" doc:"The rate is this much more or less, in 95 of 100 cases; 200 where there is one reading."`
	Readings     int       `json:"readings" doc:"How many readings rate and forecast rest on."`
	Since        time.Time `json:"since,omitzero" doc:"The first of them."`
	// Leaves is when the present code is first refused if the clock goes on as
	// it did; zero where that can't be said or is 20 years off.
	Leaves         time.Time `json:"leaves,omitzero" doc:"When the clock leaves AWS's window if it goes on as it did."`
	LeavesEarliest time.Time `json:"leaves_earliest,omitzero"`
	LeavesLatest   time.Time `json:"leaves_latest,omitzero" doc:"Missing where the clock may as well stay."`
	// Break is where the history began anew; nil where it never did.
	Break      *DriftBreak    `json:"break,omitempty"`
	ResyncDue  bool           `json:"resync_due" doc:"A resync is worth its two codes now."`
	AutoResync bool           `json:"auto_resync" doc:"The profile lets the agent resync by itself."`
	History    []DriftReading `json:"history,omitempty" nullable:"false" doc:"Readings of the clock, the oldest first; of a long history a part."`
	Message    string         `json:"message" doc:"The same in words."`
	Hint       string         `json:"hint,omitempty" doc:"What helps, where help is needed."`
}

// A DriftBreak is where a clock didn't go on as before: a jump, a stop, a new
// battery.
type DriftBreak struct {
	At        time.Time `json:"at" doc:"The first reading after it."`
	BySeconds float64   `json:"by_seconds" doc:"How far the clock was moved."`
	Stopped   bool      `json:"stopped" doc:"It stood still meanwhile."`
}

// A DriftReading is one reading of a token's clock.
type DriftReading struct {
	At            time.Time `json:"at" doc:"AWS's time."`
	OffsetSeconds float64   `json:"offset_seconds" doc:"The token's clock less AWS's time."`
}

// A ResyncRequest hands AWS two consecutive codes of a profile's device.
type ResyncRequest struct {
	Profile string `json:"profile" minLength:"1" maxLength:"256"`
}

// A Resync is what a resync brought.
type Resync struct {
	MFASerial  string `json:"mfa_serial"`
	Token      string `json:"token"`
	Adjustment int    `json:"adjustment_steps" doc:"What AWS adds for the device from now on."`
}

// An EnrollRequest makes a token an MFA device of a profile's user.
type EnrollRequest struct {
	Profile string `json:"profile" minLength:"1" maxLength:"256"`
	// Name is the virtual device's name; the user's name where left out.
	Name  string `json:"name,omitempty" maxLength:"226"`
	Token string `json:"token,omitempty" maxLength:"256" doc:"Serial of the token; may be left out where one token can take a credential."`
	// Hardware enrols a fob that AWS knows by its serial; no seed is made.
	Hardware string `json:"hardware,omitempty" maxLength:"256" doc:"Serial of a hardware fob."`
	Slot     string `json:"slot,omitempty" maxLength:"2" doc:"PIV slot of the key by which the token proves its serial, as in BindRequest."`
	Touch    bool   `json:"touch,omitempty" doc:"Each code of the new credential wants a touch."`
	// User is another user, for whom an administrator's profile enrols.
	User string `json:"user,omitempty" maxLength:"64" doc:"Another user, for whom the profile's user enrols as an administrator."`
	// Seed is that of a virtual device that was made elsewhere: base32, or an
	// otpauth URI. Image is a PNG or JPEG file of such a URI's QR code.
	Seed  string `json:"seed,omitempty" maxLength:"2048" doc:"Seed of a virtual device that was made elsewhere: base32, or an otpauth URI."`
	Image []byte `json:"image,omitempty" maxLength:"1400000" contentEncoding:"base64" doc:"PNG or JPEG file with the QR code of such a URI, in base64."`
	// ShowQR asks for the QR code of the seed, for a second device: the only way
	// a seed is ever shown.
	ShowQR bool `json:"show_qr,omitempty" doc:"Answer with the seed's QR code, for a second device."`
}

// An Enrollment is a new MFA device.
type Enrollment struct {
	Binding    Binding   `json:"binding"`
	User       string    `json:"user" doc:"Whose device it is."`
	Adjustment int       `json:"adjustment_steps"`
	Expiration time.Time `json:"expiration,omitzero" doc:"End of the first session, the proof; none for another user's device."`
	Note       string    `json:"note,omitempty" doc:"What is left to do."`
	// QR is the seed's QR code, as lines of text for a terminal.
	QR string `json:"qr,omitempty" doc:"QR code of the seed, as text for a terminal; only where it was asked for."`
}

// UnenrollRequest takes a profile's MFA device away.
type UnenrollRequest struct {
	Profile string `json:"profile" minLength:"1" maxLength:"256"`
	// Lost drops binding and sessions without the token, and leaves the device
	// at AWS to an administrator.
	Lost bool `json:"lost,omitempty" doc:"The token is gone: only binding and sessions are dropped."`
}

// Unenrollment says what became of an MFA device.
type Unenrollment struct {
	MFASerial  string `json:"mfa_serial"`
	Token      string `json:"token,omitempty" doc:"The token that was bound."`
	Credential string `json:"credential,omitempty"`
	// AtAWS says that AWS still knows the device as the user's, and Unsure why
	// AWS couldn't tell whether it does.
	AtAWS             bool   `json:"at_aws" doc:"AWS still takes the device's codes."`
	Unsure            string `json:"unsure,omitempty" doc:"Why it isn't known whether AWS still takes the device's codes."`
	User              string `json:"user,omitempty" doc:"The IAM user, where AWS could be asked."`
	Deleted           bool   `json:"deleted" doc:"AWS doesn't keep the device, unassigned, either."`
	CredentialDeleted bool   `json:"credential_deleted" doc:"The token doesn't have the seed any more."`
	// Sessions are forgotten here; AWS accepts them until they expire.
	Sessions []SessionInfo `json:"sessions" nullable:"false" doc:"Sessions of the device that AWS still accepts; they are forgotten here."`
}

// An EventType is what happened.
type EventType string

// The types of event.
const (
	EventPlugged   EventType = "token-plugged"
	EventUnplugged EventType = "token-unplugged"
	// EventTrouble says what keeps a token from giving codes, or soon will.
	EventTrouble    EventType = "token-trouble"
	EventTouch      EventType = "touch-wanted"
	EventTouchDone  EventType = "touch-over"
	EventWaiting    EventType = "waiting"
	EventSession    EventType = "session-issued"
	EventRefused    EventType = "refused"
	EventDrift      EventType = "drift"
	EventBound      EventType = "bound"
	EventUnbound    EventType = "unbound"
	EventCodeHanded EventType = "code-handed"
	// EventRenewal says that a session in use ends soon, and that a person's
	// touch would renew it.
	EventRenewal EventType = "renewal-offered"
	// EventPrompt and EventPromptOver: a person is asked, and isn't any more.
	EventPrompt     EventType = "prompt-wanted"
	EventPromptOver EventType = "prompt-over"
	EventLocked     EventType = "locked"
	EventUnlocked   EventType = "unlocked"
	// EventLost says that the watcher read too slowly and missed events.
	EventLost EventType = "events-lost"
)

// An Event tells a watcher what happened. It carries no digits.
type Event struct {
	Type    EventType `json:"type"`
	At      time.Time `json:"at"`
	Token   string    `json:"token,omitempty"`
	Profile string    `json:"profile,omitempty"`
	Message string    `json:"message" doc:"The same in words."`
	// Until is when what is waited for comes, or the wait ends.
	Until time.Time `json:"until,omitzero"`
	// Caller is the program for which something is waited for, and those that
	// started it, the nearest first.
	Caller string `json:"caller,omitempty" doc:"The program that asks, and those that started it."`
	// Prompt is the question, in events of prompts.
	Prompt *Prompt `json:"prompt,omitempty"`
}
