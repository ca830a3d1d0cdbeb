package fob

import (
	"errors"
	"strings"
	"testing"
)

func TestProvisionOnce(t *testing.T) {
	b := &board{}
	if f, err := New(b, Options{}); err != nil || f.Sealed() {
		t.Errorf("new fob: sealed or %v", err)
	}
	if err := Provision(b, Identity{Model: "fob-x", Serial: "S1"}, []byte(seed)); err != nil {
		t.Fatal(err)
	}
	before := string(b.stored)
	if err := Provision(b, Identity{Serial: "S2"}, []byte(strings.Repeat("z", 20))); !errors.Is(err, ErrSealed) {
		t.Errorf("second time: %v", err)
	}
	if string(b.stored) != before {
		t.Error("the second time changed the record")
	}
	f, err := New(b, Options{})
	if err != nil || !f.Sealed() || f.record.serial != "S1" || f.record.model != "fob-x" || string(f.record.seed) != seed {
		t.Errorf("%v", err)
	}
}

func TestProvisionRefuses(t *testing.T) {
	for _, c := range []struct {
		id   Identity
		seed int
		want error
	}{
		{Identity{}, 20, ErrIdentity},
		{Identity{Serial: strings.Repeat("s", MaxSerial+1)}, 20, ErrIdentity},
		{Identity{Serial: "a b"}, 20, ErrIdentity},
		{Identity{Serial: "a*b"}, 20, ErrIdentity},
		{Identity{Serial: "a\nb"}, 20, ErrIdentity},
		{Identity{Serial: "S", Model: strings.Repeat("m", MaxModel+1)}, 20, ErrIdentity},
		{Identity{Serial: "S"}, MinSeed - 1, ErrSeed},
		{Identity{Serial: "S"}, MaxSeed + 1, ErrSeed},
	} {
		b := &board{}
		if err := Provision(b, c.id, make([]byte, c.seed)); !errors.Is(err, c.want) || b.stored != nil {
			t.Errorf("%+v, seed of %d: %v, want %v", c.id, c.seed, err, c.want)
		}
	}
	broken := errors.New("broken")
	b := &board{err: broken}
	if err := Provision(b, Identity{Serial: "S"}, []byte(seed)); !errors.Is(err, broken) {
		t.Errorf("broken board: %v", err)
	}
	if _, err := New(b, Options{}); !errors.Is(err, broken) {
		t.Errorf("broken board: %v", err)
	}
}

// Every damaged record is found: each bit turned, each length cut off.
func TestDamagedRecords(t *testing.T) {
	_, b := newFob(t, ButtonAuto)
	whole := b.stored
	for i := range len(whole) * 8 {
		bad := append([]byte(nil), whole...)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := New(&board{stored: bad}, Options{}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for n := 1; n < len(whole); n++ {
		if _, err := New(&board{stored: whole[:n]}, Options{}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	bad := &board{stored: whole[:9]}
	if err := Provision(bad, Identity{Serial: "S"}, []byte(seed)); !errors.Is(err, ErrDamaged) {
		t.Errorf("provision over a damaged record: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	whole := record{DefaultModel, "GAHT12345678", []byte(seed)}.encode()
	f.Add(whole[:len(whole)-sumSize])
	f.Add([]byte(recordMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = append(raw, checksum(raw)...) // a fuzzer wouldn't find it
		r, err := decodeRecord(raw)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if string(r.encode()) != string(raw) {
			t.Fatalf("%x became %x", raw, r.encode())
		}
	})
}
