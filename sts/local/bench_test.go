package local_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
	"github.com/fob-auth/fob/sts/local/journal"
)

// benchUsers is how many users call, each with an MFA device, and so five
// fresh codes in every window of the verification budget.
const benchUsers = 1000

// A range of calls to measure: as bytes on a connection, and as requests.
type benchServer struct {
	server *local.Server
	url    string
	at     time.Time
}

func newBenchServer(b *testing.B, change func(*local.Options)) *benchServer {
	b.Helper()
	var y strings.Builder
	y.WriteString("accounts:\n- id: \"111122223333\"\n  users:\n")
	for i := range benchUsers {
		fmt.Fprintf(&y, "  - {name: u%d, access_keys: [{id: AKIAU%015d, secret: secret-of-u%d}], "+
			"mfa_devices: [{serial: \"arn:aws:iam::111122223333:mfa/u%d\", kind: virtual, seed: %s}]}\n", i, i, i, i, seedOf(fmt.Sprint("u", i)))
	}
	quiet := func(o *local.Options) { o.Log = slog.New(slog.DiscardHandler) }
	server := awstest.Start(b, y.String(), awstest.At(start), quiet, change)
	return &benchServer{server: server.Handler, url: server.URL, at: start}
}

// request signs a call of user i.
func (s *benchServer) request(b *testing.B, i int, body string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, s.url+"/", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", formType)
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(b.Context(), aws.Credentials{AccessKeyID: fmt.Sprintf("AKIAU%015d", i), SecretAccessKey: fmt.Sprint("secret-of-u", i)},
		r, hex.EncodeToString(sum[:]), "sts", "us-east-1", s.at)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// sessions makes a request for each fresh code of every user, and moves the
// clock to where they are fresh.
func (s *benchServer) sessions(b *testing.B) []*http.Request {
	s.at = s.at.Add(3 * time.Minute)
	if err := s.server.Clock().Set(s.at); err != nil {
		b.Fatal(err)
	}
	var all []*http.Request
	for offset := int64(-2); offset <= 2; offset++ {
		for i := range benchUsers {
			serial := fmt.Sprintf("arn:aws:iam::111122223333:mfa/u%d", i)
			body := "Action=GetSessionToken&Version=2011-06-15&SerialNumber=" + url.QueryEscape(serial) +
				"&TokenCode=" + benchCode(b, seedOf(fmt.Sprint("u", i)), s.at.Unix()/30+offset)
			all = append(all, s.request(b, i, body))
		}
	}
	return all
}

func (s *benchServer) identities(b *testing.B) []*http.Request {
	var all []*http.Request
	for i := range benchUsers {
		all = append(all, s.request(b, i, "Action=GetCallerIdentity&Version=2011-06-15"))
	}
	return all
}

func benchCode(b *testing.B, seed string, counter int64) string {
	key, err := base32.StdEncoding.DecodeString(seed)
	if err != nil {
		b.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(counter)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}

// BenchmarkServer is what a call costs. "handler" is the server alone, with
// what it allocates; "http" has eight connections on loopback, client and
// server on the same cores. Goal: 3,000 sessions with MFA a second on two cores.
func BenchmarkServer(b *testing.B) {
	plain := func(*local.Options) {}
	kept := func(o *local.Options) {
		j, err := journal.Open(b.Context(), b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		o.Journal = j
	}
	for _, c := range []struct {
		name   string
		change func(*local.Options)
		make   func(*benchServer, *testing.B) []*http.Request
		run    func(*benchServer, *testing.B, []*http.Request)
	}{
		{"GetSessionToken/handler", plain, (*benchServer).sessions, (*benchServer).handle},
		{"GetSessionToken/http", plain, (*benchServer).sessions, (*benchServer).send},
		{"GetSessionToken/http,state", kept, (*benchServer).sessions, (*benchServer).send},
		{"GetCallerIdentity/handler", plain, (*benchServer).identities, (*benchServer).handle},
		{"GetCallerIdentity/http", plain, (*benchServer).identities, (*benchServer).send},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newBenchServer(b, c.change)
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; {
				b.StopTimer()
				requests := c.make(s, b)
				requests = requests[:min(left, len(requests))]
				left -= len(requests)
				b.StartTimer()
				c.run(s, b, requests)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// handle calls the handler as it is.
func (s *benchServer) handle(b *testing.B, requests []*http.Request) {
	for _, r := range requests {
		w := httptest.NewRecorder()
		r.RemoteAddr = "127.0.0.1:1"
		s.server.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

// connections is how many clients call at a time.
const connections = 8

// send has each connection send its share, one request after the other.
func (s *benchServer) send(b *testing.B, requests []*http.Request) {
	b.StopTimer()
	shares := make([][][]byte, connections)
	for i, r := range requests {
		var raw bytes.Buffer
		if err := r.Write(&raw); err != nil {
			b.Fatal(err)
		}
		shares[i%connections] = append(shares[i%connections], raw.Bytes())
	}
	b.StartTimer()
	var group sync.WaitGroup
	for _, share := range shares {
		group.Go(func() {
			if err := exchange(strings.TrimPrefix(s.url, "http://"), share); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
}

// exchange sends requests on one connection. It reads of an answer what it
// must, so that mostly the server is measured.
func exchange(address string, requests [][]byte) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, raw := range requests {
		if _, err := conn.Write(raw); err != nil {
			return err
		}
		if err := readAnswer(answers); err != nil {
			return err
		}
	}
	return nil
}

func readAnswer(r *bufio.Reader) error {
	good, length := false, 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch name, value, _ := bytes.Cut(line, []byte(":")); {
		case first:
			good = bytes.Contains(line, []byte(" 200 "))
		case len(bytes.TrimSpace(line)) == 0:
			body := make([]byte, length)
			if _, err := io.ReadFull(r, body); err != nil || !good {
				return fmt.Errorf("%w: %s", err, body)
			}
			return nil
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil {
				return err
			}
		}
	}
}
