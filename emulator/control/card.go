package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
)

// card turns the connection into a card channel.
func (s *server) card(w http.ResponseWriter, r *http.Request) {
	s.cards.Add(1)
	defer s.cards.Done()
	if !strings.EqualFold(r.Header.Get("Upgrade"), api.Upgrade) {
		w.Header().Set("Upgrade", api.Upgrade)
		s.fail(w, r, http.StatusUpgradeRequired, api.CodeUpgrade,
			fmt.Errorf("the card channel wants Upgrade: %s", api.Upgrade))
		return
	}
	session, err := s.seat(r)
	if err != nil {
		status, code := classify(err)
		s.fail(w, r, status, code, err)
		return
	}
	defer session.Close()
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.fail(w, r, http.StatusInternalServerError, api.CodeFailed, err)
		return
	}
	err = greet(conn)
	if err == nil {
		err = exchange(r.Context(), session, conn, buf.Reader)
	}
	s.log.Debug("card channel ended", "path", r.URL.Path, "error", err)
}

// seat opens the card for this client, once the one before it is gone.
func (s *server) seat(r *http.Request) (*emulator.Session, error) {
	t, err := s.bench.Token(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), api.SeatTime)
	defer cancel()
	return t.Open(ctx)
}

// greet agrees to the upgrade and lifts the HTTP server's deadlines.
func greet(conn net.Conn) error {
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	return send(conn, func() error {
		_, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", api.Upgrade)
		return err
	})
}

// exchange answers commands until the token, the client or ctx goes, and closes
// conn. It is the one goroutine that uses the session; another one reads ahead,
// so that a client that goes is noticed while its command is still at work.
func exchange(ctx context.Context, session *emulator.Session, conn net.Conn, r *bufio.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel(nil)
	helpers.Go(func() {
		select {
		case <-session.Done():
			cancel(emulator.ErrUnplugged)
		case <-ctx.Done():
		}
		conn.Close()
	})
	commands := make(chan []byte)
	helpers.Go(func() { cancel(readCommands(ctx, r, commands)) })
	for {
		var cmd []byte
		select {
		case cmd = <-commands:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		answer, err := session.Transmit(ctx, cmd)
		if errors.Is(err, emulator.ErrNoAnswer) {
			continue
		}
		if err == nil {
			err = send(conn, func() error { return api.WriteFrame(conn, answer) })
		}
		if err != nil {
			return err
		}
	}
}

// readCommands hands on frames until the client goes or ctx ends.
func readCommands(ctx context.Context, r *bufio.Reader, commands chan<- []byte) error {
	for {
		cmd, err := api.ReadFrame(r)
		if err != nil {
			return err
		}
		select {
		case commands <- cmd:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// send lets write write to conn, for as long as a client may take to read.
func send(conn net.Conn, write func() error) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return write()
}
