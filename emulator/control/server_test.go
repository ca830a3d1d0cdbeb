package control

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fob-auth/fob/emulator/api"
)

func TestTokens(t *testing.T) {
	h := start(t)
	status, body := h.do(t, "GET", api.PathTokens, "")
	var tokens []api.Token
	check(t, json.Unmarshal(body, &tokens))
	if status != http.StatusOK || len(tokens) != 2 {
		t.Fatalf("%d %s", status, body)
	}
	yk, fob := tokens[0], tokens[1]
	if yk.Name != "yk1" || yk.Kind != api.YubiKey || yk.Serial != "12345678" || yk.Firmware != "5.4.3" ||
		yk.Attach != "socket" || !yk.Plugged || yk.Plugs != 1 || yk.Clock != nil {
		t.Errorf("the key is %+v", yk)
	}
	if fob.Name != "fob1" || fob.Kind != api.Fob || fob.Attach != "pty:"+filepath.Join(h.dir, "fob1") || fob.Clock == nil {
		t.Errorf("the fob is %+v", fob)
	}
	if one := h.act(t, api.PathToken, "yk1", ""); one.Name != "yk1" {
		t.Errorf("the key alone is %+v", one)
	}
}

func TestRefusals(t *testing.T) {
	h := start(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               api.ErrorCode
	}{
		{"GET", "/", "", 404, api.CodeNoRoute},
		{"GET", "/v2/tokens", "", 404, api.CodeNoRoute},
		{"POST", api.PathTokens, "", 404, api.CodeNoRoute},
		{"GET", route(api.PathPress, "yk1"), "", 404, api.CodeNoRoute},
		{"GET", route(api.PathToken, "yk9"), "", 404, api.CodeUnknown},
		{"POST", route(api.PathPlug, "yk9"), "", 404, api.CodeUnknown},
		{"POST", route(api.PathPress, "%2e%2e%2f"), "", 404, api.CodeUnknown},
		{"POST", route(api.PathPress, "yk1"), "", 409, api.CodeNotWaiting},
		{"POST", route(api.PathPress, "fob1"), `{"wait_ms":1}`, 409, api.CodeNotWaiting},
		{"POST", route(api.PathPress, "yk1"), `{"wait_ms":9223372036854775807}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathPress, "yk1"), `{"wait":1}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathClock, "yk1"), `{"ppm":1}`, 400, api.CodeWrongKind},
		{"POST", route(api.PathClock, "fob1"), `{"ppm":1e9}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathClock, "fob1"), `{"offset_ms":9223372036854775807}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathClock, "fob1"), `{"advance_ms":-9223372036854775808}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathClock, "fob1"), `{"offset_ms":1} {"offset_ms":2}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathClock, "fob1"), `[]`, 400, api.CodeBadRequest},
		{"POST", route(api.PathClock, "fob1"), `{"offset_ms":` + strings.Repeat(" ", maxBody) + `1}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathFault, "fob1"), `{"kind":"status","sw":27013}`, 400, api.CodeBadRequest},
		{"POST", route(api.PathFault, "yk1"), ``, 400, api.CodeBadRequest},
		{"GET", route(api.PathCard, "yk1"), "", 426, api.CodeUpgrade},
	} {
		if status, code := h.refused(t, c.method, c.path, c.body); status != c.status || code != c.code {
			t.Errorf("%s %s %.60q: %d %s, want %d %s", c.method, c.path, c.body, status, code, c.status, c.code)
		}
	}
}

func TestClockAndFaultAndReset(t *testing.T) {
	h := start(t)
	off, adv, ppm, freeze := int64(-40_000), int64(1000), 20.0, true
	fob := h.act(t, api.PathClock, "fob1", jsonBody(t, api.ClockChange{OffsetMS: &off, AdvanceMS: &adv, PPM: &ppm, Freeze: &freeze}))
	if c := fob.Clock; c == nil || c.OffsetMS > -39_000 || c.OffsetMS < -99_000 || c.PPM != 20 || !c.Frozen {
		t.Errorf("clock is %+v", c)
	}
	fault := api.Fault{Kind: api.FaultDelay, After: 3, DelayMS: 5}
	if fob = h.act(t, api.PathFault, "fob1", jsonBody(t, fault)); len(fob.Faults) != 1 || fob.Faults[0] != fault {
		t.Errorf("faults are %+v", fob.Faults)
	}
	fob = h.act(t, api.PathReset, "fob1", "")
	if len(fob.Faults) != 0 || fob.Clock.PPM != 0 || fob.Clock.Frozen || fob.Plugs != 2 || !fob.Plugged {
		t.Errorf("after reset it is %+v", fob)
	}
}

func TestWatch(t *testing.T) {
	h := start(t)
	w := h.watch(t)
	defer w.body.Close()
	if first := w.next(); len(first) != 2 || !first["yk1"].Plugged {
		t.Errorf("the first set is %+v", first)
	}
	h.act(t, api.PathUnplug, "yk1", "")
	w.until("yk1", func(t api.Token) bool { return !t.Plugged })
	h.act(t, api.PathPlug, "yk1", "")
	if yk := w.until("yk1", func(t api.Token) bool { return t.Plugged }); yk.Plugs != 2 {
		t.Errorf("plugged in again it is %+v", yk)
	}
}

// expectLine reads one line and wants it to contain the words.
func expectLine(t testing.TB, r io.Reader, want string) {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); len(line) < 256; line = append(line, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
		if b[0] == '\n' {
			break
		}
	}
	if !strings.Contains(string(line), want) {
		t.Fatalf("line %q, want %q", line, want)
	}
}
