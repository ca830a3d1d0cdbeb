package agent

import (
	"context"
	"time"

	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/server"
)

// reload takes each config that is handed in, until ctx ends.
func (a *agent) reload(ctx context.Context) {
	for {
		select {
		case c := <-a.opts.Reload:
			a.use(ctx, c)
		case <-ctx.Done():
			return
		}
	}
}

// use takes a config in place of the one before: profiles are read anew, cards
// are put down and found again. Sessions stay: what a profile asks for is part
// of their key. A config whose drivers can't be made is left alone, whole. Nobody
// is told that it was read before the tokens are found: who asks then would hear
// that there is none.
func (a *agent) use(ctx context.Context, c *config.Config) {
	drivers, err := drivers(c, a.typed, a.opts.Log)
	if err != nil {
		a.opts.Log.Error("the config is left as it was", "error", err)
		return
	}
	if c.Socket != a.config.Load().Socket {
		a.opts.Log.Warn("the socket stays where it is until the agent is started again", "socket", a.socket)
	}
	found := scanners(drivers)
	a.config.Store(c)
	a.profiles.use(c)
	a.scanners.Store(&found)
	a.broker.Use(drivers)
	a.settle(ctx)
	now := time.Now()
	a.read.Store(&now)
	a.opts.Log.Info("the config was read again", "profiles", len(c.Profiles), "drivers", len(drivers))
}

// serverOptions lets an agent that the service manager started for its socket
// end when nobody asks any more: the next caller starts it again. It stays as
// long as it is locked, serves the restricted socket, which nobody else opens,
// or holds a session, an endpoint or the key to a token that would end with it.
func (a *agent) serverOptions() server.Options {
	o := server.Options{Log: a.opts.Log, Version: a.opts.Version, Gate: a.gate, Find: a.opts.Find}
	if a.opts.Listener != nil {
		o.Idle = a.opts.Config.IdleExit
		o.Busy = func() bool {
			return a.lock.Locked() || a.opts.Config.Remote.Socket != "" || a.doors.Count() > 0 || a.unlocker.Volatile() ||
				a.sealing.sealer == nil && len(a.engine.List()) > 0
		}
	}
	return o
}
