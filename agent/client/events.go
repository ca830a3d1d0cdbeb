package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/url"

	"github.com/fob-auth/fob/agent/api"
)

// maxEvent bounds a line of the event stream, in bytes.
const maxEvent = 64 << 10

// Events follows what happens until ctx ends, the agent does or the loop is
// left. following, unless nil, is called once nothing from then on is missed.
// The last pair holds what ended the stream; it is absent if the agent closed
// it in good order.
func (c *Client) Events(ctx context.Context, following func()) iter.Seq2[api.Event, error] {
	return c.Attend(ctx, "", following)
}

// Attend is Events for a watcher that puts questions to a person: those of the
// profile it names, or api.AnswersAll. A question that it should ask is an
// event whose Prompt is Offered, to be answered with [Client.Answer].
func (c *Client) Attend(ctx context.Context, answers string, following func()) iter.Seq2[api.Event, error] {
	path := api.PathEvents
	if answers != "" {
		path += "?" + url.Values{api.AnswersQuery: {answers}}.Encode()
	}
	return func(yield func(api.Event, error) bool) {
		a, err := c.send(ctx, "GET", path, nil)
		if err != nil {
			yield(api.Event{}, err)
			return
		}
		defer a.close()
		if a.status != 200 {
			b, err := io.ReadAll(io.LimitReader(a.body, maxEvent))
			if err != nil {
				err = a.broken(err)
			} else {
				err = refusal(a, b)
			}
			yield(api.Event{}, err)
			return
		}
		if following != nil {
			following()
		}
		err = readEvents(a.body, func(e api.Event) bool { return yield(e, nil) })
		if err != nil && !errors.Is(err, errLeft) {
			yield(api.Event{}, a.broken(err))
		}
	}
}

// errLeft says that the loop over the events was left.
var errLeft = errors.New("left")

// readEvents reads a stream of server-sent events (HTML Living Standard,
// section 9.2.6). Each of ours is one data line; other fields and comments are
// passed over, and so are events whose data isn't an api.Event.
func readEvents(r io.Reader, each func(api.Event) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxEvent)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		var e api.Event
		if err := json.Unmarshal(bytes.TrimSpace(data), &e); err != nil {
			continue
		}
		if !each(e) {
			return errLeft
		}
	}
	return lines.Err()
}
