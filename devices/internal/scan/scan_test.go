package scan

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

func TestRunReturnsWhatWasFound(t *testing.T) {
	var w Worker
	for range 3 {
		infos, err := w.Run(t.Context(), func() ([]devices.Info, error) {
			return []devices.Info{{Serial: "1"}}, devices.ErrNoService
		})
		if len(infos) != 1 || infos[0].Serial != "1" || !errors.Is(err, devices.ErrNoService) {
			t.Errorf("got %v, %v", infos, err)
		}
	}
}

func TestPanicsAreContained(t *testing.T) {
	var w Worker
	for range 2 {
		infos, err := w.Run(t.Context(), func() ([]devices.Info, error) {
			var short []byte
			return nil, errors.New(string(short[len(short)])) // as an unchecked index does
		})
		if infos != nil || !errors.Is(err, devices.ErrAnswer) {
			t.Errorf("got %v, %v", infos, err)
		}
	}
}

func TestHangingListingCostsOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Worker
		release := make(chan struct{})
		began := time.Now()
		_, err := w.Run(t.Context(), func() ([]devices.Info, error) { <-release; return nil, nil })
		if !errors.Is(err, devices.ErrSilent) || time.Since(began) != patience {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		for range 10 {
			_, err := w.Run(t.Context(), func() ([]devices.Info, error) { t.Error("it ran beside one that hangs"); return nil, nil })
			if !errors.Is(err, devices.ErrBusy) {
				t.Errorf("beside one that hangs: %v", err)
			}
		}
		close(release)
		synctest.Wait()
		if _, err := w.Run(t.Context(), func() ([]devices.Info, error) { return nil, nil }); err != nil {
			t.Errorf("after it came back: %v", err)
		}
	})
}

func TestCallerIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Worker
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		_, err := w.Run(ctx, func() ([]devices.Info, error) { <-release; return nil, nil })
		if !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		if _, err := w.Run(ctx, func() ([]devices.Info, error) { t.Error("it ran"); return nil, nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that had ended: %v", err)
		}
		close(release)
	})
}
