package iam

import (
	"encoding/base64"
	"slices"

	"github.com/fob-auth/fob/sts/local/query"
)

// Page sizes (IAM service model: maxItemsType; the default is the API
// reference's).
const (
	minItems     = 1
	maxItems     = 1000
	defaultItems = 100
)

// markerRules are those of markerType of the service model.
var markerRules = []query.Rule{query.MinLen(1), query.MaxLen(320),
	query.MatchAs(`[\u0020-\u00FF]+`, `[\x{20}-\x{FF}]+`)}

// A cursor is where a page of a list begins and how long it is.
type cursor struct {
	marker string
	items  int
}

func readCursor(in *query.Input) cursor {
	return cursor{marker: in.String("Marker", markerRules...), items: in.Int("MaxItems", defaultItems, minItems, maxItems)}
}

// A page is the end of a list's answer.
type page struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// cut takes one page of a list that is sorted by key. The marker names the
// last row of the page before, so that a list may change between pages.
func cut[T any](c cursor, rows []T, key func(T) string) ([]T, page, error) {
	if c.marker != "" {
		after, err := base64.RawURLEncoding.DecodeString(c.marker)
		if err != nil {
			return nil, page{}, query.ValidationError("Invalid Marker.") // the sentence is ours
		}
		at := slices.IndexFunc(rows, func(row T) bool { return key(row) > string(after) })
		if at < 0 {
			at = len(rows)
		}
		rows = rows[at:]
	}
	if len(rows) <= c.items {
		return rows, page{}, nil
	}
	rows = rows[:c.items]
	marker := base64.RawURLEncoding.EncodeToString([]byte(key(rows[len(rows)-1])))
	return rows, page{IsTruncated: true, Marker: marker}, nil
}
