package line

import "time"

// This file is the factory's part of the protocol: requests with fields, which
// only a fob that isn't sealed takes (PROTOCOL.md, "Provisioning").

// MaxSeed is the longest seed that a request carries, in bytes.
const MaxSeed = 64

func request(seq uint16, verb string, fields ...Field) Frame {
	return Frame{Kind: Request, Seq: seq, Verb: verb, Fields: fields}
}

// TimeRequest sets the fob's clock, to the millisecond. The time must not be
// before the Unix epoch.
func TimeRequest(seq uint16, now time.Time) Frame { return request(seq, VerbTime, unixTime(now)) }

// SerialRequest sets serial number and model; an empty model leaves it to the
// fob.
func SerialRequest(seq uint16, serial, model string) Frame {
	f := request(seq, VerbSerial, Field{keySerial, serial})
	if model != "" {
		f.Fields = append(f.Fields, Field{keyModel, model})
	}
	return f
}

// SeedRequest sets the seed. The frame holds the seed: it must not be logged.
func SeedRequest(seq uint16, seed []byte) Frame {
	return request(seq, VerbSeed, Field{keyBase32, encodeBase32(seed)})
}

// SealRequest makes what was set the fob's own, for good.
func SealRequest(seq uint16) Frame { return request(seq, VerbSeal) }

// Problems of requests, as the failure codes a fob answers with.
const allRight FailureCode = ""

// asked begins to read a request that must have exactly these fields: all of
// the required, any of the others.
func asked(f Frame, required int, keys ...string) (*fields, FailureCode) {
	r := &fields{frame: f}
	known := 0
	for i, key := range keys {
		switch {
		case r.has(key):
			known++
		case i < required:
			return r, FailFields
		}
	}
	if known != len(f.Fields) {
		return r, FailFields
	}
	return r, allRight
}

func (r *fields) problem() FailureCode {
	if r.err != nil {
		return FailValue
	}
	return allRight
}

// ReadTime reads a TimeRequest. Like its siblings it is the fob's side, and
// returns FailFields or FailValue for a request that it can't take, else "".
func ReadTime(f Frame) (time.Time, FailureCode) {
	r, bad := asked(f, 1, keyUnix)
	if bad != allRight {
		return time.Time{}, bad
	}
	t := r.time(keyUnix)
	return t, r.problem()
}

// ReadSerial reads a SerialRequest.
func ReadSerial(f Frame) (serial, model string, bad FailureCode) {
	r, bad := asked(f, 1, keySerial, keyModel)
	if bad != allRight {
		return "", "", bad
	}
	if r.has(keyModel) {
		model = r.text(keyModel)
	}
	return r.text(keySerial), model, r.problem()
}

// ReadSeed reads a SeedRequest: at most MaxSeed bytes.
func ReadSeed(f Frame) ([]byte, FailureCode) {
	r, bad := asked(f, 1, keyBase32)
	if bad != allRight {
		return nil, bad
	}
	seed, ok := decodeBase32(r.text(keyBase32))
	if !ok || len(seed) > MaxSeed {
		return nil, FailValue
	}
	return seed, allRight
}

// TimeFrame answers a TimeRequest with the clock as it is then.
func TimeFrame(seq uint16, now time.Time) Frame { return answer(seq, VerbTime, unixTime(now)) }

// SerialFrame answers a SerialRequest.
func SerialFrame(seq uint16, serial, model string) Frame {
	return answer(seq, VerbSerial, Field{keySerial, serial}, Field{keyModel, model})
}

// SeedFrame answers a SeedRequest with the seed's length, and nothing else
// of it.
func SeedFrame(seq uint16, length int) Frame {
	return answer(seq, VerbSeed, number(keyBytes, uint64(length)))
}

// SealFrame answers a SealRequest.
func SealFrame(seq uint16, serial string) Frame {
	return answer(seq, VerbSeal, Field{keySerial, serial})
}

// ParseDone reads the answer to a request of that verb where its success is
// all that matters. The error is a *FailureError or ErrAnswer.
func ParseDone(f Frame, verb string) error { return expect(f, Answer, verb).err }

// Base32 (RFC 4648, 6) without padding: '=' can't stand in a value. The
// library's encodings take more of a microcontroller than these lines.
const base32Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

func encodeBase32(p []byte) string {
	out := make([]byte, 0, (len(p)*8+4)/5)
	bits, n := uint32(0), 0
	for _, c := range p {
		bits = bits<<8 | uint32(c)
		for n += 8; n >= 5; n -= 5 {
			out = append(out, base32Digits[bits>>(n-5)&31])
		}
	}
	if n > 0 {
		out = append(out, base32Digits[bits<<(5-n)&31])
	}
	return string(out)
}

// decodeBase32 takes capital and small letters, and no text with bits to spare.
func decodeBase32(s string) ([]byte, bool) {
	out := make([]byte, 0, len(s)*5/8)
	bits, n := uint32(0), 0
	for i := 0; i < len(s); i++ {
		v, ok := base32Value(s[i])
		if !ok {
			return nil, false
		}
		bits = bits<<5 | v
		if n += 5; n >= 8 {
			n -= 8
			out = append(out, byte(bits>>n))
		}
	}
	return out, n < 5 && bits&(1<<n-1) == 0
}

func base32Value(c byte) (uint32, bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return uint32(c - 'A'), true
	case c >= 'a' && c <= 'z':
		return uint32(c - 'a'), true
	case c >= '2' && c <= '7':
		return uint32(c-'2') + 26, true
	}
	return 0, false
}
