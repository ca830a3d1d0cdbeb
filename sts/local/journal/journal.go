// Package journal keeps the state of the local AWS in one SQLite file: a row
// for each record, every commit on disk before it returns. It knows nothing of
// what the records say.
//
// A file that isn't its own, is of another version or is damaged is refused by
// name and left as it is. The file belongs to one process at a time.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/fob-auth/fob/sts/local/store"
)

// fileName is the state's file in its folder.
const fileName = "fobaws.db"

// The file's mark and the version of its schema (SQLite, PRAGMA application_id
// and user_version).
const (
	applicationID = 0x666f6241 // "fobA"
	schemaVersion = 1
)

const schema = `CREATE TABLE records (
	kind TEXT NOT NULL,
	key TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (kind, key)
) WITHOUT ROWID`

// ErrInUse is a state that another process has open.
var ErrInUse = errors.New("in use by another fobaws; stop that one, or choose another folder with fobaws serve --state")

// A Journal is an open state file. It is a [store.Journal].
type Journal struct {
	db   *sql.DB
	path string
}

// Open opens the state in a folder, and makes folder and file where they are
// missing, for the owner alone.
func Open(ctx context.Context, folder string) (*Journal, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(folder, fileName))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	// SQLite would make the file with the process's mask; the files beside it
	// get the mode of this one.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	// Only the first transaction that writes takes an exclusively locked file,
	// for good (SQLite, PRAGMA locking_mode): so that of prepare is one, as all
	// are.
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"_pragma": {"locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	j := &Journal{db: db, path: path}
	if err := j.prepare(ctx); err != nil {
		if isBusy(err) {
			err = ErrInUse
		}
		return nil, errors.Join(fmt.Errorf("state %s: %w", path, err), db.Close())
	}
	return j, nil
}

// isBusy tells whether another process has the file, by the primary result code
// (SQLite, "Result and error codes": the low byte).
func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// Shared tells whether others than the owner may read the file, which holds
// keys and seeds.
func (j *Journal) Shared() bool {
	info, err := os.Stat(j.path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}

// Path is the state's file.
func (j *Journal) Path() string { return j.path }

// prepare takes the file for this process, checks it, and gives an empty one
// its schema.
func (j *Journal) prepare(ctx context.Context) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // without effect after Commit
	var mark, version, tables int
	for _, q := range []struct {
		text string
		into *int
	}{
		{"PRAGMA application_id", &mark},
		{"PRAGMA user_version", &version},
		{"SELECT count(*) FROM sqlite_schema", &tables},
	} {
		if err := tx.QueryRowContext(ctx, q.text).Scan(q.into); err != nil {
			return err
		}
	}
	switch {
	case mark == 0 && version == 0 && tables == 0:
		for _, text := range []string{
			schema,
			fmt.Sprintf("PRAGMA application_id = %d", applicationID),
			fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
		} {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return err
			}
		}
	case mark != applicationID:
		return errors.New("not a state of fobaws")
	case version != schemaVersion:
		return fmt.Errorf("schema version %d, this fobaws knows %d", version, schemaVersion)
	}
	var verdict string
	if err := tx.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("damaged: %s", verdict)
	}
	return tx.Commit()
}

// Load calls yield with every record.
func (j *Journal) Load(yield func(store.Change) error) (err error) {
	rows, err := j.db.Query("SELECT kind, key, value FROM records")
	if err != nil {
		return fmt.Errorf("state %s: %w", j.path, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c store.Change
		if err := rows.Scan(&c.Kind, &c.Key, &c.Value); err != nil {
			return fmt.Errorf("state %s: %w", j.path, err)
		}
		if err := yield(c); err != nil {
			return fmt.Errorf("state %s: %w", j.path, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("state %s: %w", j.path, err)
	}
	return nil
}

// Commit keeps the changes, all or none, synced to disk.
func (j *Journal) Commit(ctx context.Context, changes []store.Change) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("state %s: %w", j.path, err)
	}
	defer func() { _ = tx.Rollback() }() // without effect after Commit
	for _, c := range changes {
		if c.Value == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM records WHERE kind = ? AND key = ?", c.Kind, c.Key)
		} else {
			_, err = tx.ExecContext(ctx, "INSERT INTO records (kind, key, value) VALUES (?, ?, ?) "+
				"ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value", c.Kind, c.Key, c.Value)
		}
		if err != nil {
			return fmt.Errorf("state %s: %w", j.path, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("state %s: %w", j.path, err)
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error {
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("state %s: %w", j.path, err)
	}
	return nil
}
