package fault

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fob-auth/fob/emulator/api"
)

func TestNextMeetsTheNthCommand(t *testing.T) {
	var p Plan
	for _, f := range []api.Fault{
		{After: 2, Kind: api.FaultDelay},
		{After: 0, Kind: api.FaultDrop},
		{After: 0, Kind: api.FaultTruncate},
		{After: 2, Kind: api.FaultRemove},
	} {
		if err := p.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	// Two faults are due at the first command and two at the third: the second
	// of each pair meets the command after it.
	want := []api.FaultKind{api.FaultDrop, api.FaultTruncate, api.FaultDelay, api.FaultRemove, ""}
	for i, kind := range want {
		f, ok := p.Next()
		if f.Kind != kind || ok != (kind != "") {
			t.Errorf("command %d met %q (%t), want %q", i, f.Kind, ok, kind)
		}
	}
}

func TestPendingCountsDownAndIsACopy(t *testing.T) {
	var p Plan
	if err := p.Add(api.Fault{After: 3, Kind: api.FaultDrop}); err != nil {
		t.Fatal(err)
	}
	p.Next()
	got := p.Pending()
	if len(got) != 1 || got[0].After != 2 {
		t.Fatalf("pending is %+v, want one after 2", got)
	}
	got[0].After = 9
	if again := p.Pending(); again[0].After != 2 {
		t.Error("Pending hands out the plan itself")
	}
}

func TestPlanIsBounded(t *testing.T) {
	var p Plan
	for range maxPending {
		if err := p.Add(api.Fault{Kind: api.FaultDrop}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Add(api.Fault{Kind: api.FaultDrop}); err == nil {
		t.Error("a fault over the bound was taken")
	}
}

func TestSpoil(t *testing.T) {
	answer := []byte{1, 2, 3, 0x90, 0x00}
	random := bytes.Repeat([]byte{0xa5}, 100)
	for _, c := range []struct {
		fault api.Fault
		want  []byte
	}{
		{api.Fault{Kind: api.FaultDrop}, nil},
		{api.Fault{Kind: api.FaultRemove}, nil},
		{api.Fault{Kind: api.FaultDelay, DelayMS: 5}, answer},
		{api.Fault{Kind: api.FaultTruncate}, []byte{}},
		{api.Fault{Kind: api.FaultTruncate, Bytes: 2}, []byte{1, 2}},
		{api.Fault{Kind: api.FaultTruncate, Bytes: 99}, answer},
		{api.Fault{Kind: api.FaultStatus, SW: 0x6985}, []byte{0x69, 0x85}},
		{api.Fault{Kind: api.FaultGarbage, Bytes: 3}, []byte{0xa5, 0xa5, 0xa5}},
		{api.Fault{Kind: api.FaultGarbage}, []byte{}},
	} {
		got, err := Spoil(c.fault, answer, bytes.NewReader(random))
		if err != nil || !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%+v gave %x, %v, want %x", c.fault, got, err, c.want)
		}
	}
	if _, err := Spoil(api.Fault{Kind: api.FaultGarbage, Bytes: 101}, answer, bytes.NewReader(random)); err == nil {
		t.Error("garbage without enough randomness was no error")
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		kind  api.Kind
		fault api.Fault
		wrong string // "" for a good one
	}{
		{api.YubiKey, api.Fault{Kind: api.FaultStatus, SW: 0x6f00}, ""},
		{api.Fob, api.Fault{Kind: api.FaultGarbage, After: maxAfter, Bytes: maxBytes}, ""},
		{api.Fob, api.Fault{Kind: api.FaultDelay, DelayMS: 600_000}, ""},
		{api.Fob, api.Fault{Kind: api.FaultStatus}, "only a card"},
		{api.Fob, api.Fault{Kind: "melt"}, `unknown fault "melt"`},
		{api.Fob, api.Fault{}, `unknown fault ""`},
		{api.Fob, api.Fault{Kind: api.FaultDrop, After: -1}, "after -1"},
		{api.Fob, api.Fault{Kind: api.FaultDrop, After: maxAfter + 1}, "after"},
		{api.YubiKey, api.Fault{Kind: api.FaultGarbage, Bytes: maxBytes + 1}, "bytes"},
		{api.YubiKey, api.Fault{Kind: api.FaultTruncate, Bytes: -1}, "bytes"},
		{api.YubiKey, api.Fault{Kind: api.FaultDelay, DelayMS: 600_001}, "delay"},
		{api.YubiKey, api.Fault{Kind: api.FaultDelay, DelayMS: -1}, "delay"},
	} {
		err := Check(c.kind, c.fault)
		if c.wrong == "" && err != nil {
			t.Errorf("%s %+v: %v", c.kind, c.fault, err)
		}
		if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s %+v: %v, want an error with %q", c.kind, c.fault, err, c.wrong)
		}
	}
}
