package fobemu

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

// print writes v as JSON where that was asked for, else as text for people.
func (p *program) print(w io.Writer, v any, text func() string) error {
	if p.json {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	_, err := io.WriteString(w, text())
	return err
}

// table is the tokens for people.
func table(tokens []api.Token) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOKEN\tKIND\tSERIAL\tATTACHED\tSTATE\tPRESSES\tCOMMANDS\tCODES\tFAULTS\tCLOCK")
	for _, t := range tokens {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n",
			t.Name, t.Kind, t.Serial, t.Attach, state(t), t.Presses, t.Commands, t.Codes, len(t.Faults), clockText(t.Clock))
	}
	w.Flush() // into memory, which takes all
	return b.String()
}

// sentence is one token for people, after something was done to it.
func sentence(t api.Token) string {
	s := fmt.Sprintf("%s: %s", t.Name, state(t))
	if t.Clock != nil {
		s += ", clock " + clockText(t.Clock)
	} else {
		s += ", no clock of its own"
	}
	if t.BatteryMV > 0 {
		s += fmt.Sprintf(", battery %d mV", t.BatteryMV)
	}
	if t.Line != nil {
		s += ", on a bad line"
	}
	if n := len(t.Faults); n > 0 {
		s += fmt.Sprintf(", %d faults to come", n)
	}
	return s + "\n"
}

func state(t api.Token) string {
	switch {
	case !t.Plugged:
		return "unplugged"
	case t.Waiting:
		return "waits for its button"
	}
	return "plugged in"
}

func clockText(c *api.Clock) string {
	if c == nil {
		return "none"
	}
	s := fmt.Sprintf("%s (offset %v, %.4g ppm)", c.Now.UTC().Format(time.RFC3339),
		time.Duration(c.OffsetMS)*time.Millisecond, c.RatePPM)
	if c.Lost {
		s += " lost"
	}
	if c.Frozen {
		s += " frozen"
	}
	return s
}
