// Manual writes the programs' manual pages, section 1, from their commands:
// manual DIR.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/cmd/internal/fob"
	"github.com/fob-auth/fob/cmd/internal/fobaws"
	"github.com/fob-auth/fob/cmd/internal/fobd"
	"github.com/fob-auth/fob/cmd/internal/fobemu"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manual DIR")
		os.Exit(cli.ExitUsage)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(cli.ExitFailed)
	}
}

// write puts a page for each command into dir. The pages carry no date, so that
// the same commands make the same pages.
func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, root := range []*cobra.Command{fob.Command(), fobd.Command(), fobemu.Command(), fobaws.Command()} {
		if err := pages(dir, root); err != nil {
			return err
		}
	}
	return nil
}

func pages(dir string, c *cobra.Command) error {
	var errs []error
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			errs = append(errs, pages(dir, sub))
		}
	}
	c.DisableAutoGenTag = true
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	var page bytes.Buffer
	header := &doc.GenManHeader{Title: strings.ToUpper(name), Section: "1", Source: "fob", Manual: "fob", Date: &time.Time{}}
	if err := doc.GenMan(c, header, &page); err != nil {
		return err
	}
	if name == "fob" {
		page.WriteString(exitStatus())
	}
	return errors.Join(append(errs, os.WriteFile(filepath.Join(dir, name+".1"), undated(page.Bytes()), 0o644))...)
}

// undated empties the date in a page's first line, which cobra always writes.
func undated(page []byte) []byte {
	return bytes.Replace(page, []byte(time.Time{}.Format(`"Jan 2006"`)), []byte(`""`), 1)
}

// exitStatus is the table of fob's exit statuses.
func exitStatus() string {
	var b strings.Builder
	b.WriteString("\n.SH EXIT STATUS\n.TP\n\\fB0\\fP\nall went well\n")
	for _, row := range api.Codes() {
		fmt.Fprintf(&b, ".TP\n\\fB%d\\fP (%s)\n%s\n", row.Exit, strings.ReplaceAll(string(row.Code), "_", `\(ul`), strings.ReplaceAll(row.Meaning, "'", `\(aq`))
	}
	return b.String()
}
