package access

import (
	"time"

	"github.com/fob-auth/fob/sts/local/store"
)

// usePrecision is how long a use stands for those that follow it (IAM User
// Guide, "Generate credential reports for your AWS account": of several uses
// in 15 minutes the first is kept).
const usePrecision = 15 * time.Minute

// RecordUse keeps when and where the caller's long-term key, or its role, was
// used.
func RecordUse(tx *store.Tx, c Caller, o Origin, now time.Time) {
	use := store.Use{At: now.UTC().Truncate(time.Second), Region: o.Region, Service: o.Service}
	if k, ok := tx.AccessKeys.Get(c.KeyID); ok && due(k.LastUsed, now) {
		k.LastUsed = use
		tx.AccessKeys.Put(k)
	}
	if c.Role == nil {
		return
	}
	if r, ok := tx.Roles.Get(c.Role.ID); ok && due(r.LastUsed, now) {
		r.LastUsed = use
		tx.Roles.Put(r)
	}
}

// due tells whether a use at now is to be kept, wherever the clock was moved.
func due(last store.Use, now time.Time) bool {
	age := now.Sub(last.At)
	return age >= usePrecision || age < 0
}
