package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Roll is a long column of rows of differing heights, of which only those in sight exist. Rows are known by a key, so that
// their heights and widgets outlive changes above them. It follows its end while a person has not scrolled away from it.
type Roll struct {
	fynewidget.BaseWidget
	// Keys names the rows, from top to bottom. A row whose look changes otherwise than through Update gets another key.
	Keys func() []string
	// Make makes a row's widget.
	Make func(row int) fyne.CanvasObject
	// Guess is a row's height in a width as long as it was not in sight.
	Guess func(row int, width float32) float32
	// Still leaves out the following of the end: for a text that is read from its beginning.
	Still bool
	// OnMoved is called after the rows in sight changed. May be nil.
	OnMoved func()

	scroll  *container.Scroll
	content *rollContent
	keys    []string
	tops    []float32 // of each row, and the end
	heights map[string]float32
	guesses map[string]float32           // of rows that were not in sight yet
	rows    map[string]fyne.CanvasObject // in sight, and a few that were
	width   float32
	follow  bool
	busy    bool
}

// keptRows bounds the widgets that are kept after they went out of sight.
const keptRows = 60

// NewRoll makes a Roll.
func NewRoll(keys func() []string, guess func(int, float32) float32, makeRow func(int) fyne.CanvasObject) *Roll {
	r := &Roll{Keys: keys, Guess: guess, Make: makeRow, heights: map[string]float32{}, guesses: map[string]float32{}, rows: map[string]fyne.CanvasObject{}, follow: true}
	r.content = &rollContent{roll: r}
	r.content.ExtendBaseWidget(r.content)
	r.scroll = container.NewVScroll(r.content)
	r.scroll.OnScrolled = func(fyne.Position) {
		if !r.busy {
			r.follow = r.atEnd()
			r.arrange()
		}
	}
	r.ExtendBaseWidget(r)
	r.keys = keys()
	return r
}

// CreateRenderer is fyne.Widget.
func (r *Roll) CreateRenderer() fyne.WidgetRenderer { return fynewidget.NewSimpleRenderer(r.scroll) }

// Resize is fyne.CanvasObject.
func (r *Roll) Resize(size fyne.Size) {
	changed := size != r.Size()
	r.BaseWidget.Resize(size)
	r.scroll.Resize(size)
	if changed {
		r.arrange()
	}
}

// Update takes the rows anew; those whose key stayed keep their widgets.
func (r *Roll) Update() {
	r.keys = r.Keys()
	known := make(map[string]bool, len(r.keys))
	for _, k := range r.keys {
		known[k] = true
	}
	for k := range r.rows {
		if !known[k] {
			delete(r.rows, k)
		}
	}
	for _, sizes := range []map[string]float32{r.heights, r.guesses} {
		for k := range sizes {
			if !known[k] {
				delete(sizes, k)
			}
		}
	}
	r.arrange()
}

// Remeasure says that the widget of a row changed its height.
func (r *Roll) Remeasure(key string) {
	delete(r.heights, key)
	r.arrange()
}

// Row is the widget of a row; nil while there is none.
func (r *Roll) Row(key string) fyne.CanvasObject { return r.rows[key] }

// Each calls fn with the widgets that exist.
func (r *Roll) Each(fn func(key string, o fyne.CanvasObject)) {
	for k, o := range r.rows {
		fn(k, o)
	}
}

// ToEnd goes to the end and follows it from now on.
func (r *Roll) ToEnd() {
	r.follow = true
	r.arrange()
}

// Following says whether the end stays in sight as the last row grows.
func (r *Roll) Following() bool { return r.follow }

// ToRow brings a row to the top.
func (r *Roll) ToRow(key string) {
	for i, k := range r.keys {
		if k == key && i < len(r.tops) {
			r.follow = false
			// Twice: rows that come into sight are measured on the way.
			for range 2 {
				r.ToOffset(r.tops[i])
			}
			return
		}
	}
}

// ToOffset scrolls to a distance from the top.
func (r *Roll) ToOffset(y float32) {
	r.follow = false // else it could not be left
	r.scroll.Offset.Y = y
	r.arrange()
	r.follow = r.atEnd()
}

func (r *Roll) atEnd() bool {
	return !r.Still && r.scroll.Offset.Y >= r.end()-r.scroll.Size().Height-2
}

// Offset is the distance from the top.
func (r *Roll) Offset() float32 { return r.scroll.Offset.Y }

// PageBy scrolls by a share of the height.
func (r *Roll) PageBy(share float32) { r.ToOffset(r.scroll.Offset.Y + share*r.scroll.Size().Height) }

func (r *Roll) end() float32 {
	if len(r.tops) == 0 {
		return 0
	}
	return r.tops[len(r.tops)-1]
}

