package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// maxFile bounds a state file and its log: pruned, it stays far below a
	// megabyte.
	maxFile = 64 << 20
	// scratchPrefix names the folders in which a copy is examined.
	scratchPrefix = "examine-"
)

// suffixes are what SQLite appends to the file's name for its own files.
func suffixes() []string { return []string{"", "-wal", "-shm"} }

// connect opens one connection to a database file. The pool would open the
// path again, whatever is there by then, if a connection failed: so there is
// no second one.
func connect(ctx context.Context, path string) (_ *sql.DB, _ *sql.Conn, err error) {
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "mode=rw"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	if err := prepare(ctx, conn); err != nil {
		return nil, nil, errors.Join(err, conn.Close(), db.Close())
	}
	return db, conn, nil
}

// prepare sets the connection up. Exclusive locking comes before WAL: then
// SQLite keeps the log's index in its own memory, and no other program changes
// the file meanwhile.
func prepare(ctx context.Context, conn *sql.Conn) error {
	for _, pragma := range []string{"busy_timeout = 2000", "locking_mode = EXCLUSIVE", "synchronous = FULL", "wal_autocheckpoint = 256"} {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %s", mode)
	}
	return nil
}

// examine reads a copy of the state file to the last row, so that SQLite never
// touches a file that turns out to be damaged or a newer agent's.
func examine(ctx context.Context, path string) (finding, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), scratchPrefix)
	if err != nil {
		return finding{}, fmt.Errorf("examine state file: %w", err)
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, fileName)
	there, err := copyFile(path, copied)
	if err == nil && there {
		_, err = copyFile(path+"-wal", copied+"-wal")
	}
	found := finding{there: there}
	if err == nil && there {
		found.meta, err = inspect(ctx, copied)
	}
	var newer *VersionError
	switch {
	case err == nil:
		return found, nil
	case errors.As(err, &found.damage):
		return found, nil
	case errors.As(err, &newer):
		newer.File = path
		return finding{}, newer
	}
	return finding{}, fmt.Errorf("examine state file %s: %w", path, err)
}

// sweep removes the copies that a crash left.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), scratchPrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("state folder: %w", err)
		}
	}
	return nil
}

// copyFile copies a regular file, and says whether it was there.
func copyFile(from, to string) (bool, error) {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return true, fmt.Errorf("%s is not a regular file", from)
	}
	if info.Size() > maxFile {
		return true, damaged("%d bytes are more than it ever holds", info.Size())
	}
	src, err := os.Open(from)
	if err != nil {
		return true, err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return true, err
	}
	_, err = io.Copy(dst, io.LimitReader(src, maxFile))
	return true, errors.Join(err, dst.Close())
}

// inspect opens a copy and checks all of it.
func inspect(ctx context.Context, path string) (meta, error) {
	db, conn, err := connect(ctx, path)
	if err != nil {
		return meta{}, blame(err)
	}
	m, err := check(ctx, conn)
	// What closing a damaged copy says tells nothing new.
	_ = conn.Close()
	_ = db.Close()
	return m, blame(err)
}

// blame makes damage of every SQLite error that the surroundings aren't to
// blame for (SQLite, Result and Error Codes).
func blame(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS:
		return damaged("%v", e)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
		sqlite3.SQLITE_AUTH, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return err
	}
	return damaged("%v", e)
}

func check(ctx context.Context, conn *sql.Conn) (meta, error) {
	version, err := checkVersion(ctx, conn)
	if err != nil {
		return meta{}, err
	}
	var verdict string
	if err := conn.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return meta{}, err
	}
	if verdict != "ok" {
		return meta{}, damaged("integrity check: %s", verdict)
	}
	if err := checkSchema(ctx, conn, version); err != nil {
		return meta{}, err
	}
	m, err := readMeta(ctx, conn)
	if errors.Is(err, sql.ErrNoRows) {
		return meta{}, damaged("the meta row is missing")
	}
	if err == nil && m.version != version {
		err = damaged("header and meta row are of different versions")
	}
	if err != nil {
		return meta{}, err
	}
	total, err := sumRows(ctx, conn, version)
	if err != nil {
		return meta{}, err
	}
	if total != m.sum {
		return meta{}, damaged("the rows are not those that were written")
	}
	return m, checkWritable(ctx, conn, version)
}

