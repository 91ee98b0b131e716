package main

import (
	"context"
	"fmt"
)

// copies are where the bytes of what is to be removed are besides the library.
type copies struct {
	inside  int    // daily backups in the data folder, which go with it
	undo    bool   // what is kept to undo a restore or a repair goes, too
	outside int    // daily backups elsewhere, which stay
	folder  string // of those
}

// copies looks for them before a removal.
func (c *call) copies(ctx context.Context) (out copies) {
	st, err := c.host.backups(c).Status(ctx)
	switch {
	case err != nil: // the folder is of a disk that is not there, say
	case st.Inside:
		out.inside = len(st.Kept)
	default:
		out.outside, out.folder = len(st.Kept), st.Folder
	}
	_, out.undo, _ = c.host.keep.Undoable() // of a mark that cannot be read the removal tells itself
	return out
}

// warn says before a removal what goes with it.
func (k copies) warn(c *call) {
	if c.json || c.quiet {
		return
	}
	if k.inside > 0 {
		fmt.Fprintln(c.Err, c.text("documents.remove.backups.go", k.inside))
	}
	if k.undo {
		fmt.Fprintln(c.Err, c.text("documents.remove.undo"))
	}
}

// tell says after it what has gone, and where its bytes may still be.
func (k copies) tell(c *call) {
	if k.inside > 0 {
		c.say("cli.remove.backups", k.inside)
	}
	if k.undo {
		c.say("cli.remove.undo")
	}
	if k.outside > 0 {
		c.say("cli.backup.holds", sanitize(k.folder, false), k.outside)
	}
}
