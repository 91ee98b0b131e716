// Package early silences the log package before the window's toolkit starts, which happens while packages are initialised: it
// complains there about locales such as "C", and every command would print that. Go initialises packages in the order of
// their paths as soon as all that they import is ready; this one imports so little that it comes before the toolkit's.
// The program sends the log to its file once a data folder is open.
package early

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
