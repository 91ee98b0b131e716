package widget

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/text/unicode/norm"
)

// enter opens the folder under the cursor, or chooses the file.
func (c *chooser) enter() {
	e, ok := c.current()
	switch {
	case !ok:
	case e.folder:
		c.open(filepath.Join(c.folder, e.name))
	case c.mode == ChooseSave:
		c.name = e.name
		c.confirm()
	default:
		c.confirm()
	}
}

// confirm chooses: the marked entries, else what is under the cursor, the folder shown, or the name typed.
func (c *chooser) confirm() {
	if c.reading {
		return
	}
	switch c.mode {
	case ChooseSave:
		c.save()
		return
	case ChooseFolder:
		if len(c.marked) == 0 {
			if c.problem == "" {
				c.done([]string{c.folder})
			}
			return
		}
	case ChooseFiles:
		if e, ok := c.current(); len(c.marked) == 0 {
			if !ok {
				return
			}
			if e.folder {
				c.open(filepath.Join(c.folder, e.name))
				return
			}
			c.marked[e.name] = true
		}
	}
	var paths []string
	for _, e := range c.rows {
		if c.marked[e.name] {
			paths = append(paths, filepath.Join(c.folder, e.name))
		}
	}
	c.done(paths)
}

// save chooses the name typed. What is there already is asked about first.
func (c *chooser) save() {
	name := strings.TrimSpace(c.name)
	switch {
	case name == "" || name == "." || name == "..":
		c.refuse(c.text("chooser.noname"))
		return
	case strings.ContainsRune(name, filepath.Separator):
		c.goTyped(name)
		return
	}
	if len(c.filter) > 0 && !c.fits(name) {
		name += c.filter[0]
	}
	c.check(filepath.Join(c.folder, name))
}

// check looks at the path to save to.
func (c *chooser) check(path string) {
	c.lookTurn++
	turn := c.lookTurn
	c.work(func() {
		info, err := os.Stat(path)
		locked := unix.Access(filepath.Dir(path), unix.W_OK) != nil
		c.post(func() {
			switch {
			case turn != c.lookTurn:
			case err == nil && info.IsDir():
				c.open(path)
			case locked:
				c.refuse(c.text("chooser.readonly"))
			case err == nil:
				c.existing = path
				c.changed()
			default:
				c.done([]string{path})
			}
		})
	})
}

// overwrite is yes to the question whether to write over what is there.
func (c *chooser) overwrite() {
	if c.existing != "" {
		c.done([]string{c.existing})
	}
}

// keep is no to it.
func (c *chooser) keep() {
	c.existing = ""
	c.changed()
}

// refuse says why this cannot be chosen.
func (c *chooser) refuse(sentence string) {
	c.refusal = sentence
	c.changed()
}

// rename takes the name to save under as it is typed.
func (c *chooser) rename(name string) {
	if name == c.name {
		return
	}
	c.name, c.existing, c.refusal = name, "", ""
	c.changed()
}

// absolute is the path a person means: ~ is home, and what does not begin at the root begins at the folder shown.
func (c *chooser) absolute(typed string) string {
	typed = strings.TrimSpace(typed)
	switch {
	case typed == "~" || strings.HasPrefix(typed, "~/"):
		return filepath.Join(c.home, typed[1:])
	case filepath.IsAbs(typed):
		return filepath.Clean(typed)
	}
	return filepath.Join(c.folder, typed)
}

// goTyped goes to the folder typed, or chooses the file.
func (c *chooser) goTyped(typed string) {
	if strings.TrimSpace(typed) == "" {
		return
	}
	path := c.absolute(typed)
	c.lookTurn++
	turn := c.lookTurn
	c.work(func() {
		info, err := os.Stat(path)
		above := isFolder(filepath.Dir(path))
		c.post(func() {
			switch {
			case turn != c.lookTurn:
			case err == nil && info.IsDir():
				c.open(path)
			case c.mode == ChooseSave && above:
				c.back = append(c.back, c.folder)
				c.name = filepath.Base(path)
				c.load(filepath.Dir(path), c.name)
			case err != nil:
				c.refuse(c.why(path, err))
			case c.mode == ChooseFiles:
				c.done([]string{path})
			default:
				c.open(filepath.Dir(path))
			}
		})
	})
}

// typed looks for names that the path may go on with.
func (c *chooser) typed(text string) {
	c.proposeTurn++
	turn := c.proposeTurn
	dir, start := filepath.Split(c.absolute(text))
	if strings.HasSuffix(text, "/") {
		dir, start = c.absolute(text), ""
	}
	dir = filepath.Clean(dir)
	if text == "" || c.absolute(text) == c.folder && start != "" {
		c.proposals = nil
		c.changed()
		return
	}
	if dir == c.proposedDir {
		c.propose(start)
		return
	}
	c.work(func() {
		entries, err := readFolder(dir)
		c.post(func() {
			if turn != c.proposeTurn || err != nil {
				return
			}
			c.proposedDir, c.proposedAll = dir, entries
			c.propose(start)
		})
	})
}

func (c *chooser) propose(start string) {
	c.proposals = nil
	wanted := fold(start)
	for _, e := range c.proposedAll {
		if !strings.HasPrefix(e.order, wanted) || e.hidden() && !strings.HasPrefix(start, ".") {
			continue
		}
		switch {
		case e.folder:
			c.proposals = append(c.proposals, e.name+"/")
		case c.mode == ChooseFiles && c.fits(e.name):
			c.proposals = append(c.proposals, e.name)
		}
	}
	c.changed()
}

// completed is the typed path with what all proposals have in common.
func (c *chooser) completed(typed string) string {
	more := sharedStart(c.proposals)
	cut := strings.LastIndexByte(typed, '/') + 1
	if more == "" || len([]rune(norm.NFC.String(more))) < len([]rune(norm.NFC.String(typed[cut:]))) {
		return typed
	}
	return typed[:cut] + more
}

// hint names what the typed path may go on with.
func (c *chooser) hint() string {
	const shown = 6
	if len(c.proposals) == 0 {
		return ""
	}
	names := strings.Join(slices.Clone(c.proposals[:min(shown, len(c.proposals))]), "  ")
	if len(c.proposals) > shown {
		names += "  …"
	}
	return c.text("chooser.tab", names)
}
