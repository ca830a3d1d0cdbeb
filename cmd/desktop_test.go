package cmd_test

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/bustest"
)

// The desktop's notifications (Desktop Notifications Specification 1.2, section
// 9, "D-BUS Protocol").
const (
	notifications     = "org.freedesktop.Notifications"
	notificationsPath = "/org/freedesktop/Notifications"
)

// cmdDesktop starts a desktop for the servers that come after it: a session bus
// of its own, with notifications that go to a file, a line each, and whose
// buttons somebody presses:
//
//	desktop FILE BUTTON
func cmdDesktop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: desktop FILE BUTTON")
	}
	address, stop, err := bustest.Run(ts.Getenv("RUN"))
	ts.Check(err)
	ts.Defer(stop)
	conn, err := dbus.Connect(address)
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	ts.Check(conn.Export(&desktop{conn: conn, file: ts.MkAbs(args[0]), button: args[1]}, notificationsPath, notifications))
	_, err = conn.RequestName(notifications, dbus.NameFlagDoNotQueue)
	ts.Check(err)
	ts.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
}

// A desktop shows notifications.
type desktop struct {
	conn         *dbus.Conn
	file, button string

	mu   sync.Mutex
	last uint32
}

func (d *desktop) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"actions", "body"}, nil
}

func (d *desktop) Notify(_ string, replaces uint32, _, title, body string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := replaces
	if id == 0 {
		d.last++
		id = d.last
	}
	d.write(fmt.Sprintf("shown %d: %s: %s", id, title, strings.ReplaceAll(body, "\n", "; ")))
	if len(actions) > 0 {
		// After the answer to this call: its number has to be known.
		go func() { _ = d.conn.Emit(notificationsPath, notifications+".ActionInvoked", id, d.button) }()
	}
	return id, nil
}

func (d *desktop) CloseNotification(id uint32) *dbus.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write(fmt.Sprintf("withdrawn %d", id))
	return nil
}

// write adds a line to the file. d.mu is held.
func (d *desktop) write(line string) {
	f, err := os.OpenFile(d.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // the script won't find its line
	}
	defer f.Close()
	_, _ = f.WriteString(line + "\n")
}
