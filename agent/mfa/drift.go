package mfa

import (
	"cmp"
	"context"
	"errors"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts/resync"
)

// Drift measures the token of each asker's device that is bound and plugged in
// against AWS's clock; a device that several profiles name is measured once. A
// clock that can't be read hides no other: the error is of the first, where none
// can.
func (s *Service) Drift(ctx context.Context, askers []Asker) ([]api.Drift, error) {
	bound, err := s.Bindings.All(ctx)
	if err != nil {
		return nil, err
	}
	list := []api.Drift{}
	read := false
	var failed error
	for _, b := range bound {
		a, ok := askerFor(askers, b)
		if !ok {
			continue
		}
		d, there, err := s.driftOf(ctx, a, b)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, err
		case err != nil:
			failed = cmp.Or(failed, err)
			d, there = s.unread(a, b, err), true
		}
		if there {
			list = append(list, d)
			read = read || d.State != api.DriftUnread
		}
	}
	if !read {
		return list, failed
	}
	return list, nil
}

// unread is the drift of a token whose clock couldn't be read.
func (s *Service) unread(a Asker, b broker.Binding, err error) api.Drift {
	why := explain.Error(err, s.Clock.Now(b.Device.Endpoint))
	told := api.Drift{MFASerial: b.Device.Serial, Token: b.Token, State: api.DriftUnread, Message: why.Message, Hint: why.Hint,
		SkewSeconds: s.Clock.Skew(b.Device.Endpoint).Seconds(), AutoResync: a.AutoResync}
	if errors.Is(err, devices.ErrClockLost) {
		told.State, told.OwnClock = api.DriftLost, true
	}
	return told
}

// askerFor finds a profile whose keys can ask AWS for its time.
func askerFor(askers []Asker, b broker.Binding) (Asker, bool) {
	for _, a := range askers {
		if a.MFASerial == b.Device.Serial && a.Endpoint.Name() == b.Device.Endpoint {
			return a, true
		}
	}
	return Asker{}, false
}

func (s *Service) driftOf(ctx context.Context, a Asker, b broker.Binding) (api.Drift, bool, error) {
	found, err := s.find(b.Credential, b.Token)
	if err != nil || len(found) == 0 {
		return api.Drift{}, false, err
	}
	t := target{asker: a, device: b.Device, token: found[0].Token, credential: found[0].Credential}
	if err := s.readAWSClock(ctx, t); err != nil {
		return api.Drift{}, false, err
	}
	if !t.token.OwnClock {
		told, err := s.hostClocked(ctx, t)
		return told, err == nil, err
	}
	if t.typed() {
		told, err := s.typedDrift(ctx, t)
		return told, err == nil, err
	}
	now, err := s.measure(ctx, t)
	if err != nil {
		return api.Drift{}, false, err
	}
	samples, err := s.history(ctx, t, now)
	if err != nil {
		return api.Drift{}, false, err
	}
	if now.reckoned && len(samples) == 0 {
		return s.unseenDrift(t, now.knowledge), true, nil
	}
	told := s.wireDrift(t, now.knowledge)
	told.State, told.OffsetSeconds, told.ResidualSeconds, told.StepsOff = api.DriftState(now.State), now.Offset.Seconds(), now.Residual.Seconds(), now.Steps
	told.History = wireReadings(samples)
	trend := resync.TrendOf(samples)
	tellTrend(&told, now, trend)
	if now.State == resync.Drifted {
		var helpless *api.Error
		if errors.As(s.pairable(ctx, t, now.token), &helpless) {
			told.Message, told.Hint = helpless.Message, helpless.Hint
			return told, true, nil
		}
	}
	told.ResyncDue = now.State == resync.Drifted || resync.Due(now.Drift, trend)
	if told.ResyncDue {
		told.Hint = resyncHint(t)
	}
	told.Message = observed(t.token.Serial, now, trend)
	return told, true, nil
}

func (s *Service) wireDrift(t target, k resync.Knowledge) api.Drift {
	told := api.Drift{MFASerial: t.device.Serial, Token: t.token.Serial, OwnClock: t.token.OwnClock, State: api.DriftOK,
		Adjustment: k.Middle(), AdjustmentLow: k.Low, AdjustmentHigh: k.High, AdjustmentKnown: k.Known,
		SkewSeconds: s.Clock.Skew(t.device.Endpoint).Seconds(), AutoResync: t.asker.AutoResync}
	return told
}

// hostClocked is the drift of a token that has no clock to drift.
func (s *Service) hostClocked(ctx context.Context, t target) (api.Drift, error) {
	state, err := s.Ledger.State(ctx, t.device, s.Clock.Now(t.device.Endpoint))
	told := s.wireDrift(t, knowledge(state))
	told.Message = "token " + t.token.Serial + " is told the time with each question: it can't drift"
	return told, err
}

// unseenDrift is the drift of a clock that shows with a token's codes alone, if
// at all, and didn't yet.
func (s *Service) unseenDrift(t target, k resync.Knowledge) api.Drift {
	told := s.wireDrift(t, k)
	told.State = api.DriftUnknown
	told.Message = "token " + t.token.Serial + " tells its time with its codes alone, if at all, and gave none yet that told"
	return told
}

// tellTrend tells what the readings of a clock say of its past and future.
func tellTrend(told *api.Drift, now clockReading, trend resync.Trend) {
	f := trend.Forecast(now.knowledge)
	told.Readings, told.Since = trend.Samples, trend.Since.UTC()
	told.RatePPM, told.RateErrorPPM = trend.PPM, 2*trend.PPMError
	told.Leaves, told.LeavesEarliest, told.LeavesLatest = f.Leaves, f.Earliest, f.Latest
	if b := trend.Break; !b.At.IsZero() {
		told.Break = &api.DriftBreak{At: b.At.UTC(), BySeconds: b.By.Seconds(), Stopped: b.Stopped}
	}
}

// shownReadings bounds how many readings of a clock are told.
const shownReadings = 240

// wireReadings returns at most shownReadings of the samples, evenly chosen,
// the newest among them.
func wireReadings(samples []resync.Sample) []api.DriftReading {
	every := (len(samples) + shownReadings - 1) / shownReadings
	var list []api.DriftReading
	for i := (len(samples) - 1) % every; i < len(samples); i += every {
		list = append(list, api.DriftReading{At: samples[i].At.UTC(), OffsetSeconds: samples[i].Offset.Seconds()})
	}
	return list
}
