package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/agent/session"
)

// sealPatience bounds how long the system may take to hand over its key: the
// desktop's store of secrets is perhaps being started.
const sealPatience = 3 * time.Second

// A sealing is the key that seals what is kept, or why there is none.
type sealing struct {
	sealer *seal.Sealer
	// none says why nothing is sealed, where that was wanted.
	none error
}

// findSealing gets the key from where the config says.
func findSealing(ctx context.Context, o Options) sealing {
	options := seal.Options{Bus: o.Bus}
	switch o.Config.Seal {
	case config.SealOff:
		return sealing{}
	case config.SealSecretService:
		options.Place = seal.SecretService
	case config.SealKeyring:
		options.Place = seal.Keyring
	}
	ctx, cancel := context.WithTimeout(ctx, sealPatience)
	defer cancel()
	sealer, err := seal.Find(ctx, options)
	return sealing{sealer, err}
}

// warning says what an agent without a key doesn't do; "" where all is as it is
// wanted.
func (s sealing) warning() string {
	if s.none == nil {
		return ""
	}
	return fmt.Sprintf("sessions stay in memory and end with the agent: %v", s.none)
}

// keepSessions takes up the sessions of the agent's last run. Without a key
// they stay in memory.
func (a *agent) keepSessions(ctx context.Context) error {
	a.sealing = findSealing(ctx, a.opts)
	vault := &session.Vault{Store: a.state, Sealer: a.sealing.sealer}
	if a.sealing.sealer == nil {
		if a.sealing.none != nil {
			a.opts.Log.Info("sessions stay in memory", "why", a.sealing.none)
			return nil
		}
		return vault.Clear(ctx)
	}
	a.opts.Log.Info("sessions are kept", "key", a.sealing.sealer.Place(), "sealed", a.sealing.sealer.Place().Survives())
	return a.engine.Keep(ctx, vault, time.Now())
}
