package apdu

import "strconv"

// SW is a status word, the two bytes that end every response. It is an error,
// so that a refusal can be returned and wrapped as it is; compare with OK
// before doing so.
type SW uint16

// Status words of ISO/IEC 7816-4:2020, 5.6, tables 6 and 7, as far as tokens
// use them. Where the YKOATH protocol gives a word a meaning of its own, it is
// said beside it.
const (
	// OK ends an answer that is whole.
	OK SW = 0x9000
	// MoreData, with the number of bytes in its low byte (0 for 256 or more),
	// says that the rest of the answer waits for GET RESPONSE.
	MoreData SW = 0x6100
	// VerifyFailed, with the number of tries in its low digit, refuses a PIN.
	VerifyFailed SW = 0x63C0
	// MemoryFailure: the storage failed (YKOATH: generic error).
	MemoryFailure SW = 0x6581
	// WrongLength: the lengths of the command are wrong.
	WrongLength SW = 0x6700
	// ChannelNotSupported: logical channels other than 0 are not there.
	ChannelNotSupported SW = 0x6881
	// SecureMessagingNotSupported: secure messaging is not there.
	SecureMessagingNotSupported SW = 0x6882
	// ChainEndExpected: another command came within a chain.
	ChainEndExpected SW = 0x6883
	// SecurityStatus: a password or PIN first (YKOATH: authentication
	// required; touch that didn't come).
	SecurityStatus SW = 0x6982
	// AuthBlocked: the PIN is blocked.
	AuthBlocked SW = 0x6983
	// DataInvalid: the data referred to can't be used (YKOATH: no such
	// object; response doesn't match; authentication not enabled).
	DataInvalid SW = 0x6984
	// ConditionsNotSatisfied: not now.
	ConditionsNotSatisfied SW = 0x6985
	// WrongData: the command's data is wrong (YKOATH: wrong syntax).
	WrongData SW = 0x6A80
	// FunctionNotSupported: a function that is not there.
	FunctionNotSupported SW = 0x6A81
	// NotFound: no such file or application.
	NotFound SW = 0x6A82
	// NoSpace: no room left.
	NoSpace SW = 0x6A84
	// WrongP1P2: P1 or P2 is wrong.
	WrongP1P2 SW = 0x6A86
	// ReferenceNotFound: no such key or reference data.
	ReferenceNotFound SW = 0x6A88
	// INSNotSupported: no such instruction.
	INSNotSupported SW = 0x6D00
	// CLANotSupported: no such class.
	CLANotSupported SW = 0x6E00
	// Unknown: no precise diagnosis.
	Unknown SW = 0x6F00
)

// More tells how many bytes of the answer are still to be had by GET RESPONSE:
// 1..255, or 256 for that many and more. It is false for every word but 61xx.
func (sw SW) More() (n int, ok bool) {
	if sw&0xFF00 != MoreData {
		return 0, false
	}
	if n = int(sw & 0xFF); n == 0 {
		n = 256
	}
	return n, true
}

// Retries tells how many tries are left after a refused PIN: 0..15. It is
// false for every word but 63Cx.
func (sw SW) Retries() (n int, ok bool) {
	if sw&0xFFF0 != VerifyFailed {
		return 0, false
	}
	return int(sw & 0xF), true
}

// String is the word as four hexadecimal digits.
func (sw SW) String() string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[sw>>12&0xF], digits[sw>>8&0xF], digits[sw>>4&0xF], digits[sw&0xF]})
}

// Error is the word with its meaning, as "6A82 (not found)".
func (sw SW) Error() string {
	return sw.String() + " (" + sw.meaning() + ")"
}

func (sw SW) meaning() string {
	if n, ok := sw.More(); ok {
		return strconv.Itoa(n) + " bytes more"
	}
	if n, ok := sw.Retries(); ok {
		return "verification failed, " + strconv.Itoa(n) + " tries left"
	}
	switch sw {
	case OK:
		return "success"
	case MemoryFailure:
		return "memory failure"
	case WrongLength:
		return "wrong length"
	case ChannelNotSupported:
		return "logical channel not supported"
	case SecureMessagingNotSupported:
		return "secure messaging not supported"
	case ChainEndExpected:
		return "last command of the chain expected"
	case SecurityStatus:
		return "security status not satisfied"
	case AuthBlocked:
		return "authentication method blocked"
	case DataInvalid:
		return "referenced data not usable"
	case ConditionsNotSatisfied:
		return "conditions of use not satisfied"
	case WrongData:
		return "wrong data"
	case FunctionNotSupported:
		return "function not supported"
	case NotFound:
		return "not found"
	case NoSpace:
		return "not enough space"
	case WrongP1P2:
		return "wrong p1 or p2"
	case ReferenceNotFound:
		return "referenced data not found"
	case INSNotSupported:
		return "instruction not supported"
	case CLANotSupported:
		return "class not supported"
	}
	return "no precise diagnosis"
}
