package line

// Checksum is CRC-16/IBM-3740, also known as CRC-16/CCITT-FALSE: polynomial
// 0x1021, initial value 0xFFFF, nothing reflected, no final XOR. Its check
// value, of the nine bytes "123456789", is 0x29B1.
func Checksum(p []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, c := range p {
		sum ^= uint16(c) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// Checksum32 is CRC-32/ISO-HDLC: polynomial 0x04C11DB7, initial value
// 0xFFFFFFFF, all reflected, final XOR 0xFFFFFFFF. Its check value, of the nine
// bytes "123456789", is 0xCBF43926. The library's takes tables that a
// microcontroller has no room for.
func Checksum32(p []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range p {
		sum ^= uint32(c)
		for range 8 {
			if sum&1 != 0 {
				sum = sum>>1 ^ 0xEDB88320 // the polynomial, reflected
			} else {
				sum >>= 1
			}
		}
	}
	return ^sum
}

// hexDigit is the upper-case digit of the low four bits.
func hexDigit(v uint16) byte {
	return "0123456789ABCDEF"[v&0xF]
}

func hexValue(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
