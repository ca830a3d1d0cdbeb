// Package metrics counts what the agent does, in the form that Prometheus
// reads. It counts and measures alone: what it is told of carries no digits and
// no keys, and its labels are closed lists, so that nobody can fill the agent's
// memory with names of his own.
package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fob-auth/fob/agent/api"
)

// A State is what is read at each scrape.
type State struct {
	// Tokens counts the tokens plugged in, by state.
	Tokens map[api.TokenState]int
	// Sessions counts cached sessions that still live.
	Sessions int
}

// Metrics are the agent's figures. Use New.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
	handler  http.Handler
	// found keeps what was found for an answer's labels, which takes hashing.
	found sync.Map // of labels to counted
}

type labels struct {
	route  string
	status int
}

type counted struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// New returns figures that begin at zero. state is asked at each scrape, from
// any goroutine.
func New(version string, state func() State) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fob_requests_total", Help: "Requests on the socket, by route and HTTP status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fob_request_seconds", Help: "How long requests took, a person's touch included.",
			// From a cached session to the longest wait for a touch.
			Buckets: []float64{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.1, 1, 5, 15, 30},
		}, []string{"route"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fob_events_total", Help: "What happened, by type: codes handed out, sessions issued, touches wanted, refusals.",
		}, []string{"type"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "fob_build_info", Help: "1, with the agent's version.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.seconds, m.events, build, present{state},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
	return m
}

// Request counts a request that was answered. route is a route's pattern, "" of
// a request that reached none.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	at := labels{route, status}
	c, ok := m.found.Load(at)
	if !ok {
		c, _ = m.found.LoadOrStore(at, counted{m.requests.WithLabelValues(route, strconv.Itoa(status)), m.seconds.WithLabelValues(route)})
	}
	c.(counted).requests.Inc()
	c.(counted).seconds.Observe(took.Seconds())
}

// Event counts an event.
func (m *Metrics) Event(t api.EventType) { m.events.WithLabelValues(string(t)).Inc() }

// ServeHTTP answers a scrape.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// present collects what is as it is at the scrape.
type present struct{ state func() State }

func (present) descriptions() (tokens, sessions *prometheus.Desc) {
	return prometheus.NewDesc("fob_tokens", "Tokens plugged in, by state.", []string{"state"}, nil),
		prometheus.NewDesc("fob_sessions", "Cached sessions that still live.", nil, nil)
}

// Describe implements prometheus.Collector.
func (p present) Describe(out chan<- *prometheus.Desc) {
	tokens, sessions := p.descriptions()
	out <- tokens
	out <- sessions
}

// Collect implements prometheus.Collector.
func (p present) Collect(out chan<- prometheus.Metric) {
	tokens, sessions := p.descriptions()
	s := p.state()
	for _, state := range []api.TokenState{api.TokenReady, api.TokenWaiting, api.TokenBusy, api.TokenLocked, api.TokenFailed} {
		out <- prometheus.MustNewConstMetric(tokens, prometheus.GaugeValue, float64(s.Tokens[state]), string(state))
	}
	out <- prometheus.MustNewConstMetric(sessions, prometheus.GaugeValue, float64(s.Sessions))
}
