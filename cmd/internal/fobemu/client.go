package fobemu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/emulator/api"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// answerTimeout is how long a bench may take to answer, on top of what it is
// asked to wait for.
const answerTimeout = 10 * time.Second

// A client talks to a running bench.
type client struct {
	socket string
	http   http.Client
}

func newClient(socket string) *client {
	c := &client{socket: socket}
	c.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}
	return c
}

// token does something to a token: path is one of package api's, body nil for
// a GET.
func (c *client) token(ctx context.Context, path, name string, body any) (api.Token, error) {
	var t api.Token
	err := c.do(ctx, strings.Replace(path, "{name}", url.PathEscape(name), 1), body, &t)
	return t, err
}

// do sends one request and reads its answer into v.
func (c *client) do(ctx context.Context, path string, body, v any) error {
	method, content := http.MethodGet, []byte(nil)
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return err
		}
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://fobemu"+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return cli.Hint(fmt.Errorf("no bench at %s", c.socket), "'fobemu run --bench FILE' starts one; --socket names another place")
	case err != nil:
		return cli.Hint(fmt.Errorf("bench at %s: %w", c.socket, err), "'fobemu run --bench FILE' starts one anew")
	}
	defer resp.Body.Close()
	answer := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		var refused api.Error
		if err := json.NewDecoder(answer).Decode(&refused); err != nil {
			return foreign(fmt.Errorf("bench at %s answered %s", c.socket, resp.Status))
		}
		return &refused
	}
	if err := json.NewDecoder(answer).Decode(v); err != nil {
		return foreign(fmt.Errorf("bench at %s: answer: %w", c.socket, err))
	}
	return nil
}

// foreign is an answer that no bench of this program's gives.
func foreign(err error) error {
	return cli.Hint(err, "another program may serve that socket: 'fobemu run --bench FILE --socket PATH' takes another")
}
