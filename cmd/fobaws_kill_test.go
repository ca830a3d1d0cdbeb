package cmd_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/pquerna/otp/totp"

	"github.com/fob-auth/fob/sts/sdkhttp"
)

// Sizes of the kill test: how often the server dies, who calls, how many at a
// time, and in which share of the rounds AWS's clock goes on to codes that
// nobody has used.
const (
	kills       = 200
	killsShort  = 20
	killUsers   = 40
	killWorkers = 4
	killClock   = 3
)

// killSeed is the seed of a user's device.
func killSeed(user int) string {
	return fmt.Sprintf("%c%cSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 'A'+user%26, 'A'+user/26)
}

// A killed is what the clients were told, over all lives of a server.
type killed struct {
	t      *testing.T
	dir    string
	bin    string // fobaws as it is installed: it starts faster than as a test
	random *rand.Rand

	mu       sync.Mutex
	accepted map[string]int  // by user and counter
	devices  map[string]bool // by serial: answered as made (true) or deleted; missing where nobody knows
	objects  map[string]bool // by key, answered as put
	answers  int
	refusals map[string]int // by code
}

// TestFobawsKilled kills fobaws, which keeps its state, at random moments under
// load. No code buys two sessions, over all of its lives, and all that was
// answered is there in the next.
func TestFobawsKilled(t *testing.T) {
	rounds := kills
	if testing.Short() {
		rounds = killsShort
	}
	k := &killed{
		t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(1, 2)),
		accepted: map[string]int{}, devices: map[string]bool{}, objects: map[string]bool{}, refusals: map[string]int{},
	}
	k.bin = filepath.Join(k.dir, "fobaws")
	build := exec.Command("go", "build", "-o", k.bin, "./fobaws")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(k.dir, "world.yaml"), []byte(killWorld()), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 9, 1, 12, 0, 10, 0, time.UTC)
	for round := range rounds {
		if round%killClock == 0 {
			at = at.Add(3 * time.Minute)
		}
		k.live(at)
		if t.Failed() {
			t.FailNow()
		}
	}
	sessions := len(k.accepted)
	t.Logf("%d kills, %d answers: %d sessions, %d devices, %d objects; refusals: %v",
		rounds, k.answers, sessions, len(k.devices), len(k.objects), k.refusals)
	if sessions < rounds || len(k.devices) < rounds || len(k.objects) < rounds || k.refusals["AccessDenied"] == 0 {
		t.Error("too little was asked to prove anything")
	}
}

func killWorld() string {
	var y strings.Builder
	y.WriteString("accounts:\n- id: \"111122223333\"\n  buckets: [{name: kept}]\n  users:\n" +
		"  - {name: admin, attached: [\"arn:aws:iam::aws:policy/AdministratorAccess\"], access_keys: [{id: AKIAADMINEXAMPLE0001, secret: secret-of-admin}]}\n")
	for i := range killUsers {
		fmt.Fprintf(&y, "  - {name: u%d, access_keys: [{id: AKIAU%015d, secret: secret-of-u%d}], "+
			"mfa_devices: [{serial: \"arn:aws:iam::111122223333:mfa/u%d\", kind: virtual, seed: %s}]}\n", i, i, i, i, killSeed(i))
	}
	return y.String()
}

