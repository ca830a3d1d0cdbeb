package agent

import (
	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/metrics"
)

// figures is what a scrape reads beside the counters.
func (a *agent) figures() metrics.State {
	s := metrics.State{Tokens: map[api.TokenState]int{}, Sessions: len(a.engine.List())}
	for _, t := range a.broker.Tokens() {
		s.Tokens[wireToken(t).State]++
	}
	return s
}
