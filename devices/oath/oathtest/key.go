// Package oathtest is a scripted YubiKey for tests: enough of the OATH,
// management and OTP applets for a client to be tried on, with levers for what
// a real key won't do on demand. The real firmware, which this repository has
// too, is not for the tests of devices: a client and a card written by the same
// rules must not be each other's only witness.
package oathtest

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// An Account is a credential on the key.
type Account struct {
	// Name is as the applet stores it, period prefix included.
	Name string
	// Type is the byte of type and algorithm (YKOATH, PUT): 0x21 is TOTP with
	// SHA-1.
	Type   byte
	Digits int
	Secret []byte
	Touch  bool
}

// A Key is the scripted key, and a devices.Transport to itself. The exported
// fields are set before its first use.
type Key struct {
	Serial  uint32
	Version [3]byte
	// Name is what its applet calls itself; the zero value stands for 01 to 08.
	Name [8]byte
	// Accounts is what is on the key at first.
	Accounts []Account
	// Room is how many accounts fit; 0 stands for 32.
	Room int
	// Chunk is how many bytes of an answer come at once; 0 stands for 256.
	Chunk int
	// Password says that the OATH applet has one, Access what key it stands for;
	// without, no password is right.
	Password bool
	Access   []byte
	// NoManagement and NoOTP leave those applets away, NoOATH that one.
	NoManagement, NoOTP, NoOATH bool
	// Tap, where it isn't nil, may answer a command in the key's place.
	Tap func(cmd apdu.Command) (answer []byte, taken bool)

	turn    chan struct{} // holds the command under way: a card takes one at a time
	mu      sync.Mutex
	applet  []byte
	entered bool // the password was, since the applet was selected
	rest    []byte
	gone    chan struct{}
	waiting chan struct{} // announces a wait for the button
	touch   chan bool     // ends it: pressed, or given up
	once    sync.Once
}

var _ devices.Transport = (*Key)(nil)

func (k *Key) init() {
	k.once.Do(func() {
		k.turn = make(chan struct{}, 1)
		k.gone = make(chan struct{})
		k.waiting = make(chan struct{})
		k.touch = make(chan bool)
		if k.Room == 0 {
			k.Room = 32
		}
		if k.Chunk == 0 {
			k.Chunk = 256
		}
	})
}

// Waiting returns once the key waits for its button.
func (k *Key) Waiting(ctx context.Context) error {
	k.init()
	select {
	case <-k.waiting:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Press presses the button of a key that waits; GiveUp ends its patience.
func (k *Key) Press() { k.end(true) }

// GiveUp makes a key that waits for its button answer that nobody came.
func (k *Key) GiveUp() { k.end(false) }

func (k *Key) end(pressed bool) {
	k.init()
	select {
	case k.touch <- pressed:
	case <-k.gone:
	}
}

// Close pulls the key: a command under way ends with devices.ErrRemoved.
func (k *Key) Close() error {
	k.init()
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.gone:
	default:
		close(k.gone)
	}
	return nil
}

// Transmit answers one command.
func (k *Key) Transmit(ctx context.Context, raw []byte) ([]byte, error) {
	k.init()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-k.gone:
	case <-ctx.Done():
	}
	select {
	case <-k.gone:
		return nil, devices.ErrRemoved
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd, err := apdu.ParseCommand(raw)
	if err != nil {
		return apdu.Response{SW: apdu.WrongLength}.Bytes(), nil
	}
	if k.Tap != nil {
		if answer, taken := k.Tap(cmd); taken {
			return answer, nil
		}
	}
	if a := k.touched(cmd); a {
		if sw, err := k.await(ctx); err != nil || sw != apdu.OK {
			return apdu.Response{SW: sw}.Bytes(), err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cut(k.dispatch(cmd)), nil
}

// touched says that the command is a CALCULATE that wants the button.
func (k *Key) touched(cmd apdu.Command) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.applet, aidOATH) || cmd.INS != 0xA2 {
		return false
	}
	a := k.account(cmd.Data)
	return a != nil && a.Touch
}

func (k *Key) await(ctx context.Context) (apdu.SW, error) {
	announce := k.waiting
	for {
		select {
		case announce <- struct{}{}:
			announce = nil
		case pressed := <-k.touch:
			if pressed {
				return apdu.OK, nil
			}
			return apdu.SecurityStatus, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-k.gone:
			return 0, devices.ErrRemoved
		}
	}
}

// cut keeps back what is over a chunk.
func (k *Key) cut(answer []byte, sw apdu.SW) []byte {
	k.rest = nil
	if len(answer) > k.Chunk {
		answer, k.rest = answer[:k.Chunk], answer[k.Chunk:]
		sw = apdu.MoreData | apdu.SW(min(len(k.rest), 255))
	}
	return apdu.Response{Data: answer, SW: sw}.Bytes()
}

var (
	aidOATH       = []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01}
	aidManagement = []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17}
	aidOTP        = []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01}
)

