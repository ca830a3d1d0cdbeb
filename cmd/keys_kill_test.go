package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// keysKillScript has fobd die at a step of an access key's rotation. Whatever
// stands in the AWS file then is a key that works, and the same command goes on
// from there: in the end there is one key, a new one, and the file is as it was
// but for it.
const keysKillScript = `
serve fobaws serve --world world.yaml --listen 127.0.0.1:0 --log-format json
expand fob.yaml
env FOB_KILL_AT='STEP'
serve fobd --config fob.yaml
! exec fob keys rotate --profile erin
gone fobd
env FOB_KILL_AT=
serve fobd --config fob.yaml
exec fob keys list
stdout 'AKIA'
exec fob credentials --profile role
exec fob keys rotate --profile erin
stdout 'AKIAERINEXAMPLE00001 is deleted'
exec fob credentials --profile role --renew
exec fob keys rotate --profile erin
! stdout 'AKIAERINEXAMPLE00001'
exec sh -c 'sed -e "s/AKIA[A-Z0-9]*/X/" -e "s/^\(aws_secret_access_key *= *\).*/\1X/" aws-credentials > masked'
cmp masked want
-- aws-credentials --
# erin's
[erin-keys]
aws_access_key_id = AKIAERINEXAMPLE00001
aws_secret_access_key = erin-secret-erin-secret-erin-secret-eri
# the end
-- want --
# erin's
[erin-keys]
aws_access_key_id = X
aws_secret_access_key = X
# the end
-- fob.yaml --
aws:
  endpoint_url: $fobaws_READY
profiles:
  - {name: erin, source_profile: erin-keys}
  - {name: role, source_profile: erin-keys, role_arn: "arn:aws:iam::111122223333:role/Deploy"}
-- world.yaml --
accounts:
  - id: "111122223333"
    partition: aws
    users:
      - name: erin
        access_keys: [{id: AKIAERINEXAMPLE00001, secret: erin-secret-erin-secret-erin-secret-eri}]
        policies:
          - name: own
            document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["iam:*AccessKey*", "sts:AssumeRole"], Resource: "*"}]}
    roles:
      - name: Deploy
        trust: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole"}]}
`

// TestKeysRotationKilled kills fobd with SIGKILL at each step of a rotation.
func TestKeysRotationKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("builds fobd once more")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if out, err := exec.Command("go", "build", "-tags", "killpoints", "-o", filepath.Join(bin, "fobd"), "./fobd").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var files []string
	for _, step := range []string{"rotation begun", "access key made", "access key kept", "access key proved",
		"access keys changed", "old access key off", "old access key deleted"} {
		file := filepath.Join(dir, strings.ReplaceAll(step, " ", "_")+".txtar")
		if err := os.WriteFile(file, []byte(strings.Replace(keysKillScript, "STEP", step, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			return setupScript(env)
		},
		Cmds: scriptCommands(map[string]func(*testscript.TestScript, bool, []string){"gone": cmdGone}),
	})
}
