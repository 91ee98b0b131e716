package widget

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"kakoi/app/amount"
)

// ChooserMode is what a person is to choose.
type ChooserMode int

const (
	ChooseFiles  ChooserMode = iota // one or several files
	ChooseFolder                    // one or several folders; without a mark the one that is shown
	ChooseSave                      // where to write a file
)

// chooser is the state of the file chooser. All methods are called on the window's goroutine; folders are read in others and come
// back through post.
type chooser struct {
	mode    ChooserMode
	filter  []string // ".pdf"; none: every file
	home    string
	text    func(key string, args ...any) string
	post    func(func())
	work    func(func())
	changed func()         // the view looks again
	done    func([]string) // chosen: the view closes

	folder   string
	all      []folderEntry
	rows     []folderEntry // what is shown of all
	reading  bool
	problem  string // why the folder cannot be shown
	refusal  string // why what a person did does not go; gone with the next step
	hidden   bool
	cursor   int
	anchor   int // where a range of marks begins
	marked   map[string]bool
	back     []string
	places   []chooserPlace
	turn     int // of reading: an older one that comes late is dropped
	lookTurn int // of looking at a typed path, likewise

	name     string // of the file to save
	existing string // path that would be written over; the view asks

	proposals   []string // names the typed path may go on with
	proposedDir string
	proposedAll []folderEntry
	proposeTurn int

	jumping   string
	jumpedAt  time.Time
	clickedAt time.Time
	clicked   int
}

const (
	jumpPause   = time.Second
	doubleClick = 400 * time.Millisecond
)

func newChooser(p ChooserParams, home string) *chooser {
	return &chooser{
		mode: p.Mode, filter: p.Filter, home: home, text: p.Text, post: p.Post, name: p.Name,
		work: func(f func()) { go f() }, changed: func() {}, marked: map[string]bool{}, clicked: -1,
	}
}

// start shows the first folder and finds the places.
func (c *chooser) start(dir string, recent []string) {
	if dir == "" {
		dir = c.home
	}
	if dir == "" {
		dir = "/"
	}
	c.load(filepath.Clean(dir), "")
	c.work(func() {
		places := findPlaces(c.home, recent)
		c.post(func() {
			c.places = places
			c.changed()
		})
	})
}

// open goes to a folder.
func (c *chooser) open(dir string) {
	if dir != c.folder {
		c.back = append(c.back, c.folder)
	}
	c.load(dir, "")
}

// up goes to the folder above; the cursor stands on the one that was left.
func (c *chooser) up() {
	above := filepath.Dir(c.folder)
	if above == c.folder {
		return
	}
	c.back = append(c.back, c.folder)
	c.load(above, filepath.Base(c.folder))
}

// goBack returns to the folder shown before.
func (c *chooser) goBack() {
	if len(c.back) == 0 {
		return
	}
	last := len(c.back) - 1
	dir := c.back[last]
	c.back = c.back[:last]
	c.load(dir, filepath.Base(c.folder))
}

// load reads a folder and puts the cursor on the entry at, where there is one. The old rows stay until the new ones come.
func (c *chooser) load(dir, at string) {
	c.turn++
	c.lookTurn++
	turn := c.turn
	c.folder, c.problem, c.refusal, c.existing, c.reading = dir, "", "", "", true
	c.proposals = nil
	clear(c.marked)
	c.changed()
	c.work(func() {
		entries, err := readFolder(dir)
		c.post(func() {
			if turn != c.turn {
				return
			}
			c.reading, c.all, c.problem = false, entries, c.why(dir, err)
			c.show(at)
		})
	})
}

// why is the sentence for a folder that cannot be read.
func (c *chooser) why(dir string, err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrPermission):
		return c.text("chooser.denied", dir)
	case errors.Is(err, fs.ErrNotExist):
		return c.text("chooser.missing", dir)
	}
	return c.text("chooser.unreadable", dir, err.Error())
}

// show picks the rows out of all entries.
func (c *chooser) show(at string) {
	c.rows = c.rows[:0:0]
	for _, e := range c.all {
		if e.hidden() && !c.hidden || !e.folder && (c.mode == ChooseFolder || !c.fits(e.name)) {
			continue
		}
		c.rows = append(c.rows, e)
	}
	c.cursor = max(0, slices.IndexFunc(c.rows, func(e folderEntry) bool { return e.name == at }))
	c.anchor, c.clicked = c.cursor, -1
	c.changed()
}

func (c *chooser) fits(name string) bool {
	return len(c.filter) == 0 || slices.Contains(c.filter, strings.ToLower(filepath.Ext(name)))
}

// toggleHidden shows or hides what begins with a dot.
func (c *chooser) toggleHidden() {
	c.hidden = !c.hidden
	at := ""
	if e, ok := c.current(); ok {
		at = e.name
	}
	c.show(at)
}

