package transcript

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fob-auth/fob/devices"
)

// suffix ends the names of recorded files.
const suffix = ".transcript"

// InFolder records each session into a file of its own in dir, which is made
// where it is missing: dir 0700, files 0600, named by the moment, which now tells, and the
// driver.
func InFolder(dir string, now func() time.Time, failed func(error)) *Recorder {
	return &Recorder{Failed: failed, Now: now, New: func(s devices.Slot) (io.WriteCloser, error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%s-%s%s", now().UTC().Format("20060102T150405.000000000Z"), strings.ReplaceAll(s.Driver, string(filepath.Separator), "_"), suffix)
		return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}}
}
