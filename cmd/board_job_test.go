package cmd_test

import (
	"encoding/base32"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/api"
)

// boardSerial and boardSeed are those of dave's fob in the scripts' world.
const (
	boardSerial = "GAHT12345678"
	boardSeed   = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
)

// boardJob is the whole main job with the board in the fob's place: a call that
// is denied without MFA goes through with it, once a code, and then from the
// cache. The next code is one of the next step, which is awaited.
const boardJob = `
serve fobaws serve --world world.yaml --listen 127.0.0.1:0 --log-format json
expand fob.yaml
serve fobd --config fob.yaml
awaitoken GAHT12345678
! exec gosdk dave-keys $fobaws_READY list-users
stderr '^AccessDenied'

exec fob bind --profile dave --token GAHT12345678
exec fob bindings
stdout 'GAHT12345678'
exec fob credentials --profile dave
stdout '"SessionToken"'
count 1 action=GetSessionToken mfa_outcome=accepted
exec fob credentials --profile dave
stdout '"SessionToken"'
exec gosdk demo-fob $fobaws_READY list-users
stdout '^3 users$'
count 1 action=GetSessionToken

exec fob code GAHT12345678 --json
cp stdout code.json
present code.json
exec fob drift
stdout 'GAHT12345678.*ok'

-- fob.yaml --
devices:
  serial: [{port: $BOARD, baud: 115200, dialect: fob}]
aws:
  endpoint_url: $fobaws_READY
profiles:
  - name: dave
    source_profile: dave-keys
    mfa_serial: GAHT12345678
    allow_emulated: true
`

// The board is the token of the whole main job.
func TestBoardDoesTheMainJob(t *testing.T) {
	t.Parallel()
	b := startBoard(t)
	seed, err := base32.StdEncoding.DecodeString(boardSeed)
	if err != nil {
		t.Fatal(err)
	}
	b.provisionWith(t, boardSerial, seed)
	file := filepath.Join(t.TempDir(), "board_job.txtar")
	if err := os.WriteFile(file, []byte(boardJob), 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{file},
		Setup: func(env *testscript.Env) error {
			env.Setenv("BOARD", b.path)
			return setupScript(env)
		},
		Cmds: scriptCommands(map[string]func(*testscript.TestScript, bool, []string){"present": cmdPresent}),
	})
}

// cmdPresent checks that a code is the board's, of a step that is no more than
// one from the present: present FILE, with what fob code --json tells.
func cmdPresent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: present FILE")
	}
	var told api.Code
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &told))
	step, now := int64(told.Step), time.Now().Unix()/30
	if step < now-1 || step > now+1 {
		ts.Fatalf("a code of step %d, the present one is %d", step, now)
	}
	want, err := totp.GenerateCode(boardSeed, time.Unix(step*30, 0))
	ts.Check(err)
	if told.Code != want {
		ts.Fatalf("code %s, the oracle says %s", told.Code, want)
	}
}
