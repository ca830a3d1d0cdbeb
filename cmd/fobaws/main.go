// Command fobaws is a local AWS that enforces MFA as AWS does. It is
// documented in package github.com/fob-auth/fob/cmd/internal/fobaws.
package main

import (
	"os"

	"github.com/fob-auth/fob/cmd/internal/fobaws"
)

func main() { os.Exit(fobaws.Main()) }
