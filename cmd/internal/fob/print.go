package fob

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fob-auth/fob/cmd/internal/cli"
)

// print writes v as JSON where that is asked for, else as text makes it. One
// write, so that whoever reads gets all or nothing.
func (p *program) print(v any, text func(*page)) error {
	if p.json {
		return p.printJSON(v)
	}
	var b page
	text(&b)
	_, err := p.stdout.Write(b.bytes())
	return err
}

// printList prints a list. A locked agent tells of nothing, which must not pass
// for nothing being there: stderr says so.
func printList[T any](ctx context.Context, p *program, all []T, text func(*page)) error {
	if err := p.sayLocked(ctx, len(all)); err != nil {
		return err
	}
	return p.print(all, text)
}

// sayLocked says on stderr that a list is empty since the agent is locked.
func (p *program) sayLocked(ctx context.Context, listed int) error {
	if listed > 0 {
		return nil
	}
	s, err := p.client.Status(ctx)
	if err == nil && s.Locked {
		p.say("the agent is locked and tells of nothing; 'fob unlock' unlocks it")
	}
	return err
}

// printJSON writes v as one indented JSON document.
func (p *program) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	_, err := p.stdout.Write(b.Bytes())
	return err
}

// A page is text in columns.
type page struct {
	text    bytes.Buffer
	columns *tabwriter.Writer
}

// row adds a line of cells, aligned with those of the lines around it.
func (b *page) row(cells ...string) {
	if b.columns == nil {
		b.columns = tabwriter.NewWriter(&b.text, 0, 0, 2, ' ', 0)
	}
	for i, c := range cells {
		if c = cli.Clean(c); c == "" {
			c = "-"
		}
		if i > 0 {
			fmt.Fprint(b.columns, "\t")
		}
		fmt.Fprint(b.columns, c)
	}
	fmt.Fprintln(b.columns)
}

// line adds a line of its own.
func (b *page) line(format string, args ...any) {
	b.flush()
	fmt.Fprintln(&b.text, cli.Clean(fmt.Sprintf(format, args...)))
}

// drawing adds a QR code, of half blocks that are black on white whatever the
// terminal's colours are.
func (b *page) drawing(code string) {
	b.flush()
	for line := range strings.Lines(code) {
		line = strings.Map(func(r rune) rune {
			if strings.ContainsRune(" ▀▄█", r) {
				return r
			}
			return -1
		}, line)
		fmt.Fprintf(&b.text, "\x1b[30;107m%s\x1b[0m\n", line)
	}
}

func (b *page) flush() {
	if b.columns != nil {
		// It writes to memory, which doesn't fail.
		_ = b.columns.Flush()
		b.columns = nil
	}
}

func (b *page) bytes() []byte {
	b.flush()
	return b.text.Bytes()
}

// stamp writes a time as the user's clock shows it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// yes writes a truth as a cell.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
