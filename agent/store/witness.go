package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A witness says outside the state file what the file must know: which ledger
// it is, and at least how many transactions it has seen.
type witness struct {
	instance   string
	generation int64
	// reach is [Tx.Reach]'s mark, so that a lost file's successor knows until
	// when codes were presented.
	reach time.Time
}

const (
	witnessMagic = "fob-witness-1"
	// maxWitness bounds what is read of a witness file.
	maxWitness = 512
)

// witnessNameFor names the second witness, so that agents with different state
// folders can share a folder for it.
func witnessNameFor(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return witnessName + "-" + hex.EncodeToString(sum[:8])
}

// encode writes one line that ends with a checksum of what stands before it.
func (w witness) encode() []byte {
	head := fmt.Sprintf("%s %s %d %d", witnessMagic, w.instance, w.generation, w.reach.Unix())
	sum := sha256.Sum256([]byte(head))
	return fmt.Appendf(nil, "%s %s\n", head, hex.EncodeToString(sum[:]))
}

// parseWitness is the reverse of encode, and takes nothing that encode doesn't
// write.
func parseWitness(b []byte) (witness, error) {
	bad := damaged("witness is not readable")
	f := strings.Fields(string(b))
	if len(f) != 5 || f[0] != witnessMagic || !isInstance(f[1]) {
		return witness{}, bad
	}
	generation, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || generation < 0 {
		return witness{}, bad
	}
	reach, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return witness{}, bad
	}
	w := witness{instance: f[1], generation: generation, reach: time.Unix(reach, 0).UTC()}
	if string(w.encode()) != string(b) {
		return witness{}, bad
	}
	return w, nil
}

func isInstance(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == instanceBytes
}

// A sighting is what was found in a place for a witness: nothing, one that
// can't be read, or a good one.
type sighting struct {
	there bool
	err   error
	witness
}

func (s sighting) good() bool { return s.there && s.err == nil }

// readWitnesses looks into each place. Only a place that can't be looked into
// is an error; a damaged witness is a sighting.
func readWitnesses(paths []string) ([]sighting, error) {
	seen := make([]sighting, 0, len(paths))
	for _, path := range paths {
		b, err := readSmall(path, maxWitness)
		var broken *damage
		switch {
		case errors.Is(err, fs.ErrNotExist):
			seen = append(seen, sighting{})
		case errors.As(err, &broken):
			seen = append(seen, sighting{there: true, err: err})
		case err != nil:
			return nil, fmt.Errorf("read witness: %w", err)
		default:
			w, err := parseWitness(b)
			seen = append(seen, sighting{there: true, err: err, witness: w})
		}
	}
	return seen, nil
}

// readSmall reads a regular file of at most limit bytes; another kind or size
// of file is damage.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, damaged("%s is no file of ours", path)
	}
	return os.ReadFile(path)
}

func writeWitnesses(paths []string, w witness) error {
	for _, path := range paths {
		if err := writeSynced(path, w.encode()); err != nil {
			return fmt.Errorf("write witness: %w", err)
		}
	}
	return nil
}

// settleWitnesses writes the witnesses so that they are found under their names
// whatever happens next. Once they are, to write them anew takes no more than
// writeWitnesses: should the power fail before the folder is on the disk, the
// older witness stands there again, and it is true as well.
func settleWitnesses(paths []string, w witness) error {
	if err := writeWitnesses(paths, w); err != nil {
		return err
	}
	for _, path := range paths {
		if err := syncFolder(filepath.Dir(path)); err != nil {
			return fmt.Errorf("write witness: %w", err)
		}
	}
	return nil
}

// writeSynced replaces a file: whenever the power fails, the old or the new
// content is there.
func writeSynced(path string, b []byte) error {
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
