package store

import (
	"bytes"
	"testing"
	"time"
)

func sealedOf(t *testing.T, s *Store, kind string) map[string]Sealed {
	t.Helper()
	found := map[string]Sealed{}
	view(t, s, func(tx *Tx) error {
		list, err := tx.Sealed(kind)
		for _, one := range list {
			found[one.Name] = one
		}
		return err
	})
	return found
}

func TestSealedTextsOutliveTheProcess(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	update(t, s, func(tx *Tx) error {
		for _, one := range []Sealed{
			{"session", "a", noon().Add(time.Hour), []byte("first")},
			{"session", "a", noon().Add(2 * time.Hour), []byte{0, 1, 2, 255}},
			{"session", "b", noon(), []byte("over")},
			{"session", "c", time.Time{}, nil},
			{"password", "a", time.Time{}, []byte("another kind")},
		} {
			if err := tx.PutSealed(one); err != nil {
				return err
			}
		}
		return tx.RemoveSealedUntil("session", noon())
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = p.open(t, noon())
	if o := s.Opening(); o.Kind != Clean {
		t.Fatalf("opening: %+v", o)
	}
	got := sealedOf(t, s, "session")
	if len(got) != 2 || !bytes.Equal(got["a"].Box, []byte{0, 1, 2, 255}) || !got["a"].Until.Equal(noon().Add(2*time.Hour)) || !got["c"].Until.IsZero() {
		t.Errorf("sessions: %+v", got)
	}
	update(t, s, func(tx *Tx) error { return tx.RemoveSealed("session", "a") })
	if got := sealedOf(t, s, "session"); len(got) != 1 {
		t.Errorf("after one was removed: %+v", got)
	}
	update(t, s, func(tx *Tx) error { return tx.RemoveAllSealed("session") })
	if got := sealedOf(t, s, "session"); len(got) != 0 {
		t.Errorf("after all were removed: %+v", got)
	}
	if got := sealedOf(t, s, "password"); len(got) != 1 {
		t.Errorf("of the other kind: %+v", got)
	}
}

func TestSealedTextThatIsTooLong(t *testing.T) {
	s := newPlace(t).open(t, noon())
	err := s.Update(t.Context(), func(tx *Tx) error { return tx.PutSealed(Sealed{Kind: "session", Box: make([]byte, maxBox+1)}) })
	if err == nil {
		t.Error("it was kept")
	}
}
