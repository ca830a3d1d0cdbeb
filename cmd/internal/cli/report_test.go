package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/spf13/cobra"
)

func TestFail(t *testing.T) {
	root, sub := &cobra.Command{Use: "prog"}, &cobra.Command{Use: "do"}
	root.AddCommand(sub)
	root.PersistentFlags().String("log-format", "text", "")
	plain := errors.New("file x: can't be read\nfile y: has a \x1b in it")
	for _, c := range []struct {
		cmd    *cobra.Command
		begun  bool
		err    error
		want   string
		status int
	}{
		{sub, true, plain, "prog: file x: can't be read\nprog: file y: has a ? in it\n", ExitFailed},
		{sub, true, fmt.Errorf("do it: %w", Hint(plain, "ls %s", "x")), "prog: do it: file x: can't be read\nprog: file y: has a ? in it\nprog: hint: ls x\n", ExitFailed},
		{sub, true, Usagef("which?"), "prog: which?\nprog: hint: prog do --help\n", ExitUsage},
		{sub, false, errors.New("unknown flag"), "prog: unknown flag\nprog: hint: prog do --help\n", ExitUsage},
		{root, true, Usagef("--log-format?"), "prog: --log-format?\nprog: hint: prog --help\n", ExitUsage},
	} {
		var b bytes.Buffer
		if status := Fail(&b, c.cmd, c.begun, c.err); status != c.status || b.String() != c.want {
			t.Errorf("%v: status %d, %q", c.err, status, &b)
		}
	}
	if err := sub.ParseFlags([]string{"--log-format", "json"}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var record struct{ Level, Msg, Hint string }
	if status := Fail(&b, sub, true, Hint(plain, "ls")); status != ExitFailed || json.Unmarshal(b.Bytes(), &record) != nil || record.Level != "ERROR" || record.Msg != plain.Error() || record.Hint != "ls" {
		t.Errorf("as JSON: status %d, %s", status, &b)
	}
}
