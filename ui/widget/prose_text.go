package widget

import "fyne.io/fyne/v2"

// Run is a stretch of a Prose in one look.
type Run struct {
	Text  string
	Bold  bool
	Color fyne.ThemeColorName // "" is the foreground
	Under fyne.ThemeColorName // colour of a line under it; "" is none
	Back  fyne.ThemeColorName // colour behind it; "" is none
	Tap   func()              // nil: it does nothing
	Note  string              // said while the pointer is over it
	Aside bool                // no part of the text that is selected and copied
}

// laid is a Prose's text in lines for a width.
type laid struct {
	rs    []rune
	of    []int // run of each character
	lines []span
	width float32
}

// lay wraps runs.
func lay(runs []Run, r *Ruler, width float32) laid {
	n := 0
	for _, run := range runs {
		n += len(run.Text)
	}
	l := laid{rs: make([]rune, 0, n), of: make([]int, 0, n), width: width}
	for i, run := range runs {
		for _, c := range run.Text {
			l.rs = append(l.rs, c)
			l.of = append(l.of, i)
		}
	}
	l.lines = wrap(l.rs, width, func(start, end int) float32 { return l.measure(runs, r, start, end) })
	return l
}

// measure is the width of a stretch that may go over several runs.
func (l laid) measure(runs []Run, r *Ruler, start, end int) float32 {
	w := float32(0)
	for start < end {
		stop := l.sameRun(start, end)
		w += r.Width(string(l.rs[start:stop]), runs[l.of[start]].Bold)
		start = stop
	}
	return w
}

// sameRun is the end of the stretch from start on that is of one run, at most end.
func (l laid) sameRun(start, end int) int {
	stop := start + 1
	for stop < end && l.of[stop] == l.of[start] {
		stop++
	}
	return stop
}

// at finds the character under a point of the text, and whether the point is on it rather than beside it.
func (l laid) at(runs []Run, r *Ruler, x, y, lineHeight float32) (index int, on bool) {
	row := int(y / lineHeight)
	if y < 0 || len(l.lines) == 0 {
		return 0, false
	}
	if row >= len(l.lines) {
		return len(l.rs), false
	}
	line := l.lines[row]
	at := float32(0)
	for i := line.start; i < line.end; i++ {
		w := r.Width(string(l.rs[i]), runs[l.of[i]].Bold)
		if x < at+w {
			if x > at+w/2 {
				return i + 1, true
			}
			return i, true
		}
		at += w
	}
	return line.end, false
}

// text is what is copied of a stretch.
func (l laid) text(runs []Run, start, end int) string {
	var out []rune
	for i := max(0, start); i < min(end, len(l.rs)); i++ {
		if !runs[l.of[i]].Aside {
			out = append(out, l.rs[i])
		}
	}
	return string(out)
}
