// Command prepare compiles PDFium for this machine, so that the first PDF that a person adds need not wait for it; the
// set-up calls it.
//
//	prepare DIR
package main

import (
	"fmt"
	"os"

	"kakoi/core/ingest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: prepare DIR")
		os.Exit(2)
	}
	if err := ingest.Prepare(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
