// Package emulated is the way in to the tokens of a bench, by the bench's Unix
// socket: what is plugged in there comes from its watch stream, a card is
// reached over an upgraded connection that carries APDUs.
//
// It knows the bench by its wire alone (package emulator/api). A bench that
// crashed or hangs is to the agent a token that was pulled or that hangs. Fobs
// of a bench stand on a PTY and belong to serialfob.
package emulated

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/internal/follow"
	"github.com/fob-auth/fob/devices/oath"
	"github.com/fob-auth/fob/emulator/api"
)

// Name is the driver's name in the slots it reports.
const Name = "emulated"

// attachSocket is how the bench says that a token is reached by its socket.
const attachSocket = "socket"

const (
	// maxSet bounds the JSON of one set of tokens, in bytes.
	maxSet = 4 << 20
	// firstRetry and lastRetry are the waits between two tries to reach a
	// bench that isn't there: doubled each time, up to the last.
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
	// patience is how long the bench may take to answer a request's header. It
	// tells of a card that another client has only when that client kept it.
	patience = api.SeatTime + 3*time.Second
)

// A Driver reaches the tokens of one bench.
type Driver struct {
	// Tap, where it isn't nil, is put between the driver and each card: what it
	// returns has to pass on what goes over t.
	Tap func(t devices.Transport, s devices.Slot) devices.Transport

	socket string
	dial   func(ctx context.Context) (net.Conn, error)
}

var _ devices.Driver = (*Driver)(nil)

// New returns the driver of the bench that listens on the Unix socket of the
// given path. Nothing is dialled before Watch or Open.
func New(socket string) *Driver {
	var dialer net.Dialer
	return &Driver{socket: socket, dial: func(ctx context.Context) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}}
}

// Watch reports the bench's plugged-in tokens that are attached to its socket.
// While the bench is gone the set is empty. It returns ctx's error once ctx
// ends, and nothing else ends it.
func (d *Driver) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	return follow.Watch(ctx, out, follow.Retry{First: firstRetry, Last: lastRetry}, d.follow)
}

// follow sends what one watch stream says until it breaks, and reports whether
// it said anything.
func (d *Driver) follow(ctx context.Context, s *follow.Sender) (came bool) {
	stream, err := d.request(ctx, api.PathWatch, "")
	if err != nil {
		return false
	}
	defer stream.conn.Close()
	if stream.resp.StatusCode != http.StatusOK {
		return false
	}
	stop := context.AfterFunc(ctx, func() { stream.conn.Close() })
	defer stop()
	dec := json.NewDecoder(stream.resp.Body)
	for {
		var tokens []api.Token
		stream.limit.N = maxSet
		if err := dec.Decode(&tokens); err != nil {
			return came
		}
		came = true
		if !s.Send(ctx, d.slots(tokens)) {
			return came
		}
	}
}

// slots are the places of those tokens that are plugged in to the socket.
func (d *Driver) slots(tokens []api.Token) []devices.Slot {
	var set []devices.Slot
	for _, t := range tokens {
		if t.Plugged && t.Attach == attachSocket && t.Name != "" {
			set = append(set, devices.Slot{
				Driver: Name, Path: d.socket + "#" + t.Name, Generation: t.Plugs, Emulated: true,
			})
		}
	}
	return set
}

// Open powers up the token in slot s and reads what it is. Its transport is
// the card channel: a call that was given up closes it, and the token must
// then be opened again.
func (d *Driver) Open(ctx context.Context, s devices.Slot) (devices.Token, error) {
	s.Emulated = true
	c, err := d.channel(ctx, s)
	if err != nil {
		return nil, &devices.Error{Op: "open", Token: s.Path, Err: err}
	}
	t := devices.Transport(c)
	if d.Tap != nil {
		t = d.Tap(t, s)
	}
	token, err := oath.Open(ctx, t, s)
	if err != nil {
		t.Close()
		return nil, err
	}
	return token, nil
}

func (d *Driver) channel(ctx context.Context, s devices.Slot) (*card, error) {
	name, ok := strings.CutPrefix(s.Path, d.socket+"#")
	if !ok || name == "" {
		return nil, fmt.Errorf("%w: the slot is not one of bench %s", devices.ErrRemoved, d.socket)
	}
	stream, err := d.request(ctx, strings.ReplaceAll(api.PathCard, "{name}", url.PathEscape(name)), api.Upgrade)
	if err != nil {
		return nil, err
	}
	if err := upgraded(stream); err != nil {
		stream.conn.Close()
		return nil, err
	}
	return newCard(stream), nil
}

// refusals are what a bench's error codes say of a card.
var refusals = map[api.ErrorCode]error{
	api.CodeUnknown:   devices.ErrRemoved,
	api.CodeUnplugged: devices.ErrRemoved,
	api.CodeBusy:      devices.ErrBusy,
}

// upgraded tells a granted card channel from a refused one.
func upgraded(s *stream) error {
	if s.resp.StatusCode == http.StatusSwitchingProtocols {
		if got := s.resp.Header.Get("Upgrade"); !strings.EqualFold(got, api.Upgrade) {
			return fmt.Errorf("%w: bench upgrades to %.40q", devices.ErrAnswer, got)
		}
		return nil
	}
	if err := refusals[s.refusal]; err != nil {
		return err
	}
	return fmt.Errorf("%w: bench answers status %d", devices.ErrAnswer, s.resp.StatusCode)
}
