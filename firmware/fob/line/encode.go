package line

import (
	"strconv"
	"strings"
	"time"
)

func number(key string, n uint64) Field {
	return Field{Key: key, Value: strconv.FormatUint(n, 10)}
}

func millis(key string, d time.Duration) Field {
	return number(key, uint64(max(0, d)/time.Millisecond))
}

func choice(key string, v bool, yes, no string) Field {
	if v {
		return Field{Key: key, Value: yes}
	}
	return Field{Key: key, Value: no}
}

func answer(seq uint16, verb string, fields ...Field) Frame {
	return Frame{Kind: Answer, Seq: seq, Verb: verb, Fields: fields}
}

// Frame is the failure as the answer to a request.
func (e *FailureError) Frame(seq uint16) Frame {
	f := Frame{Kind: Failure, Seq: seq, Verb: e.Verb, Fields: []Field{{keyError, string(e.Code)}}}
	if e.After > 0 {
		f.Fields = append(f.Fields, millis(keyMillis, e.After))
	}
	return f
}

// Frame is the answer that ParseHello reads.
func (h Hello) Frame(seq uint16) Frame {
	return answer(seq, VerbHello,
		number(keyProtocol, uint64(h.Protocol)),
		number(keyLine, uint64(h.MaxLine)),
		Field{keyCaps, strings.Join(h.Capabilities, ",")})
}

// Frame is the answer that ParseIdentity reads.
func (id Identity) Frame(seq uint16) Frame {
	f := answer(seq, VerbIdentity, Field{keyModel, id.Model})
	if id.Serial != "" {
		f.Fields = append(f.Fields, Field{keySerial, id.Serial})
	}
	f.Fields = append(f.Fields,
		Field{keyFirmware, id.Firmware},
		Field{keyCaps, strings.Join(id.Capabilities, ",")})
	return f
}

// Frame is the answer that ParseCode reads.
func (c Code) Frame(seq uint16) Frame {
	return withCheck(answer(seq, VerbCode,
		Field{keyDigits, c.Digits},
		number(keyStep, c.Step),
		millis(keyMillis, c.Into),
		number(keyPeriod, uint64(c.Period/time.Second))))
}

// Frame is the notice that ParseWait reads.
func (w Wait) Frame(seq uint16) Frame {
	return Frame{Kind: Notice, Seq: seq, Verb: VerbCode,
		Fields: []Field{{keyWait, waitPress}, millis(keyMillis, w.For)}}
}

// ClockFrame is the answer that ParseClock reads. The time is cut to whole
// milliseconds and must not be before the Unix epoch.
func ClockFrame(seq uint16, now time.Time) Frame {
	return withCheck(answer(seq, VerbClock, unixTime(now)))
}

func unixTime(t time.Time) Field {
	part := strconv.Itoa(1000 + t.Nanosecond()/int(time.Millisecond))
	return Field{keyUnix, strconv.FormatInt(t.Unix(), 10) + "." + part[1:]}
}

// Frame is the answer that ParseStatus reads. Counts that would make the line
// too long stay at the highest that it holds.
func (s Status) Frame(seq uint16) Frame {
	f := answer(seq, VerbStatus,
		number(keyUp, min(uint64(max(0, s.Uptime)/time.Second), maxUptime)),
		number(keyPresses, min(s.Presses, maxCount)),
		number(keyCodes, min(s.Codes, maxCount)),
		number(keyCommands, min(s.Commands, maxCount)),
		choice(keyButton, s.Manual, buttonMan, buttonAuto),
		choice(keyWaiting, s.Waiting, "1", "0"))
	if s.Battery > 0 {
		f.Fields = append(f.Fields, number(keyBattery, uint64(min(s.Battery, maxMillivolts))))
	}
	if s.ClockLost {
		f.Fields = append(f.Fields, Field{keyLost, "1"})
	}
	return f
}

// Frame is the answer that ParseSelfTest reads.
func (t SelfTest) Frame(seq uint16) Frame {
	return answer(seq, VerbSelfTest,
		number(keyVectors, uint64(t.Vectors)),
		number(keyFailed, uint64(t.Failed)))
}

// CancelledFrame answers VerbCancel: the code request that waited is gone.
func CancelledFrame(seq uint16) Frame { return answer(seq, VerbCancel) }

// An event is a frame that nobody asked for.
func event(seq uint16, verb string, fields ...Field) Frame {
	return Frame{Kind: Event, Seq: seq, Verb: verb, Fields: fields}
}

// PressFrame is the event of a press that nothing waited for; presses counts
// all presses since the fob started.
func PressFrame(seq uint16, presses uint64) Frame {
	return event(seq, VerbPress, number(keyPresses, min(presses, maxCount)))
}

// BatteryFrame is the event of a battery that ran low, in millivolts.
func BatteryFrame(seq uint16, millivolts int) Frame {
	return event(seq, VerbBattery, number(keyBattery, uint64(max(0, min(millivolts, maxMillivolts)))))
}

// ClockLostFrame is the event of a fob that lost its time.
func ClockLostFrame(seq uint16) Frame { return event(seq, VerbClock, Field{keyLost, "1"}) }

// WipedFrame is the event of a fob that forgot its seed.
func WipedFrame(seq uint16) Frame { return event(seq, VerbWiped) }
