package line

// This file is the second checksum, of the answers with a code or the clock
// (PROTOCOL.md, "Frames"): on a line so bad that most frames are damaged in
// several places, the CRC alone lets a wrong code through in time.

const (
	checkDigits = 8
	checkLength = len(" ") + len(keyCheck) + len("=") + checkDigits
)

// withCheck puts the second checksum behind a frame's details. A frame that has
// no line is left as it is: Append refuses it.
func withCheck(f Frame) Frame {
	if body, err := f.appendBody(nil); err == nil {
		f.Fields = append(f.Fields, Field{keyCheck, checkOf(body)})
	}
	return f
}

// checkOf is the checksum of these bytes as a frame has it.
func checkOf(p []byte) string {
	sum := Checksum32(p)
	var digits [checkDigits]byte
	for i := range digits {
		digits[i] = hexDigit(uint16(sum >> (28 - 4*i)))
	}
	return string(digits[:])
}

// rightCheck says whether a frame, whose line with its CRC is raw, has the
// second checksum that it should have, if any: it ends the details.
func rightCheck(f Frame, raw []byte) bool {
	value, ok := f.Get(keyCheck)
	if !ok {
		return true
	}
	covered := len(raw) - checkLength - crcLength
	return len(value) == checkDigits && f.Fields[len(f.Fields)-1].Key == keyCheck && checkOf(raw[:covered]) == value
}