// live starts the server, checks what the last life left, puts it under load
// and kills it when a random number of answers has come.
func (k *killed) live(at time.Time) {
	cmd := exec.Command(k.bin, "serve", "--world", "world.yaml", "--state", "state", "--listen", "127.0.0.1:0",
		"--clock", "manual="+at.Format(time.RFC3339), "--signature-skew", "876000h")
	cmd.Dir = k.dir
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	ended := sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // SIGKILL; an error is that it has ended
		_ = cmd.Wait()         // which says that it was killed
	})
	defer ended()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "fobaws: ready ")
	if err != nil || !ok {
		ended()
		k.t.Fatalf("fobaws said %q: %v\n%s", line, err, stderr.String())
	}
	k.check(url)
	ctx, cancel := context.WithCancel(k.t.Context())
	defer cancel()
	enough := make(chan struct{})
	left := 1 + k.random.IntN(30)
	var group sync.WaitGroup
	for range killWorkers {
		random := rand.New(rand.NewPCG(k.random.Uint64(), k.random.Uint64()))
		group.Go(func() {
			w := killWorker{killed: k, ctx: ctx, url: url, at: at, random: random}
			for ctx.Err() == nil {
				if !w.act() {
					continue // the server is gone, or this connection
				}
				k.mu.Lock()
				k.answers++
				if left--; left == 0 {
					close(enough)
				}
				k.mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(patience):
		k.t.Error("the load stands still")
	}
	ended()
	cancel()
	group.Wait()
	http.DefaultClient.CloseIdleConnections()
	if strings.Contains(stderr.String(), "panic") {
		k.t.Error(stderr.String())
	}
}

// check holds the server against what was answered.
func (k *killed) check(url string) {
	ctx, admin := k.t.Context(), iam.NewFromConfig(killConfig(url, "ADMINEXAMPLE0001", "admin"))
	there, tries := map[string]bool{}, 0
	pages := iam.NewListVirtualMFADevicesPaginator(admin, &iam.ListVirtualMFADevicesInput{MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if tries++; err != nil && tries < 5 && !errors.As(err, new(smithy.APIError)) {
			continue // the client's writer closed the connection while the answer came
		}
		if err != nil {
			k.t.Fatal(err)
		}
		for _, d := range page.VirtualMFADevices {
			there[*d.SerialNumber] = true
		}
	}
	for serial, made := range k.devices {
		if there[serial] != made {
			k.t.Errorf("%s: listed %v, answered %v", serial, there[serial], made)
		}
	}
	for key := range k.objects {
		if k.random.IntN(8) != 0 { // all of them, over the rounds
			continue
		}
		resp, body, err := killObject(ctx, url, http.MethodGet, key, "")
		if err != nil || resp != http.StatusOK || body != "content of "+key {
			k.t.Errorf("object %s: %d %q %v", key, resp, body, err)
		}
	}
}

func killConfig(url, key, user string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: sdkhttp.Client{}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIA"+key, "secret-of-"+user, ""),
	}
}

// killObject sends a call about an object and gives status and body.
func killObject(ctx context.Context, url, method, key, content string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url+"/kept/"+key, strings.NewReader(content))
	if err != nil {
		return 0, "", err
	}
	sum := sha256.Sum256([]byte(content))
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	who := aws.Credentials{AccessKeyID: "AKIAADMINEXAMPLE0001", SecretAccessKey: "secret-of-admin"}
	if err := v4.NewSigner().SignHTTP(ctx, who, r, hash, "s3", "us-east-1", time.Now()); err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// A killWorker is one of the callers in one life of the server.
type killWorker struct {
	*killed
	ctx    context.Context
	url    string
	at     time.Time
	random *rand.Rand
}

// act does one call and notes what was answered. It is false where nothing
// was.
func (w *killWorker) act() bool {
	var err error
	switch n := w.random.IntN(10); {
	case n < 6:
		err = w.session()
	case n < 8:
		err = w.make()
	case n < 9:
		err = w.remove()
	default:
		err = w.put()
	}
	var refused smithy.APIError
	if errors.As(err, &refused) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refusals[refused.ErrorCode()]++
		if refused.ErrorFault() == smithy.FaultServer {
			w.t.Errorf("a failure: %v", err)
		}
		return true
	}
	return err == nil
}

func (w *killWorker) session() error {
	user, offset := w.random.IntN(killUsers), w.random.IntN(5)-2
	counter := w.at.Unix()/30 + int64(offset)
	code, err := totp.GenerateCode(killSeed(user), time.Unix(counter*30, 0))
	if err != nil {
		return err
	}
	client := sts.NewFromConfig(killConfig(w.url, fmt.Sprintf("U%015d", user), fmt.Sprint("u", user)))
	_, err = client.GetSessionToken(w.ctx, &sts.GetSessionTokenInput{
		SerialNumber: aws.String(fmt.Sprintf("arn:aws:iam::111122223333:mfa/u%d", user)), TokenCode: &code,
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := fmt.Sprintf("u%d %d", user, counter)
	if w.accepted[name]++; w.accepted[name] > 1 {
		w.t.Errorf("the code of %s has bought %d sessions", name, w.accepted[name])
	}
	return nil
}

func (w *killWorker) make() error {
	name := fmt.Sprintf("d%016x", w.random.Uint64())
	out, err := iam.NewFromConfig(killConfig(w.url, "ADMINEXAMPLE0001", "admin")).CreateVirtualMFADevice(w.ctx,
		&iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.devices[*out.VirtualMFADevice.SerialNumber] = true
	return nil
}

// remove deletes a device that is there. Until the answer nobody knows.
func (w *killWorker) remove() error {
	serial := ""
	w.mu.Lock()
	for s, made := range w.devices {
		if made {
			serial = s
			delete(w.devices, s)
			break
		}
	}
	w.mu.Unlock()
	if serial == "" {
		return nil
	}
	_, err := iam.NewFromConfig(killConfig(w.url, "ADMINEXAMPLE0001", "admin")).DeleteVirtualMFADevice(w.ctx,
		&iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.devices[serial] = false
	return nil
}

func (w *killWorker) put() error {
	key := fmt.Sprintf("o%016x", w.random.Uint64())
	status, body, err := killObject(w.ctx, w.url, http.MethodPut, key, "content of "+key)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if status != http.StatusOK {
		w.t.Errorf("put: %d %s", status, body)
	}
	w.objects[key] = true
	return nil
}
