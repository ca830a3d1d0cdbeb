package process

import "testing"

func TestIsFob(t *testing.T) {
	for process, want := range map[string]bool{
		"fob": true, "fob credentials --profile x": true, "/opt/bin/fob credentials": true, `"/opt/bin/fob" credentials`: true,
		`C:\tools\fob.exe credentials`: true, "FOB.EXE": true, "env A=b /x/fob": true, "exec fob": true, `"/my tools/fob" x`: true, "'/my tools/fob": true,
		"": false, "fobby": false, "other fob": false, "/fob/bin/other": false, "A=b": false,
	} {
		if got := IsFob(process); got != want {
			t.Errorf("%q: %t", process, got)
		}
	}
}
