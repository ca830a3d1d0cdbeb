package access

import (
	"log/slog"

	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/policy"
)

// maxExplained bounds how many conditions, and how many simulated decisions, a
// record of the access log holds; ours.
const maxExplained = 16

// A Note is what the access log says of a call beside its outcome.
type Note struct {
	MFA []device.Report

	denied     bool
	decidedBy  string
	conditions []string
	simulated  []string
}

// decided notes what decided about the call. A call that asks several times
// has its last answer in the log, or its first denial.
func (n *Note) decided(d policy.Decision) {
	if n.denied {
		return
	}
	n.decidedBy = d.Decider()
	if n.denied = !d.Allowed(); n.denied {
		n.conditions = atMost(maxExplained, d.Explain().Conditions())
	}
}

// Simulated notes a decision that the call has only simulated, with the
// conditions that it hung on: AWS's answer has no place for them.
func (n *Note) Simulated(d policy.Decision) {
	if len(n.simulated) == maxExplained {
		return
	}
	x := d.Explain()
	text := x.Action + " on " + x.Resource + ": " + x.Outcome.String() + " by " + d.Decider()
	for _, c := range atMost(maxExplained, x.Conditions()) {
		text += "; " + c
	}
	n.simulated = append(n.simulated, text)
}

func atMost(n int, of []string) []string { return of[:min(n, len(of))] }

// Attrs gives the note as log attributes.
func (n *Note) Attrs() []slog.Attr {
	var attrs []slog.Attr
	for _, m := range n.MFA {
		attrs = append(attrs, slog.String("mfa_serial", m.Serial), slog.String("mfa_outcome", string(m.Outcome)))
		if len(m.Counters) > 0 {
			attrs = append(attrs, slog.Any("mfa_counters", m.Counters))
		}
	}
	if n.decidedBy != "" {
		attrs = append(attrs, slog.String("decided_by", n.decidedBy))
	}
	if len(n.conditions) > 0 {
		attrs = append(attrs, slog.Any("conditions", n.conditions))
	}
	if len(n.simulated) > 0 {
		attrs = append(attrs, slog.Any("simulated", n.simulated))
	}
	return attrs
}
