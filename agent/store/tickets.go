package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// A Ticket lets whoever holds it ask for sessions of some profiles.
type Ticket struct {
	ID   string
	Name string
	// Digest is that of the ticket's secret, which the file doesn't hold.
	Digest   string
	Profiles []string
	// Issued and Expires are host time, to the millisecond.
	Issued, Expires time.Time
}

// Tickets returns all tickets, the oldest first.
func (tx *Tx) Tickets() ([]Ticket, error) {
	rows, err := selectRows(tx.ctx, tx.conn, tickets, " ORDER BY issued, id")
	if err != nil {
		return nil, err
	}
	list := make([]Ticket, 0, len(rows))
	for _, row := range rows {
		r := reader{row: row}
		t := Ticket{ID: r.text(), Name: r.text(), Digest: r.text()}
		profiles := r.text()
		t.Issued, t.Expires = r.time(), r.time()
		if r.err != nil {
			return nil, r.err
		}
		if err := json.Unmarshal([]byte(profiles), &t.Profiles); err != nil {
			return nil, damaged("a ticket's profiles are no list")
		}
		list = append(list, t)
	}
	return list, nil
}

// AddTicket writes a ticket; its ID and name must be new.
func (tx *Tx) AddTicket(t Ticket) error {
	profiles, err := json.Marshal(t.Profiles)
	if err != nil {
		return fmt.Errorf("write %s: %w", tickets.name, err)
	}
	return tx.insert(tickets, []any{t.ID, t.Name, t.Digest, string(profiles), t.Issued.UnixMilli(), t.Expires.UnixMilli()})
}

// RemoveTicket takes a ticket away, if it is there.
func (tx *Tx) RemoveTicket(id string) error {
	return tx.removeWhere(tickets, " WHERE id = ?", id)
}
