//go:build pcsc && cgo && linux

// Command handler is the library by which pcscd reaches the readers of a bench:
// an IFD handler of version 3.0 (pcsc-lite's ifdhandler.h), and what pcscd learns
// of their coming and going from. It is built with -buildmode=c-shared, and
// loaded into pcscd before libudev.
package main

// #cgo pkg-config: libpcsclite
// #include <string.h>
// #include <ifdhandler.h>
// #include <reader.h>
//
// RESPONSECODE fobWait(DWORD lun, int timeout);
// RESPONSECODE fobStop(DWORD lun);
//
// static void store(void *to, const void *from, size_t n) { memcpy(to, from, n); }
// static void storeWait(void *to) { RESPONSECODE (*f)(DWORD, int) = fobWait; memcpy(to, &f, sizeof f); }
// static void storeStop(void *to) { RESPONSECODE (*f)(DWORD) = fobStop; memcpy(to, &f, sizeof f); }
import "C"

import (
	"errors"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/fob-auth/fob/emulator/reader/ifd"
)

// slots are the open slots by pcscd's logical unit number. pcscd's interface
// has no other place for them.
var slots sync.Map // of *ifd.Slot by C.DWORD

func slotOf(lun C.DWORD) *ifd.Slot {
	s, _ := slots.Load(lun)
	slot, _ := s.(*ifd.Slot)
	return slot
}

//export IFDHCreateChannelByName
func IFDHCreateChannelByName(lun C.DWORD, name C.LPSTR) C.RESPONSECODE {
	// usb:VENDOR/PRODUCT:libudev:INTERFACE:PATH, PATH being the device's node
	parts := strings.SplitN(C.GoString(name), ":", 5)
	slot, err := ifd.Dial(parts[len(parts)-1])
	if err != nil {
		return C.IFD_NO_SUCH_DEVICE
	}
	slots.Store(lun, slot)
	return C.IFD_SUCCESS
}

//export IFDHCreateChannel
func IFDHCreateChannel(C.DWORD, C.DWORD) C.RESPONSECODE { return C.IFD_NO_SUCH_DEVICE }

//export IFDHCloseChannel
func IFDHCloseChannel(lun C.DWORD) C.RESPONSECODE {
	s, ok := slots.LoadAndDelete(lun)
	if !ok {
		return C.IFD_COMMUNICATION_ERROR
	}
	// The connection is gone either way.
	_ = s.(*ifd.Slot).Close()
	return C.IFD_SUCCESS
}

// capability is what IFDHGetCapabilities stores: n bytes, by put.
func capability(tag C.DWORD, slot *ifd.Slot) (n C.DWORD, put func(to unsafe.Pointer)) {
	bytes := func(b []byte) (C.DWORD, func(unsafe.Pointer)) {
		return C.DWORD(len(b)), func(to unsafe.Pointer) { copyOut(to, b) }
	}
	pointer := C.DWORD(unsafe.Sizeof(uintptr(0)))
	switch tag {
	case C.TAG_IFD_SLOTS_NUMBER, C.TAG_IFD_THREAD_SAFE, C.TAG_IFD_SLOT_THREAD_SAFE:
		return bytes([]byte{1})
	case C.TAG_IFD_SIMULTANEOUS_ACCESS:
		return bytes([]byte{maxReaders})
	case C.TAG_IFD_ATR, C.SCARD_ATTR_ATR_STRING:
		if atr, ok := slot.Present(); ok {
			return bytes(atr)
		}
	case C.SCARD_ATTR_VENDOR_NAME:
		return bytes([]byte("Yubico"))
	case C.TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
		return pointer, func(to unsafe.Pointer) { C.storeWait(to) }
	case C.TAG_IFD_STOP_POLLING_THREAD:
		return pointer, func(to unsafe.Pointer) { C.storeStop(to) }
	}
	return 0, nil
}

// maxReaders is how many readers pcscd has at most (PCSCLITE_MAX_READERS_CONTEXTS).
const maxReaders = 16

