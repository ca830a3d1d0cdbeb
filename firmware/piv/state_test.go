package piv

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/record"
)

// sealed is a record with these objects and a right checksum.
func sealed(objects ...[]byte) []byte {
	return record.Seal(stateMagic, bytes.Join(objects, nil))
}

func TestStateIsKept(t *testing.T) {
	b := &board{}
	a := token(t, b, v571)
	generated(t, a, slotAuthentication, algP256, pinAlways, touchCached)
	do(t, a, insPutData, 0x3F, 0xFF, object(tagList, []byte{0x5F, 0xC1, 0x02}), object(tagContent, []byte("chuid")))
	send(a, insVerify, 0, refPIN, []byte("000000\xFF\xFF"))
	before := string(b.stored)
	again, err := New(b, a.options)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := again.state.encode(); err != nil || string(data) != before {
		t.Errorf("read back: %v", err)
	}
	if string(b.stored) != before {
		t.Error("starting stored something")
	}
	if again.state.pin.left != factoryTries-1 || again.session.management {
		t.Errorf("%d tries, session %+v", again.state.pin.left, again.session)
	}
}

func TestDamagedState(t *testing.T) {
	a := token(t, &board{}, firmware.Version{5, 4, 3})
	good, err := a.state.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeState(good); err != nil {
		t.Fatal(err)
	}
	var bad [][]byte
	for i := range good {
		one := append([]byte(nil), good...)
		one[i] ^= 1
		bad = append(bad, one, good[:i])
	}
	pin := object(storedPIN, []byte{3, 3}, make([]byte, pinSize))
	puk := object(storedPUK, []byte{3, 3}, make([]byte, pinSize))
	admin := object(storedManagement, []byte{byte(algAES128), touchNever}, make([]byte, 16))
	if _, err := decodeState(sealed(pin, puk, admin)); err != nil {
		t.Fatalf("the least: %v", err)
	}
	der := a.state.keys[slotAttestation].der
	keyOf := func(head ...byte) []byte { return object(storedKey, head, der) }
	chuid := object(storedObject, []byte{0x5F, 0xC1, 2, 9})
	for _, more := range [][]byte{
		object(0x0F), {1}, object(storedPIN, []byte{3, 3}), object(storedPUK, []byte{3, 4}, make([]byte, pinSize)),
		object(storedManagement, []byte{1}), object(storedManagement, []byte{byte(algAES128), 9}, make([]byte, 16)),
		object(storedManagement, []byte{byte(algAES256), touchNever}, make([]byte, 16)),
		object(storedKey, []byte{slotSignature}), keyOf(slotSignature, byte(algP384), 1, 1, 1), keyOf(0x77, byte(algP256), 1, 1, 1),
		append(keyOf(slotSignature, byte(algP256), 1, 1, 1), keyOf(slotSignature, byte(algP256), 1, 1, 1)...),
		object(storedObject, []byte{0x5F, 0xC1, 2}), object(storedObject, []byte{0x6F, 0xC1, 2, 9}), append(chuid, chuid...),
	} {
		bad = append(bad, sealed(pin, puk, admin, more))
	}
	bad = append(bad, sealed(puk, admin), sealed(pin, admin), sealed(pin, puk))
	for _, b := range bad {
		if _, err := decodeState(b); !errors.Is(err, ErrState) {
			t.Errorf("%d bytes: %v, want ErrState", len(b), err)
		}
	}
	if _, err := New(&board{stored: []byte("x")}, Options{}); !errors.Is(err, ErrState) {
		t.Errorf("new: %v", err)
	}
}

// FuzzState: what can be read is written again as the same bytes.
func FuzzState(f *testing.F) {
	a := token(f, &board{}, v571)
	good, err := a.state.encode()
	if err != nil {
		f.Fatal(err)
	}
	body, _ := record.Open(stateMagic, good)
	f.Add(body)
	f.Add(object(storedPIN, []byte{3, 3}, make([]byte, pinSize)))
	f.Add(object(storedObject, []byte{0x5F, 0xC1, 2, 9}))
	f.Fuzz(func(t *testing.T, objects []byte) {
		s, err := decodeState(sealed(objects))
		if err != nil {
			return
		}
		out, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeState(out); err != nil || len(again.keys) != len(s.keys) || len(again.objects) != len(s.objects) {
			t.Fatalf("read back: %v", err)
		}
	})
}

// FuzzProcess: whatever a session sends, whoever it is, is answered.
func FuzzProcess(f *testing.F) {
	f.Add(byte(insAuthenticate), byte(algP256), byte(slotAuthentication), signature(tagChallenge, []byte{1}))
	f.Add(byte(insAuthenticate), byte(algP256), byte(slotAuthentication), signature(tagPeer, []byte{4}))
	f.Add(byte(insAuthenticate), byte(algAES192), byte(slotManagement), object(tagDynamic, object(tagChallenge)))
	f.Add(byte(insImport), byte(algRSA1024), byte(slotSignature), object(tagPrime1, []byte{5}))
	f.Add(byte(insImport), byte(algP384), byte(slotSignature), object(tagScalar, []byte{5}))
	f.Add(byte(insPutData), byte(0x3F), byte(0xFF), append(object(tagList, []byte{0x5F, 0xFF, 1}), object(tagContent, []byte{1})...))
	f.Add(byte(insGetData), byte(0x3F), byte(0xFF), object(tagList, []byte{0x7E}))
	f.Add(byte(insSetManagement), byte(0xFF), byte(0xFF), []byte{byte(algAES128), slotManagement, 16})
	f.Add(byte(insMoveKey), byte(slotNone), byte(slotAuthentication), []byte(nil))
	b := &board{}
	a := token(f, b, v571)
	generated(f, a, slotAuthentication, algP256, pinOnce, touchAlways)
	start := a.state
	f.Fuzz(func(t *testing.T, ins, p1, p2 byte, data []byte) {
		if ins == insGenerate {
			return // what it reads, IMPORT reads too; RSA keys take long
		}
		a.state, a.session = start, session{pin: true, fresh: true, management: true}
		out, sw := send(a, ins, p1, p2, data)
		if sw == 0 || len(out) > 0 && sw.Error() == "" {
			t.Fatalf("%x, %v", out, sw)
		}
		if _, err := decodeState(b.stored); err != nil {
			t.Fatalf("stored what can't be read: %v", err)
		}
	})
}
