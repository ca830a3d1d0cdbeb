package audit

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/fob-auth/fob/agent/api"
)

const (
	// maxRead bounds how much of the log's end is read for a list, in bytes.
	maxRead = 4 << 20
	// maxEntries bounds how many acts a list has; older ones are in the files.
	maxEntries = 1000
)

// Entries returns the newest acts, each with its end, the oldest first.
func (l *Log) Entries() ([]api.AuditEntry, error) {
	tail, err := l.tail()
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	list := []api.AuditEntry{}
	at := map[int64]int{}
	for line := range bytes.Lines(tail) {
		r, _, err := decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			continue // the half of a line at the front, or one that Verify names
		}
		if i, asked := at[r.Of]; asked && r.Of != 0 {
			ended(&list[i], r)
			continue
		}
		at[r.N] = len(list)
		list = append(list, entry(r))
	}
	return list[max(0, len(list)-maxEntries):], nil
}

// tail returns the end of the log, with the newest older file before it where
// there is room.
func (l *Log) tail() ([]byte, error) {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	f, size, _, err := l.written()
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, fs.ErrClosed
	}
	at := max(0, size-maxRead)
	tail, err := io.ReadAll(io.NewSectionReader(f, at, size-at))
	if err != nil || size >= maxRead {
		return tail, err
	}
	old, err := l.old()
	if err != nil || len(old) == 0 {
		return tail, err
	}
	before, err := os.Open(old[len(old)-1])
	if err != nil {
		return nil, err
	}
	defer before.Close()
	info, err := before.Stat()
	if err != nil {
		return nil, err
	}
	room := maxRead - size
	at = max(0, info.Size()-room)
	head, err := io.ReadAll(io.NewSectionReader(before, at, room))
	return append(head, tail...), err
}

// entry is an act by the line that begins it.
func entry(r Record) api.AuditEntry {
	e := api.AuditEntry{N: r.N, At: r.At, Act: r.Act, Outcome: r.Event, Code: r.Code, Message: r.Message, AuditFacts: r.AuditFacts}
	if r.Event != Asked {
		e.Ended = r.At
	}
	if r.Peer != nil {
		e.Peer = *r.Peer
	}
	if e.Act == "" {
		e.Act = "agent"
	}
	return e
}

// ended adds an act's end: what it brought counts more than what was asked for.
func ended(e *api.AuditEntry, r Record) {
	e.Ended, e.Outcome, e.Code, e.Message, e.Cached = r.At, r.Event, r.Code, r.Message, r.Cached
	for _, f := range []struct {
		into *string
		from string
	}{
		{&e.Profile, r.Profile}, {&e.Token, r.Token}, {&e.Credential, r.Credential},
		{&e.MFASerial, r.MFASerial}, {&e.Target, r.Target}, {&e.AccessKeyID, r.AccessKeyID},
	} {
		if f.from != "" {
			*f.into = f.from
		}
	}
	if r.Counter != 0 {
		e.Counter = r.Counter
	}
}