// current is the entry under the cursor.
func (c *chooser) current() (folderEntry, bool) {
	if c.reading || c.cursor < 0 || c.cursor >= len(c.rows) {
		return folderEntry{}, false
	}
	return c.rows[c.cursor], true
}

// move steps the cursor; with extend, everything from where it stood is marked.
func (c *chooser) move(delta int, extend bool) { c.moveTo(c.cursor+delta, extend) }

func (c *chooser) moveTo(row int, extend bool) {
	if c.reading || len(c.rows) == 0 {
		return
	}
	c.cursor, c.refusal = min(max(row, 0), len(c.rows)-1), ""
	if extend {
		c.markRange()
	} else {
		c.anchor = c.cursor
	}
	c.offerName()
	c.changed()
}

// offerName takes the file under the cursor as the name to save under.
func (c *chooser) offerName() {
	if e, ok := c.current(); ok && c.mode == ChooseSave && !e.folder {
		c.name, c.existing = e.name, ""
	}
}

// markable says whether an entry is of the kind that is chosen.
func (c *chooser) markable(e folderEntry) bool {
	return c.mode == ChooseFiles && !e.folder || c.mode == ChooseFolder && e.folder
}

func (c *chooser) markRange() {
	clear(c.marked)
	for _, e := range c.rows[min(c.anchor, c.cursor) : max(c.anchor, c.cursor)+1] {
		if c.markable(e) {
			c.marked[e.name] = true
		}
	}
}

// toggle marks the entry under the cursor, or takes its mark away.
func (c *chooser) toggle() {
	e, ok := c.current()
	if !ok || !c.markable(e) {
		return
	}
	if c.marked[e.name] {
		delete(c.marked, e.name)
	} else {
		c.marked[e.name] = true
	}
	c.anchor = c.cursor
	c.changed()
}

// markAll marks everything, or nothing when everything was marked.
func (c *chooser) markAll() {
	before := len(c.marked)
	for _, e := range c.rows {
		if c.markable(e) && !c.reading {
			c.marked[e.name] = true
		}
	}
	if len(c.marked) == before {
		clear(c.marked)
	}
	c.changed()
}

// click is a press of the mouse on a row; two of them close together open it.
func (c *chooser) click(row int, toggle, extend bool, at time.Time) {
	if c.reading || row < 0 || row >= len(c.rows) {
		return
	}
	double := row == c.clicked && at.Sub(c.clickedAt) < doubleClick && !toggle && !extend
	c.clicked, c.clickedAt = row, at
	c.cursor, c.refusal = row, ""
	switch {
	case double:
		c.clicked = -1
		c.enter()
		return
	case extend:
		c.markRange()
	case toggle:
		c.toggle()
	default:
		clear(c.marked)
		c.anchor = row
		if e := c.rows[row]; c.mode == ChooseFiles && c.markable(e) {
			c.marked[e.name] = true
		}
	}
	c.offerName()
	c.changed()
}

// jump puts the cursor on the next entry that begins with what was typed within a second.
func (c *chooser) jump(r rune, at time.Time) {
	if c.reading || len(c.rows) == 0 || unicode.IsSpace(r) { // the space bar marks
		return
	}
	from := c.cursor
	if at.Sub(c.jumpedAt) > jumpPause {
		c.jumping = ""
		from++ // a new letter goes on to the next one
	}
	c.jumping, c.jumpedAt = c.jumping+string(r), at
	wanted := fold(c.jumping)
	for i := range c.rows {
		if row := (from + i) % len(c.rows); strings.HasPrefix(c.rows[row].order, wanted) {
			c.moveTo(row, false)
			return
		}
	}
}

// note is what stands in place of the rows: why there are none. "" while there are some.
func (c *chooser) note() string {
	switch {
	case c.problem != "":
		return c.problem
	case c.reading || len(c.rows) > 0:
		return ""
	case len(c.all) == 0:
		return c.text("chooser.empty")
	case c.mode == ChooseFolder:
		return c.text("chooser.nofolders")
	case len(c.filter) > 0:
		return c.text("chooser.nofit", strings.Join(c.filter, ", "))
	}
	return c.text("chooser.onlyhidden")
}

// status is the line below the rows.
func (c *chooser) status() string {
	switch {
	case c.refusal != "":
		return c.refusal
	case c.existing != "":
		return c.text("chooser.exists", filepath.Base(c.existing))
	case c.reading:
		return c.text("chooser.reading")
	case len(c.marked) > 0 && c.mode == ChooseFolder:
		return c.text("chooser.marked.folders", len(c.marked))
	case len(c.marked) > 0:
		var total int64
		for _, e := range c.rows {
			if c.marked[e.name] {
				total += e.size
			}
		}
		return c.text("chooser.marked", len(c.marked), amount.Bytes(total))
	}
	return c.text("chooser.items", len(c.rows))
}