func (k *Key) dispatch(cmd apdu.Command) ([]byte, apdu.SW) {
	oath := slices.Equal(k.applet, aidOATH)
	switch {
	case cmd.INS == 0xA4 && cmd.P1 == 0x04:
		return k.choose(cmd.Data)
	case oath && cmd.INS == 0xA5, !oath && cmd.INS == 0xC0:
		return k.rest, apdu.OK
	case oath && k.Password && cmd.INS == 0xA3:
		return k.validate(cmd.Data)
	case oath && k.Password && !k.entered:
		return nil, apdu.SecurityStatus
	case oath:
		return k.oath(cmd)
	case slices.Equal(k.applet, aidManagement) && cmd.INS == 0x1D:
		config := []byte{0x02, 4, 0, 0, 0, 0, 0x05, 3, k.Version[0], k.Version[1], k.Version[2]}
		binary.BigEndian.PutUint32(config[2:], k.Serial)
		return append([]byte{byte(len(config))}, config...), apdu.OK
	case slices.Equal(k.applet, aidOTP) && cmd.INS == 0x01 && cmd.P1 == 0x10:
		return binary.BigEndian.AppendUint32(nil, k.Serial), apdu.OK
	}
	return nil, apdu.INSNotSupported
}

func (k *Key) choose(aid []byte) ([]byte, apdu.SW) {
	switch {
	case slices.Equal(aid, aidOATH) && !k.NoOATH:
		k.applet, k.entered = aidOATH, false
		answer := append([]byte{0x79, 3}, k.Version[:]...)
		name := k.Name
		if name == ([8]byte{}) {
			name = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
		}
		answer = append(append(answer, 0x71, 8), name[:]...)
		if k.Password {
			answer = append(append(answer, 0x74, 8), accessChallenge...)
			answer = append(answer, 0x7B, 1, 1)
		}
		return answer, apdu.OK
	case slices.Equal(aid, aidManagement) && !k.NoManagement:
		k.applet = aidManagement
		return []byte("Virtual mgr - FW version 5.4.3"), apdu.OK
	case slices.Equal(aid, aidOTP) && !k.NoOTP:
		k.applet = aidOTP
		return append(k.Version[:], 1, 0, 0), apdu.OK
	}
	return nil, apdu.NotFound
}

// accessChallenge is what the key asks who says to know its password.
var accessChallenge = []byte{8, 7, 6, 5, 4, 3, 2, 1}

// validate lets in who knows the password (YKOATH, VALIDATE).
func (k *Key) validate(data []byte) ([]byte, apdu.SW) {
	want, _ := otp.MAC(otp.SHA1, k.Access, accessChallenge)
	shown, _, _ := tlv.Find(data, 0x75)
	challenge, _, _ := tlv.Find(data, 0x74)
	if len(k.Access) == 0 || !slices.Equal(shown, want) {
		return nil, apdu.WrongData
	}
	k.entered = true
	proof, _ := otp.MAC(otp.SHA1, k.Access, challenge)
	return append([]byte{0x75, byte(len(proof))}, proof...), apdu.OK
}

// account is the one that a command's first object names.
func (k *Key) account(data []byte) *Account {
	name, ok, err := tlv.Find(data, 0x71)
	if err != nil || !ok {
		return nil
	}
	i := slices.IndexFunc(k.Accounts, func(a Account) bool { return a.Name == string(name) })
	if i < 0 {
		return nil
	}
	return &k.Accounts[i]
}

func (k *Key) oath(cmd apdu.Command) ([]byte, apdu.SW) {
	var w tlv.Writer
	switch cmd.INS {
	case 0xA1:
		for _, a := range k.Accounts {
			w.Add(0x72, []byte{a.Type}, []byte(a.Name))
		}
	case 0xA2:
		a := k.account(cmd.Data)
		if a == nil {
			return nil, apdu.DataInvalid
		}
		a.calculate(&w, cmd.Data)
	case 0xA4:
		for _, a := range k.Accounts {
			w.Add(0x71, []byte(a.Name))
			switch {
			case a.Type&0xF0 == 0x10:
				w.Add(0x77, []byte{byte(a.Digits)})
			case a.Touch:
				w.Add(0x7C, []byte{byte(a.Digits)})
			default:
				a.calculate(&w, cmd.Data)
			}
		}
	case 0x01:
		return nil, k.put(cmd.Data)
	case 0x02:
		a := k.account(cmd.Data)
		if a == nil {
			return nil, apdu.DataInvalid
		}
		name := a.Name
		k.Accounts = slices.DeleteFunc(k.Accounts, func(a Account) bool { return a.Name == name })
	default:
		return nil, apdu.INSNotSupported
	}
	answer, err := w.Bytes()
	if err != nil {
		return nil, apdu.Unknown
	}
	return answer, apdu.OK
}

// calculate writes the truncated code for the challenge in a command's data.
func (a *Account) calculate(w *tlv.Writer, data []byte) {
	challenge, _, _ := tlv.Find(data, 0x74)
	mac, _ := otp.MAC(otp.Algorithm(a.Type&0x0F), a.Secret, challenge)
	number, _ := otp.Truncate(mac)
	w.Add(0x76, []byte{byte(a.Digits)}, binary.BigEndian.AppendUint32(nil, number))
}

func (k *Key) put(data []byte) apdu.SW {
	var a Account
	r := tlv.NewReader(data, 0x78)
	for r.Next() {
		switch v := r.Value(); r.Tag() {
		case 0x71:
			a.Name = string(v)
		case 0x73:
			if len(v) < 2 {
				return apdu.WrongData
			}
			a.Type, a.Digits, a.Secret = v[0], int(v[1]), slices.Clone(v[2:])
		case 0x78:
			a.Touch = v[0]&2 != 0
		}
	}
	if r.Err() != nil || a.Name == "" || len(a.Name) > 64 || len(a.Secret) < 14 {
		return apdu.WrongData
	}
	if len(k.Accounts) >= k.Room {
		return apdu.NoSpace
	}
	k.Accounts = append(k.Accounts, a)
	return apdu.OK
}