// checkVersion returns the version of a file that this agent reads. It tells a
// newer agent's file from a flipped byte: there the header and the meta row
// agree.
func checkVersion(ctx context.Context, conn *sql.Conn) (int64, error) {
	var header, row int64
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&header); err != nil {
		return 0, err
	}
	if header >= firstVersion && header <= schemaVersion {
		return header, nil
	}
	err := conn.QueryRowContext(ctx, "SELECT version FROM meta").Scan(&row)
	if err == nil && row == header && row > schemaVersion {
		return 0, &VersionError{Found: row, Known: schemaVersion}
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		return 0, err
	}
	return 0, damaged("schema version %d was never written", header)
}

func checkSchema(ctx context.Context, conn *sql.Conn, version int64) error {
	rows, err := conn.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
	if err != nil {
		return err
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return damaged("schema: %v", err)
		}
		found = append(found, text)
	}
	want := schema(version)
	slices.Sort(want)
	slices.Sort(found)
	if err := rows.Err(); err != nil {
		return err
	}
	if !slices.Equal(found, want) {
		return damaged("the schema is not the one that was written")
	}
	return nil
}

// sumRows computes the digest of all rows anew.
func sumRows(ctx context.Context, q queryer, version int64) (sum, error) {
	var total sum
	for _, t := range tables(version) {
		rows, err := selectRows(ctx, q, t, "")
		if err != nil {
			return sum{}, err
		}
		for _, r := range rows {
			total = total.plus(hashRow(t.name, r))
		}
	}
	return total, nil
}

// checkWritable finds a header that makes the file read-only, and an empty
// index whose page is of another kind, which the integrity check passes over:
// a row that nobody writes goes into each table, and all of it is undone.
func checkWritable(ctx context.Context, conn *sql.Conn, version int64) error {
	steps := []string{"BEGIN IMMEDIATE", "UPDATE meta SET generation = generation"}
	for _, t := range tables(version) {
		steps = append(steps, fmt.Sprintf("INSERT INTO %s VALUES ('-1'%s)", t.name, strings.Repeat(", '-1'", len(t.columns)-1)))
	}
	for _, step := range append(steps, "ROLLBACK") {
		if _, err := conn.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a new ledger in place of what was found. The witnesses learn of
// it first: whatever fails from here on, the next opening finds a loss and no
// first run.
func (s *Store) begin(ctx context.Context, path string, o *Opening, reach time.Time) (meta, error) {
	var c Closure
	if o.Kind != Fresh {
		c = closedAt(o.Kind, o.Reason, o.At, reach)
	}
	m := newMeta(c, reach)
	if err := settleWitnesses(s.witnesses, m.witness()); err != nil {
		return meta{}, err
	}
	aside, err := putAside(path, o.Kind, o.At)
	if err != nil {
		return meta{}, fmt.Errorf("put state file aside: %w", err)
	}
	o.Aside = aside
	if err := create(ctx, path, m); err != nil {
		return meta{}, fmt.Errorf("begin state file: %w", err)
	}
	return m, syncFolder(filepath.Dir(path))
}

// putAside renames the file and SQLite's own beside it, and returns the new
// names. Nothing that is there is overwritten.
func putAside(path string, kind Kind, at time.Time) ([]string, error) {
	base := path + "." + string(kind) + "-" + at.UTC().Format("20060102T150405Z")
	aside := base
	for n := 2; occupied(aside); n++ {
		aside = fmt.Sprintf("%s-%d", base, n)
	}
	var moved []string
	for _, suffix := range suffixes() {
		err := os.Rename(path+suffix, aside+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return moved, err
		}
		moved = append(moved, aside+suffix)
	}
	return moved, nil
}

func occupied(path string) bool {
	for _, suffix := range suffixes() {
		if _, err := os.Lstat(path + suffix); err == nil {
			return true
		}
	}
	return false
}

// create writes an empty ledger.
func create(ctx context.Context, path string, m meta) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, conn, err := connect(ctx, path)
	if err != nil {
		return err
	}
	steps := append([]string{"BEGIN IMMEDIATE"}, schema(m.version)...)
	for _, step := range append(steps, fmt.Sprintf("PRAGMA user_version = %d", m.version)) {
		if _, err = conn.ExecContext(ctx, step); err != nil {
			break
		}
	}
	if err == nil {
		places := strings.Repeat(", ?", len(m.values())+1)
		_, err = conn.ExecContext(ctx, "INSERT INTO meta VALUES (1"+places+")", append(m.values(), m.seal())...)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	return errors.Join(err, conn.Close(), db.Close())
}
