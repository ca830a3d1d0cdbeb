// Command fob is what people type, and what the AWS config names as
// credential_process.
package main

import (
	"os"

	"github.com/fob-auth/fob/cmd/internal/fob"
)

func main() { os.Exit(fob.Main()) }
