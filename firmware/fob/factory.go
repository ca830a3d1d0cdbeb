package fob

import "github.com/fob-auth/fob/firmware/fob/line"

// What the factory sets stands in memory alone until it is sealed: a loss of
// power leaves the fob as new, and sealing is the one write.

// setTime sets the clock.
func (f *Fob) setTime(out []byte, req line.Frame) []byte {
	if f.powers.clock == nil {
		return f.refuse(out, req.Seq, line.VerbLine, line.FailUnknown)
	}
	now, bad := line.ReadTime(req)
	if bad != "" {
		return f.refuse(out, req.Seq, req.Verb, bad)
	}
	up := f.elapsed()
	switch err := f.powers.clock.SetClock(now); err {
	case nil:
	case ErrTime:
		return f.refuse(out, req.Seq, req.Verb, line.FailValue)
	default:
		return f.refuse(out, req.Seq, req.Verb, line.FailFault)
	}
	if f.uptimer == nil {
		f.booted = f.hw.Now().Add(-up) // the time since the start doesn't jump
	}
	return send(out, line.TimeFrame(req.Seq, f.hw.Now()))
}

// setSerial sets serial number and model.
func (f *Fob) setSerial(out []byte, req line.Frame) []byte {
	serial, model, bad := line.ReadSerial(req)
	if bad != "" {
		return f.refuse(out, req.Seq, req.Verb, bad)
	}
	if model == "" {
		model = DefaultModel
	}
	if !isWord(model, MaxModel) || !isWord(serial, MaxSerial) {
		return f.refuse(out, req.Seq, req.Verb, line.FailValue)
	}
	f.record.serial, f.record.model = serial, model
	return send(out, line.SerialFrame(req.Seq, serial, model))
}

// setSeed sets the seed. No answer holds any of it, nor does a failure.
func (f *Fob) setSeed(out []byte, req line.Frame) []byte {
	seed, bad := line.ReadSeed(req)
	if bad != "" {
		return f.refuse(out, req.Seq, req.Verb, bad)
	}
	if len(seed) < MinSeed || len(seed) > MaxSeed {
		return f.refuse(out, req.Seq, req.Verb, line.FailValue)
	}
	clear(f.record.seed)
	f.record.seed = seed
	return send(out, line.SeedFrame(req.Seq, len(seed)))
}

// seal stores what was set, for good. Whatever the board says about the write,
// what it holds afterwards counts.
func (f *Fob) seal(out []byte, req line.Frame) []byte {
	if _, ok := f.usableTime(); !ok || f.record.check() != nil {
		return f.refuse(out, req.Seq, req.Verb, line.FailIncomplete)
	}
	set := f.record
	failed := f.hw.Store(set.encode()) != nil
	if err := f.load(); err != nil && err != ErrDamaged {
		f.state, failed = damaged, true
	}
	clear(set.seed)
	f.lines = line.Splitter{} // may hold the seed's line
	if f.state != sealed || failed {
		return f.refuse(out, req.Seq, req.Verb, line.FailFault)
	}
	return send(out, line.SealFrame(req.Seq, f.record.serial))
}
