package api

import "time"

// An AuditCaller is who asked.
type AuditCaller struct {
	UID int    `json:"uid"`
	PID int    `json:"pid,omitempty"`
	Exe string `json:"exe,omitempty" doc:"The program, a hint and no proof; missing where it could not be read."`
	// Chain are the programs above it, its parent first.
	Chain  []string `json:"chain,omitempty" nullable:"false" doc:"The programs that started it, the nearest first."`
	Ticket string   `json:"ticket,omitempty" doc:"Name of the ticket that stood in for the user."`
}

// AuditFacts are what an act was about, as far as it is known. There is no
// secret among them.
type AuditFacts struct {
	Profile    string `json:"profile,omitempty"`
	Token      string `json:"token,omitempty" doc:"Serial of the token whose code was used."`
	Credential string `json:"credential,omitempty"`
	MFASerial  string `json:"mfa_serial,omitempty"`
	Counter    uint64 `json:"counter,omitempty" doc:"The time step of the code that was used."`
	// Target is the session, binding or ticket that the act was done to.
	Target      string `json:"target,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty" doc:"Of the session that was handed out; CloudTrail names it."`
	Cached      bool   `json:"cached,omitempty" doc:"The session was there already."`
}

// An AuditEntry is one act: that it was asked for, and its end.
type AuditEntry struct {
	N       int64       `json:"n" doc:"Number of the line that says that it was asked for."`
	At      time.Time   `json:"at"`
	Ended   time.Time   `json:"ended,omitzero"`
	Act     string      `json:"act" doc:"Method and path of the route; what the agent did unasked is a word."`
	Outcome string      `json:"outcome" doc:"done, refused, began, locked, unlocked; asked where no end is written."`
	Code    ErrorCode   `json:"code,omitempty" doc:"Why it was refused."`
	Message string      `json:"message,omitempty"`
	Peer    AuditCaller `json:"peer"`
	AuditFacts
}

// An AuditVerdict says whether the audit log is whole.
type AuditVerdict struct {
	OK    bool   `json:"ok"`
	File  string `json:"file"`
	Lines int64  `json:"lines" doc:"Lines that were read."`
	First int64  `json:"first" doc:"Number of the first of them; older ones were dropped by age."`
	// Faults are what is wrong, the first of them at most.
	Faults []AuditFault `json:"faults" nullable:"false"`
}

// An AuditFault is a place where the log isn't what was written.
type AuditFault struct {
	Line    int64  `json:"line" doc:"Number of the line, as far as it can be told."`
	Message string `json:"message"`
}
