// Command fobemu is the bench: emulated tokens, their clocks, buttons and
// faults.
package main

import (
	"os"

	"github.com/fob-auth/fob/cmd/internal/fobemu"
)

func main() { os.Exit(fobemu.Main()) }
