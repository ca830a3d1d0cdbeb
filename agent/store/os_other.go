//go:build !unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const noFollow = 0

func ownerOf(fs.FileInfo) (uid int, known bool) { return 0, false }

// lockFile refuses: without a lock that ends with its process, and without
// owners of files, the ledger's promises can't be kept here.
func lockFile(*os.File) (held bool, err error) {
	return false, fmt.Errorf("the agent keeps no state on this system: %w", errors.ErrUnsupported)
}
