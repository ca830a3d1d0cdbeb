package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/fob-auth/fob/agent/api"
)

// absent says that no agent answers at path.
func absent(path string, err error) error {
	e := &api.Error{
		Code:    api.NoAgent,
		Message: fmt.Sprintf("no agent answers on %s", path),
		Hint:    "start it with 'fobd', or have 'fob service install' start it for you",
	}
	var op *net.OpError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Message += ": there is no such socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message += ": the one that made the socket has ended"
	case errors.Is(err, os.ErrPermission):
		e.Code = api.Forbidden
		e.Message = fmt.Sprintf("socket %s may not be used", path)
		e.Hint = "name your own agent's socket with --socket or FOB_SOCKET"
	case errors.As(err, &op):
		e.Message += ": " + op.Err.Error()
	}
	return e
}

// refusal reads an error's body. A code that isn't in the table is kept: a
// newer agent may know more.
func refusal(a *answer, b []byte) error {
	var body api.ErrorBody
	if err := json.Unmarshal(b, &body); err != nil || body.Error.Code == "" {
		return a.broken(fmt.Errorf("status %d without an error of ours", a.status))
	}
	return &body.Error
}
