package chat

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/ui/widget"
)

// transcriptView is the middle: the rows of the shown branch, or what to do first.
type transcriptView struct {
	screen *Screen
	object *fyne.Container
	roll   *widget.Roll
	ruler  *widget.Ruler // of the text
	small  *widget.Ruler
	rows   []Row
	live   map[string]*liveRow
	marked *widget.Prose // has a selection
	empty  bool
}

func newTranscriptView(s *Screen) *transcriptView {
	v := &transcriptView{
		screen: s, live: map[string]*liveRow{},
		ruler: widget.NewRuler(themeSize(fynetheme.SizeNameText)),
		small: widget.NewRuler(themeSize(fynetheme.SizeNameCaptionText)),
	}
	v.roll = widget.NewRoll(v.keys, v.guess, func(i int) fyne.CanvasObject { return v.build(v.rows[i]) })
	v.object = container.NewStack(v.roll)
	return v
}

func (v *transcriptView) keys() []string {
	out := make([]string, len(v.rows))
	for i := range v.rows {
		out[i] = v.rows[i].Key
	}
	return out
}

// guess is a row's height before it was in sight: characters are about square.
func (v *transcriptView) guess(i int, width float32) float32 {
	r := &v.rows[i]
	height := func(r *Row, width float32) float32 {
		n := float32(0)
		for _, p := range r.Pieces {
			for _, c := range p.Text {
				if c < 0x2e80 {
					n += 0.5
				} else {
					n++
				}
			}
		}
		perLine := max(1, (width-40)/v.ruler.Size)
		return v.ruler.Line()*float32(1+int(n/perLine)) + 24
	}
	switch r.Kind {
	case RowQuestion, RowText:
		return height(r, width)
	case RowPair:
		most := float32(0)
		for _, one := range r.Pair {
			if one != nil {
				most = max(most, height(one, width/2))
			}
		}
		return most
	}
	return 60
}

// refresh takes the rows anew.
func (v *transcriptView) refresh() {
	m := v.screen.m
	if e, ok := m.Empty(); ok {
		v.rows, v.empty = nil, true
		v.roll.Update()
		v.object.Objects = []fyne.CanvasObject{v.emptyView(e)}
		v.object.Refresh()
		return
	}
	if v.empty || len(v.object.Objects) == 0 || v.object.Objects[0] != fyne.CanvasObject(v.roll) {
		v.empty = false
		v.object.Objects = []fyne.CanvasObject{v.roll}
		v.object.Refresh()
	}
	v.rows = m.Rows()
	for k := range v.live {
		if !slices.ContainsFunc(v.rows, func(r Row) bool { return r.Key == k }) {
			delete(v.live, k)
		}
	}
	v.roll.Update()
	v.updateLive()
}

// refreshLive changes the rows that grow, and nothing else while there are no new ones.
func (v *transcriptView) refreshLive() {
	from, rows, ok := v.screen.m.LiveRows(len(v.rows))
	if !ok {
		v.refresh()
		return
	}
	same := len(v.rows) == from+len(rows)
	for i := 0; same && i < len(rows); i++ {
		same = v.rows[from+i].Key == rows[i].Key
	}
	v.rows = append(v.rows[:from], rows...)
	if !same {
		v.roll.Update()
	}
	v.updateLive()
}

func (v *transcriptView) updateLive() {
	if len(v.live) == 0 {
		return
	}
	for i := range v.rows {
		if !v.rows[i].Live {
			continue
		}
		if l := v.live[v.rows[i].Key]; l != nil && l.update(v, v.rows[i]) {
			v.roll.Remeasure(v.rows[i].Key)
		}
	}
}

func (v *transcriptView) toEnd() { v.roll.ToEnd() }

// step goes to the question before (-1) or after (+1) the one at the top.
func (v *transcriptView) step(by int) {
	first := v.roll.First()
	at := slices.IndexFunc(v.rows, func(r Row) bool { return r.Key == first })
	if at < 0 {
		return
	}
	question := func(i int) bool { return v.rows[i].Kind == RowQuestion && v.rows[i].First }
	for i := at + by; i >= 0 && i < len(v.rows); i += by {
		if question(i) {
			v.roll.ToRow(v.rows[i].Key)
			return
		}
	}
	if by > 0 {
		v.roll.ToEnd()
		return
	}
	v.roll.ToOffset(0)
}

// selected is the text that is selected with the mouse.
func (v *transcriptView) selected() string {
	if v.marked == nil {
		return ""
	}
	return v.marked.Selected()
}

// prose makes a text of the transcript: what is selected in one goes in the others.
func (v *transcriptView) prose(r *widget.Ruler, runs ...widget.Run) *widget.Prose {
	p := widget.NewProse(r, runs...)
	p.OnNote = v.screen.showNote
	p.OnSelect = func(p *widget.Prose) {
		if v.marked != nil && v.marked != p {
			v.marked.Unselect()
		}
		v.marked = p
	}
	return p
}
