// Command fobd is the agent: it owns the tokens and the sessions.
package main

import (
	"os"

	"github.com/fob-auth/fob/cmd/internal/fobd"
)

func main() { os.Exit(fobd.Main()) }
