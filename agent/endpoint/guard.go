package endpoint

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// A guard refuses what a page in a browser could send, whichever way it found
// the port: a name that was rebound to loopback shows in the Host header, a
// page's own address in the headers that browsers can't leave out.
type guard struct {
	address string // host and port
	log     *slog.Logger
	next    http.Handler
}

func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if why := g.refuses(r); why != "" {
		g.log.Warn("refused at an endpoint", "address", g.address, "why", why)
		refuse(w, http.StatusForbidden, why)
		return
	}
	g.next.ServeHTTP(w, r)
}

func (g guard) refuses(r *http.Request) string {
	_, port, _ := strings.Cut(g.address, ":")
	if r.Host != g.address && r.Host != "localhost:"+port {
		return "the Host header has to be " + g.address
	}
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "X-Forwarded-For"} {
		if _, ok := r.Header[name]; ok {
			return fmt.Sprintf("requests with the header %s are refused", name)
		}
	}
	if r.ContentLength != 0 {
		return "no request here has a body"
	}
	return ""
}

// refuse answers with a line of text.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	send(w, status, []byte(why+"\n"))
}

// send answers, and waits for no client that doesn't read.
func send(w http.ResponseWriter, status int, body []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
