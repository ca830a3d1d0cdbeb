//go:build pcsc && cgo

package pcsc

// #cgo pkg-config: libpcsclite
// #include <stdlib.h>
// #include <winscard.h>
//
// static LONG look(SCARDCONTEXT context, const char *reader, SCARD_READERSTATE *state) {
// 	state->szReader = reader;
// 	return SCardGetStatusChange(context, 0, state, 1);
// }
import "C"

import (
	"unsafe"

	"github.com/ebfe/scard"
)

// An eye looks at readers. scard keeps one name alive for each reader, so that
// it must not be asked for the state of one that is being watched.
type eye struct {
	context C.SCARDCONTEXT
}

func openEye() (eye, error) {
	var e eye
	if r := C.SCardEstablishContext(C.SCARD_SCOPE_SYSTEM, nil, nil, &e.context); r != C.SCARD_S_SUCCESS {
		return e, scard.Error(r)
	}
	return e, nil
}

func (e eye) close() { C.SCardReleaseContext(e.context) }

// look says what state a reader is in now, and what the card in it answered to
// its reset.
func (e eye) look(reader string) (state scard.StateFlag, atr []byte, err error) {
	name := C.CString(reader)
	defer C.free(unsafe.Pointer(name))
	var s C.SCARD_READERSTATE
	if r := C.look(e.context, name, &s); r != C.SCARD_S_SUCCESS {
		return 0, nil, scard.Error(r)
	}
	return scard.StateFlag(s.dwEventState), C.GoBytes(unsafe.Pointer(&s.rgbAtr), C.int(min(s.cbAtr, C.DWORD(len(s.rgbAtr))))), nil
}
