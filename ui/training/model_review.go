package training

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"kakoi/app"
	"kakoi/core"
	"kakoi/ui/widget"
)

// show is which rows the review shows.
type show string

const (
	showAll      show = "all"
	showOpen     show = "open"
	showKept     show = "kept"
	showDropped  show = "dropped"
	showRefusals show = "refusals"
	showHeld     show = "held"
)

var shows = []show{showAll, showOpen, showKept, showDropped, showRefusals, showHeld}

// entry is a row as the review keeps it: without the prompt, which is long.
type entry struct {
	id, question, answer string
	where                string // document and page
	source               *core.RowSource
	origin               core.RowOrigin
	state                core.RowState
	refusal, held        bool
	folded               string // what the filter looks through
}

// review is the table of a dataset's rows.
type review struct {
	m       *model
	set     string // Dataset.ID that is shown
	reads   int    // counts readings: only the last one's rows are taken
	reading bool
	all     []entry
	rows    []int // of all, that the filter lets through
	query   string
	show    show
	cursor  string // id
	anchor  string
	marked  map[string]bool
	undo    []undone
	writes  []func(context.Context) // under way and waiting
}

// undone takes one thing back that a person did to rows.
type undone struct {
	states map[string]core.RowState // as they were
	edited string                   // id after the edit; "": none
	before entry
}

// pageOf is how many rows are read at a time.
const pageOf = 1000

func (m *model) entry(r core.Row) entry {
	e := entry{id: r.ID, question: r.Question, answer: r.Answer, where: m.where(r.Source), source: r.Source, origin: r.Origin, state: r.State, refusal: r.Refusal, held: r.Held}
	if e.question == "" { // a file of inputs and labels
		e.question, e.answer = strings.TrimSpace(r.Inputs), strings.TrimSpace(r.Labels)
	}
	e.folded = fold(e.question + "\x00" + e.answer + "\x00" + e.where)
	return e
}

func fold(text string) string { return strings.ToLower(norm.NFKC.String(text)) }

// open shows the chosen dataset; anew says that all of it is read again.
func (r *review) open(anew bool) {
	d, ok := r.m.dataset()
	if !ok {
		r.set, r.all, r.rows = "", nil, nil
		return
	}
	if r.set == d.ID && !anew && (r.reading || r.same()) {
		return
	}
	if r.set != d.ID {
		r.cursor, r.anchor, r.undo, r.marked = "", "", nil, map[string]bool{}
		r.all, r.rows = nil, nil
	}
	r.set, r.reading = d.ID, true
	r.reads++
	reads := r.reads
	r.m.host.Go(func(ctx context.Context) {
		var all []entry
		for {
			page, err := r.m.datasets.Page(ctx, d.ID, app.RowFilter{}, len(all), pageOf)
			for _, row := range page.Rows {
				all = append(all, r.m.entry(row))
			}
			end := err != nil || len(page.Rows) == 0 || len(all) >= page.Total
			so := slices.Clip(all)
			r.m.host.Post(func() {
				if reads != r.reads {
					return
				}
				if err != nil {
					r.m.host.ShowError(err)
				}
				r.reading = !end
				r.all = so
				r.arrange()
				r.m.tell(changedRows)
			})
			if end {
				return
			}
		}
	})
}

// same says whether the rows that are shown are those of the record, as far as counts tell.
func (r *review) same() bool {
	d, ok := r.m.dataset()
	if !ok || len(r.all) != d.Counts.Rows {
		return false
	}
	kept, dropped := r.counts()
	return kept == d.Counts.Kept && dropped == d.Counts.Dropped
}

func (r *review) counts() (kept, dropped int) {
	for _, e := range r.all {
		switch e.state {
		case core.RowKept:
			kept++
		case core.RowDropped:
			dropped++
		}
	}
	return kept, dropped
}

// arrange filters.
func (r *review) arrange() {
	words := strings.Fields(fold(r.query))
	r.rows = r.rows[:0]
	for i := range r.all {
		e := &r.all[i]
		if r.lets(e) && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e.folded, w) }) {
			r.rows = append(r.rows, i)
		}
	}
	if r.place() < 0 && len(r.rows) > 0 {
		r.cursor = r.all[r.rows[0]].id
	}
}

func (r *review) lets(e *entry) bool {
	switch r.show {
	case showOpen:
		return e.state == core.RowOpen
	case showKept:
		return e.state == core.RowKept
	case showDropped:
		return e.state == core.RowDropped
	case showRefusals:
		return e.refusal
	case showHeld:
		return e.held
	}
	return true
}

func (r *review) setQuery(text string) {
	r.query = text
	r.arrange()
	r.m.tell(changedRows)
}

func (r *review) setShow(s show) {
	r.show = s
	r.arrange()
	r.m.tell(changedRows)
}

// at is a shown row.
func (r *review) at(row int) *entry { return &r.all[r.rows[row]] }

// place is where the cursor is among the shown rows; -1: not among them.
func (r *review) place() int {
	return slices.IndexFunc(r.rows, func(i int) bool { return r.all[i].id == r.cursor })
}