// stack computes the tops.
func (r *Roll) stack() {
	r.tops = r.tops[:0]
	y := float32(0)
	for i, k := range r.keys {
		r.tops = append(r.tops, y)
		h, ok := r.heights[k]
		if !ok {
			if h, ok = r.guesses[k]; !ok {
				h = r.Guess(i, r.width)
				r.guesses[k] = h
			}
		}
		y += h
	}
	r.tops = append(r.tops, y)
}

// measure makes the rows in sight and measures them. It gives by how much what lies above the sight changed, and whether anything did.
func (r *Roll) measure() (above float32, changed bool) {
	top := r.scroll.Offset.Y
	bottom := top + r.scroll.Size().Height
	for i, k := range r.keys {
		if r.tops[i+1] <= top || r.tops[i] >= bottom {
			continue
		}
		o := r.rows[k]
		if o == nil {
			o = r.Make(i)
			r.rows[k] = o
		}
		if _, ok := r.heights[k]; ok {
			continue
		}
		h := HeightFor(o, r.width)
		r.heights[k] = h
		if old := r.tops[i+1] - r.tops[i]; h != old {
			changed = true
			if r.tops[i] < top && !r.follow {
				above += h - old
			}
		}
	}
	return above, changed
}

// arrange puts the rows in sight where they belong.
func (r *Roll) arrange() {
	size := r.scroll.Size()
	if size.Width <= 0 || size.Height <= 0 || r.busy {
		return
	}
	r.busy = true
	defer func() { r.busy = false }()
	if size.Width != r.width {
		anchor, inside := r.anchor()
		r.width = size.Width
		clear(r.heights)
		clear(r.guesses)
		r.stack()
		if anchor >= 0 && !r.follow {
			r.scroll.Offset.Y = r.tops[anchor] + inside
		}
	}
	for range 12 { // each round measures what came into sight; the last ones change nothing
		r.stack()
		room := max(0, r.end()-size.Height)
		if r.follow || r.scroll.Offset.Y > room {
			r.scroll.Offset.Y = room
		}
		r.scroll.Offset.Y = max(0, r.scroll.Offset.Y)
		above, changed := r.measure()
		if !changed {
			break
		}
		r.scroll.Offset.Y += above
	}
	r.show()
	r.scroll.Refresh()
	if r.OnMoved != nil {
		r.OnMoved()
	}
}

// anchor is the row at the top and how far into it the sight begins; -1: none.
func (r *Roll) anchor() (row int, inside float32) {
	for i := range r.keys {
		if i+1 < len(r.tops) && r.tops[i+1] > r.scroll.Offset.Y {
			return i, r.scroll.Offset.Y - r.tops[i]
		}
	}
	return -1, 0
}

// First is the key of the first row in sight, "" when there is none.
func (r *Roll) First() string {
	if i, _ := r.anchor(); i >= 0 {
		return r.keys[i]
	}
	return ""
}

// show gives the content the rows in sight.
func (r *Roll) show() {
	top, bottom := r.scroll.Offset.Y, r.scroll.Offset.Y+r.scroll.Size().Height
	r.content.objects = r.content.objects[:0]
	inSight := map[string]bool{}
	for i, k := range r.keys {
		o := r.rows[k]
		if o == nil || r.tops[i+1] <= top || r.tops[i] >= bottom {
			continue
		}
		inSight[k] = true
		o.Move(fyne.NewPos(0, r.tops[i]))
		o.Resize(fyne.NewSize(r.width, r.tops[i+1]-r.tops[i]))
		r.content.objects = append(r.content.objects, o)
	}
	if len(r.rows) > keptRows+len(inSight) {
		for k := range r.rows {
			if !inSight[k] {
				delete(r.rows, k)
			}
		}
	}
	r.content.Resize(fyne.NewSize(r.width, max(r.end(), r.scroll.Size().Height)))
}

// rollContent is what the Scroll moves.
type rollContent struct {
	fynewidget.BaseWidget
	roll    *Roll
	objects []fyne.CanvasObject
}

func (c *rollContent) CreateRenderer() fyne.WidgetRenderer { return &rollRenderer{c} }

// MinSize is as high as all rows.
func (c *rollContent) MinSize() fyne.Size { return fyne.NewSize(1, c.roll.end()) }

type rollRenderer struct{ content *rollContent }

func (r *rollRenderer) Destroy()                     {}
func (r *rollRenderer) Layout(fyne.Size)             {}
func (r *rollRenderer) MinSize() fyne.Size           { return r.content.MinSize() }
func (r *rollRenderer) Objects() []fyne.CanvasObject { return r.content.objects }
func (r *rollRenderer) Refresh()                     {}
