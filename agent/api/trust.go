package api

import "time"

// A LockRequest locks the agent, or says how it is locked when nobody asks.
type LockRequest struct {
	Password string `json:"password" minLength:"1" maxLength:"1024" doc:"Kept as a hash, in memory alone."`
	// WhenIdle keeps the password for the idle lock and locks nothing now.
	WhenIdle bool `json:"when_idle,omitempty" doc:"Don't lock now: it is the password of the idle lock."`
}

// An UnlockRequest unlocks the agent.
type UnlockRequest struct {
	Password string `json:"password,omitempty" maxLength:"1024" doc:"May be left out where idleness locked an agent that has no password."`
}

// A LockState says whether the agent is locked.
type LockState struct {
	Locked bool `json:"locked"`
}

// A TicketRequest asks for a ticket for the restricted socket.
type TicketRequest struct {
	Name     string   `json:"name" minLength:"1" maxLength:"64" doc:"How the audit log calls whoever uses it."`
	Profiles []string `json:"profiles" minItems:"1" maxItems:"64" nullable:"false" doc:"Profiles whose sessions it is for: of roles, by chaining."`
	// TTLSeconds is how long the ticket is good for, at most 30 days; 0 takes 8
	// hours.
	TTLSeconds int `json:"ttl_seconds,omitempty" minimum:"0" maximum:"2592000"`
}

// A Ticket lets its holder ask for sessions on the restricted socket.
type Ticket struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Profiles []string  `json:"profiles" nullable:"false"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
}

// An IssuedTicket is a new ticket with its secret, which isn't told again.
type IssuedTicket struct {
	Ticket
	Secret string `json:"secret" doc:"Goes into the header Authorization: Bearer."`
}