// current is the row at the cursor.
func (r *review) current() (*entry, bool) {
	i := r.place()
	if i < 0 {
		return nil, false
	}
	return r.at(i), true
}

// goTo follows a person to a row.
func (r *review) goTo(row int, how widget.Move) {
	if row < 0 || row >= len(r.rows) {
		return
	}
	from := max(0, r.place())
	r.cursor = r.at(row).id
	widget.Mark(r.marked, &r.anchor, how, from, row, len(r.rows), func(k int) string { return r.at(k).id })
	r.m.tell(changedMarks)
}

// markAll marks what the filter shows.
func (r *review) markAll() {
	for i := range r.rows {
		r.marked[r.at(i).id] = true
	}
	r.m.tell(changedMarks)
}

// chosen are the marked rows that are shown, or else that of the cursor.
func (r *review) chosen() []string {
	var out []string
	for i := range r.rows {
		if id := r.at(i).id; r.marked[id] {
			out = append(out, id)
		}
	}
	if e, ok := r.current(); ok && len(out) == 0 {
		out = append(out, e.id)
	}
	return out
}

// decide gives the chosen rows a state and goes on to the next row: a hand on three keys gets through a thousand rows.
func (r *review) decide(s core.RowState) {
	ids := r.chosen()
	if len(ids) == 0 {
		return
	}
	was := map[string]core.RowState{}
	at := r.place()
	want := set(ids)
	for i := range r.all {
		if e := &r.all[i]; want[e.id] {
			was[e.id] = e.state
		}
	}
	r.undo = append(r.undo, undone{states: was})
	one := len(r.marked) == 0
	clear(r.marked)
	r.put(s, ids)
	r.arrange()
	if one && len(r.rows) > 0 { // what the filter has taken away makes room by itself
		next := at
		if next < len(r.rows) && r.at(next).id == ids[0] {
			next++
		}
		r.cursor = r.at(min(next, len(r.rows)-1)).id
	}
	r.m.tell(changedRows)
}

func (r *review) find(id string) *entry {
	if i := slices.IndexFunc(r.all, func(e entry) bool { return e.id == id }); i >= 0 {
		return &r.all[i]
	}
	return nil
}

// put shows a state at once and writes it; where that fails, the rows are read anew.
func (r *review) put(s core.RowState, ids []string) {
	want := set(ids)
	for i := range r.all {
		if want[r.all[i].id] {
			r.all[i].state = s
		}
	}
	id := r.set
	r.m.settings.forget()
	r.write(func(ctx context.Context) {
		if err := r.m.datasets.SetState(ctx, id, s, ids...); err != nil {
			r.m.host.Post(func() { r.failed(err) })
		}
	})
}

func set(ids []string) map[string]bool {
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// write does things one after the other, in the order they were asked for: keys are quicker than a disk.
func (r *review) write(do func(ctx context.Context)) {
	r.writes = append(r.writes, do)
	if len(r.writes) > 1 {
		return // the goroutine that is at it comes to this one too
	}
	var next func()
	next = func() {
		do := r.writes[0]
		r.m.host.Go(func(ctx context.Context) {
			do(ctx)
			r.m.host.Post(func() {
				if r.writes = r.writes[1:]; len(r.writes) > 0 {
					next()
				}
			})
		})
	}
	next()
}

func (r *review) failed(err error) {
	r.m.host.ShowError(err)
	r.undo = nil
	r.open(true)
}

// edit writes a row's question and answer anew; then is called with the error, nil when it is done.
func (r *review) edit(id, question, answer string, then func(error)) {
	set := r.set
	r.write(func(ctx context.Context) {
		row, err := r.m.datasets.Edit(ctx, set, id, question, answer)
		r.m.host.Post(func() {
			if err == nil {
				r.edited(id, row)
			}
			then(err)
		})
	})
}

// edited takes a row as it is after an edit.
func (r *review) edited(id string, row core.Row) {
	e := r.find(id)
	if e == nil {
		return
	}
	r.undo = append(r.undo, undone{edited: row.ID, before: *e})
	*e = r.m.entry(row)
	if r.cursor == id {
		r.cursor = row.ID
	}
	r.m.settings.forget()
	r.arrange()
	r.m.tell(changedRows)
}

// takeBack undoes the last thing.
func (r *review) takeBack() {
	n := len(r.undo)
	if n == 0 {
		r.m.host.Toast(r.m.text("training.undo.none"))
		return
	}
	last := r.undo[n-1]
	r.undo = r.undo[:n-1]
	if last.edited != "" {
		before := last.before
		r.edit(last.edited, before.question, before.answer, func(err error) {
			if err != nil {
				r.failed(err)
				return
			}
			r.undo = r.undo[:len(r.undo)-1] // the way back is no step of its own
			if e := r.find(before.id); e != nil && e.state != before.state {
				r.put(before.state, []string{before.id})
			}
			r.arrange()
			r.m.tell(changedRows)
		})
		return
	}
	byState := map[core.RowState][]string{}
	for id, s := range last.states {
		byState[s] = append(byState[s], id)
		r.cursor = id
	}
	for s, ids := range byState {
		r.put(s, ids)
	}
	r.arrange()
	r.m.tell(changedRows)
}
