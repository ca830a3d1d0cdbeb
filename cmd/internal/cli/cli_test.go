package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestLogger(t *testing.T) {
	for format, want := range map[string]string{"text": "level=INFO msg=hello", "json": `"level":"INFO","msg":"hello"`} {
		var b bytes.Buffer
		log, err := Logger(&b, format)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("hello")
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: %s", format, &b)
		}
	}
	if _, err := Logger(nil, "xml"); !errors.As(err, new(*UsageError)) {
		t.Errorf("xml: %v", err)
	}
}

func TestAwait(t *testing.T) {
	if v, err := Await(t.Context(), func() (int, error) { return 7, os.ErrExist }); v != 7 || !errors.Is(err, os.ErrExist) {
		t.Errorf("got %d, %v", v, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	v, err := Await(ctx, func() (int, error) {
		cancel()
		<-never
		return 7, nil
	})
	if v != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("got %d, %v at the end of its time", v, err)
	}
}

func TestContextEndsWithASignal(t *testing.T) {
	ctx, stop := Context()
	defer stop()
	us, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := us.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
}
