//go:build !linux && !darwin

package fob

import "context"

// fullscreen isn't there: openTerminal finds no terminal here.
func (p *program) fullscreen(ctx context.Context, _ *terminal) error { return p.lines(ctx) }