//export IFDHGetCapabilities
func IFDHGetCapabilities(lun, tag C.DWORD, length *C.DWORD, value *C.UCHAR) C.RESPONSECODE {
	slot := slotOf(lun)
	if slot == nil {
		return C.IFD_COMMUNICATION_ERROR
	}
	n, put := capability(tag, slot)
	switch {
	case put == nil || length == nil:
		return C.IFD_ERROR_TAG
	case *length < n:
		return C.IFD_ERROR_INSUFFICIENT_BUFFER
	}
	*length = n
	put(unsafe.Pointer(value))
	return C.IFD_SUCCESS
}

//export IFDHSetCapabilities
func IFDHSetCapabilities(C.DWORD, C.DWORD, C.DWORD, *C.UCHAR) C.RESPONSECODE { return C.IFD_ERROR_TAG }

//export IFDHSetProtocolParameters
func IFDHSetProtocolParameters(lun, protocol C.DWORD, flags, pts1, pts2, pts3 C.UCHAR) C.RESPONSECODE {
	return C.IFD_SUCCESS
}

//export IFDHPowerICC
func IFDHPowerICC(lun, action C.DWORD, atr *C.UCHAR, length *C.DWORD) C.RESPONSECODE {
	slot := slotOf(lun)
	if slot == nil {
		return C.IFD_COMMUNICATION_ERROR
	}
	got, err := slot.Power(action != C.IFD_POWER_DOWN)
	if err != nil {
		return C.IFD_ERROR_POWER_ACTION
	}
	if atr == nil || length == nil || len(got) > C.MAX_ATR_SIZE {
		return C.IFD_SUCCESS
	}
	*length = C.DWORD(len(got))
	copyOut(unsafe.Pointer(atr), got)
	return C.IFD_SUCCESS
}

//export IFDHTransmitToICC
func IFDHTransmitToICC(lun C.DWORD, send C.SCARD_IO_HEADER, tx *C.UCHAR, txLen C.DWORD, rx *C.UCHAR, rxLen *C.DWORD, recv C.PSCARD_IO_HEADER) C.RESPONSECODE {
	slot := slotOf(lun)
	if slot == nil || txLen > ifd.MaxPayload {
		return C.IFD_COMMUNICATION_ERROR
	}
	room := *rxLen
	*rxLen = 0
	answer, err := slot.Transmit(C.GoBytes(unsafe.Pointer(tx), C.int(txLen)))
	switch {
	case errors.Is(err, ifd.ErrAbsent), errors.Is(err, ifd.ErrGone):
		return C.IFD_ICC_NOT_PRESENT
	case errors.Is(err, ifd.ErrSilent):
		return C.IFD_RESPONSE_TIMEOUT
	case err != nil || C.DWORD(len(answer)) > room:
		return C.IFD_COMMUNICATION_ERROR
	}
	copyOut(unsafe.Pointer(rx), answer)
	*rxLen = C.DWORD(len(answer))
	return C.IFD_SUCCESS
}

//export IFDHICCPresence
func IFDHICCPresence(lun C.DWORD) C.RESPONSECODE {
	slot := slotOf(lun)
	if slot == nil {
		return C.IFD_COMMUNICATION_ERROR
	}
	if _, ok := slot.Present(); !ok {
		return C.IFD_ICC_NOT_PRESENT
	}
	return C.IFD_ICC_PRESENT
}

//export IFDHControl
func IFDHControl(lun, code C.DWORD, tx *C.UCHAR, txLen C.DWORD, rx *C.UCHAR, rxLen C.DWORD, returned *C.DWORD) C.RESPONSECODE {
	*returned = 0
	return C.IFD_ERROR_NOT_SUPPORTED
}

//export fobWait
func fobWait(lun C.DWORD, timeout C.int) C.RESPONSECODE {
	slot := slotOf(lun)
	if slot == nil || slot.Wait(time.Duration(timeout)*time.Millisecond) != nil {
		return C.IFD_NO_SUCH_DEVICE
	}
	return C.IFD_SUCCESS
}

//export fobStop
func fobStop(lun C.DWORD) C.RESPONSECODE {
	if slot := slotOf(lun); slot != nil {
		slot.Wake()
	}
	return C.IFD_SUCCESS
}

// copyOut stores b in memory of pcscd's.
func copyOut(to unsafe.Pointer, b []byte) {
	if len(b) > 0 {
		C.store(to, unsafe.Pointer(&b[0]), C.size_t(len(b)))
	}
}

func main() {}
