package fob

import "github.com/fob-auth/fob/firmware/fob/line"

func capabilities() []string {
	return []string{line.VerbCode, line.VerbClock, line.VerbStatus, line.VerbSelfTest, line.VerbPress, line.VerbSeal}
}

func (f *Fob) hello(out []byte, req line.Frame) []byte {
	return send(out, line.Hello{Protocol: line.Version, MaxLine: line.MaxLine, Capabilities: capabilities()}.Frame(req.Seq))
}

func (f *Fob) identity(out []byte, req line.Frame) []byte {
	id := line.Identity{Model: f.record.model, Firmware: Version, Capabilities: capabilities()}
	if f.state == sealed {
		id.Serial = f.record.serial
	}
	return send(out, id.Frame(req.Seq))
}

func (f *Fob) clock(out []byte, req line.Frame) []byte {
	now, ok := f.usableTime()
	if !ok {
		return f.refuse(out, req.Seq, line.VerbClock, line.FailClock)
	}
	return send(out, line.ClockFrame(req.Seq, now))
}

func (f *Fob) status(out []byte, req line.Frame) []byte {
	return send(out, line.Status{
		Uptime:  f.elapsed(),
		Presses: f.presses, Codes: f.codes, Commands: f.commands,
		Manual: f.options.Button == ButtonManual, Waiting: f.wait.on,
		Battery: f.millivolts(), ClockLost: f.clockLost(),
	}.Frame(req.Seq))
}
