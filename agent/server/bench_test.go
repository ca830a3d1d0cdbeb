package server_test

import (
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
	"github.com/fob-auth/fob/agent/server"
)

// BenchmarkSession is a session from the cache over the socket, connection and
// all.
func BenchmarkSession(b *testing.B) {
	c := client.Client{Socket: start(b, &fake{}, server.Options{})}
	for b.Loop() {
		if _, err := c.Session(b.Context(), api.SessionRequest{Profile: "dev"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEcho is the floor: 200 bytes there and back on a Unix socket.
func BenchmarkEcho(b *testing.B) {
	ln, err := net.Listen("unix", filepath.Join(shortDir(b), "echo.sock"))
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	c, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 200)
	for b.Loop() {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}
