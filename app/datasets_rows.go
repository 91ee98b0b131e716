package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
)

// openDataset keeps the rows of the dataset that was last looked at, so that paging through 5,000 of them reads them once.
type openDataset struct {
	mu       sync.Mutex
	id       string
	changed  time.Time
	portions [][]core.Row
}

func (o *openDataset) forget(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.id == id {
		o.id, o.portions = "", nil
	}
}

// rows of a dataset as they are stored. Nobody changes them.
func (d *Datasets) rows(ctx context.Context, s record.Dataset) ([][]core.Row, error) {
	d.open.mu.Lock()
	defer d.open.mu.Unlock()
	if d.open.id == s.ID && d.open.changed.Equal(s.Changed) {
		return d.open.portions, nil
	}
	portions, damaged, err := d.book().Rows(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(damaged) > 0 {
		return nil, core.Explain(fmt.Errorf("rows of dataset %s: %w", s.ID, damaged[0].Err), "error.dataset.damaged", s.Name)
	}
	d.open.id, d.open.changed, d.open.portions = s.ID, s.Changed, portions
	return portions, nil
}

// RowFilter chooses rows; the zero value is all.
type RowFilter struct {
	Search  string // in the question and the answer, whatever the case
	Origin  core.RowOrigin
	State   *core.RowState
	Refusal *bool
	Held    *bool
}

func (f RowFilter) has(r core.Row) bool {
	switch {
	case f.Origin != "" && r.Origin != f.Origin, f.State != nil && r.State != *f.State, f.Refusal != nil && r.Refusal != *f.Refusal, f.Held != nil && r.Held != *f.Held:
		return false
	case f.Search == "":
		return true
	}
	wanted := strings.ToLower(f.Search)
	return strings.Contains(strings.ToLower(r.Question), wanted) || strings.Contains(strings.ToLower(r.Answer), wanted)
}

// RowPage is a page of rows.
type RowPage struct {
	Total  int // rows that the filter lets through
	Offset int // of Rows among them
	Rows   []core.Row
}

// Page gives n rows from offset on of those that the filter lets through; n <= 0 is all.
func (d *Datasets) Page(ctx context.Context, id string, f RowFilter, offset, n int) (RowPage, error) {
	s, err := d.head(ctx, id)
	if err != nil {
		return RowPage{}, err
	}
	portions, err := d.rows(ctx, s)
	if err != nil {
		return RowPage{}, err
	}
	page := RowPage{Offset: max(0, offset)}
	for _, p := range portions {
		for _, r := range p {
			if !f.has(r) {
				continue
			}
			if page.Total >= page.Offset && (n <= 0 || len(page.Rows) < n) {
				page.Rows = append(page.Rows, r)
			}
			page.Total++
		}
	}
	return page, nil
}

// Row is one row of a dataset, by its id or the beginning of it (4 digits or more).
func (d *Datasets) Row(ctx context.Context, id, row string) (core.Row, error) {
	s, err := d.head(ctx, id)
	if err != nil {
		return core.Row{}, err
	}
	portions, err := d.rows(ctx, s)
	if err != nil {
		return core.Row{}, err
	}
	p, i, err := findRow(portions, row)
	if err != nil {
		return core.Row{}, err
	}
	return portions[p][i], nil
}

func findRow(portions [][]core.Row, row string) (portion, place int, err error) {
	portion = -1
	for p, rows := range portions {
		for i, r := range rows {
			switch {
			case r.ID == row:
				return p, i, nil
			case len(row) >= 4 && strings.HasPrefix(r.ID, row):
				if portion >= 0 {
					return 0, 0, core.Explain(fmt.Errorf("row %q: several match: %w", row, core.ErrUsage), "error.dataset.rows_match", row)
				}
				portion, place = p, i
			}
		}
	}
	if portion < 0 {
		return 0, 0, core.Explain(fmt.Errorf("row %q: %w", row, core.ErrNotFound), "error.dataset.row", row)
	}
	return portion, place, nil
}

// Training are the rows to learn from and those that are held back, without dropped ones.
func (d *Datasets) Training(ctx context.Context, id string) (train, held []core.Row, err error) {
	page, err := d.Page(ctx, id, RowFilter{}, 0, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range page.Rows {
		switch {
		case r.State == core.RowDropped:
		case r.Held:
			held = append(held, r)
		default:
			train = append(train, r)
		}
	}
	return train, held, nil
}

// change rewrites the portions in which change says it has changed something, and the head's counts.
func (d *Datasets) change(ctx context.Context, id string, change func(s *record.Dataset, portions [][]core.Row) (touched map[int]bool, err error)) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	s, err := d.head(ctx, id)
	if err != nil {
		return err
	}
	stored, err := d.rows(ctx, s)
	if err != nil {
		return err
	}
	portions := make([][]core.Row, len(stored))
	for i, p := range stored {
		portions[i] = slices.Clone(p)
	}
	touched, err := change(&s, portions)
	if err != nil || len(touched) == 0 {
		return err
	}
	for i := range portions {
		if touched[i] {
			if err := d.book().PutRows(ctx, s.ID, i, portions[i]); err != nil {
				return err
			}
		}
	}
	s.Changed = time.Now().UTC()
	tally(&s, portions)
	if err := d.book().PutDataset(ctx, s); err != nil {
		return err
	}
	d.open.mu.Lock()
	d.open.id, d.open.changed, d.open.portions = s.ID, s.Changed, portions
	d.open.mu.Unlock()
	d.Bus.Tell(TopicDatasets)
	return nil
}

// SetState marks rows, each by its id or the beginning of it.
func (d *Datasets) SetState(ctx context.Context, id string, state core.RowState, rows ...string) error {
	if !slices.Contains([]core.RowState{core.RowOpen, core.RowKept, core.RowDropped}, state) {
		return fmt.Errorf("state %q of rows: %w", state, core.ErrUsage)
	}
	return d.change(ctx, id, func(_ *record.Dataset, portions [][]core.Row) (map[int]bool, error) {
		places := placesOf(portions)
		touched := map[int]bool{}
		for _, row := range rows {
			at, ok := places[row]
			if !ok {
				var err error
				if at[0], at[1], err = findRow(portions, row); err != nil {
					return nil, err
				}
			}
			if r := &portions[at[0]][at[1]]; r.State != state {
				r.State = state
				touched[at[0]] = true
			}
		}
		return touched, nil
	})
}

func placesOf(portions [][]core.Row) map[string][2]int {
	out := map[string][2]int{}
	for p, rows := range portions {
		for i, r := range rows {
			out[r.ID] = [2]int{p, i}
		}
	}
	return out
}

// RemoveRows takes rows out of a dataset.
func (d *Datasets) RemoveRows(ctx context.Context, id string, rows ...string) error {
	return d.change(ctx, id, func(_ *record.Dataset, portions [][]core.Row) (map[int]bool, error) {
		gone := map[string]bool{}
		touched := map[int]bool{}
		for _, row := range rows {
			p, i, err := findRow(portions, row)
			if err != nil {
				return nil, err
			}
			gone[portions[p][i].ID], touched[p] = true, true
		}
		for p := range touched {
			portions[p] = slices.DeleteFunc(portions[p], func(r core.Row) bool { return gone[r.ID] })
		}
		return touched, nil
	})
}

// Edit gives a row another question or another answer; empty ones stay. After another question the prompt is built anew, for which the
// models are loaded. The row counts as kept, and has another id. The answer of a refusal row becomes an ordinary answer.
//
// Errors: core.ErrNotFound, core.ErrUsage (a file gave this row's prompt: it has no question of its own; nothing is found for the
// question; there is such a row; a refusal is given a question that another row answers), core.ErrTooLarge.
func (d *Datasets) Edit(ctx context.Context, id, row, question, answer string) (core.Row, error) {
	question, answer = strings.TrimSpace(question), strings.TrimSpace(answer)
	old, err := d.Row(ctx, id, row)
	if err != nil {
		return core.Row{}, err
	}
	fresh := old
	if answer != "" && answer != old.Answer {
		fresh.Answer = answer
		fresh.Refusal = false
	}
	switch {
	case question == "" || question == old.Question:
		fresh = dataset.Relabel(fresh)
	case old.Question == "":
		return core.Row{}, core.Explain(fmt.Errorf("edit the question of row %s: %w", old.ID, core.ErrUsage), "error.dataset.given")
	default:
		if err := checkQuestion(question); err != nil {
			return core.Row{}, err
		}
		s, err := d.head(ctx, id)
		if err != nil {
			return core.Row{}, err
		}
		if fresh, err = d.rebuild(ctx, s, fresh, question); err != nil {
			return core.Row{}, err
		}
	}
	fresh.State = core.RowKept
	err = d.change(ctx, id, func(_ *record.Dataset, portions [][]core.Row) (map[int]bool, error) {
		p, i, err := findRow(portions, old.ID)
		if err != nil {
			return nil, err
		}
		if at, ok := placesOf(portions)[fresh.ID]; ok && at != [2]int{p, i} {
			return nil, core.Explain(fmt.Errorf("row %s after the edit: %w", fresh.ID, core.ErrUsage), "error.dataset.twice")
		}
		// A changed question that was changed back has its answer in the passages.
		if fresh.Refusal && fresh.Origin != core.RowWithout && fresh.Question != old.Question && answered(portions, fresh.Question) {
			return nil, core.Explain(fmt.Errorf("row %s after the edit: another row answers it: %w", old.ID, core.ErrUsage), "error.dataset.answered")
		}
		portions[p][i] = fresh
		return map[int]bool{p: true}, nil
	})
	return fresh, err
}

// answered says whether a row has an answer to a question.
func answered(portions [][]core.Row, question string) bool {
	return slices.ContainsFunc(portions, func(rows []core.Row) bool {
		return slices.ContainsFunc(rows, func(r core.Row) bool { return !r.Refusal && r.Question == question })
	})
}

// tally counts the rows, and the documents they are of.
func tally(s *record.Dataset, portions [][]core.Row) {
	c := record.DatasetCounts{Origins: map[core.RowOrigin]int{}}
	documents := map[string]*record.DatasetDocument{}
	for _, p := range portions {
		for _, r := range p {
			c.Rows++
			c.Origins[r.Origin]++
			of := func(id string) *record.DatasetDocument {
				if documents[id] == nil {
					documents[id] = &record.DatasetDocument{ID: id}
				}
				return documents[id]
			}
			if r.Source != nil {
				x := of(r.Source.Document)
				x.Name = r.Source.Name
				x.Rows++
				x.Held = r.Held
			}
			for _, id := range r.Shown {
				of(id).Shown++
			}
			switch r.State {
			case core.RowDropped:
				c.Dropped++
				continue
			case core.RowKept:
				c.Kept++
			default:
				c.Open++
			}
			if r.Refusal {
				c.Refusals++
			}
			if r.Held {
				c.Held++
			} else {
				c.Train++
			}
		}
	}
	s.Counts, s.Documents = c, []record.DatasetDocument{}
	for _, x := range documents {
		s.Documents = append(s.Documents, *x)
	}
	slices.SortFunc(s.Documents, func(a, b record.DatasetDocument) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	warn(s)
}

// fewRows to learn from are too few for a model to learn anything but them.
const fewRows = 20

// shortOf: a dataset that lacks more than one refusal of so many that were asked for is told so.
const shortOf = 5

// warn sets what a person should know of the rows before they train with them.
func warn(s *record.Dataset) {
	s.Warnings = []string{}
	add := func(is bool, key string) {
		if is {
			s.Warnings = append(s.Warnings, key)
		}
	}
	used := s.Counts.Train + s.Counts.Held
	add(used == 0, "dataset.warn.empty")
	add(used > 0 && s.Counts.Train < fewRows, "dataset.warn.few")
	add(used > 0 && s.Counts.Held == 0, "dataset.warn.held")
	add(used > 0 && s.Counts.Refusals == 0, "dataset.warn.refusals")
	// A few less than half the rows do no harm, and nobody is stopped for them: in a collection that says things twice not all can be made.
	add(shortOf*s.Short > s.Counts.Refusals+s.Short, "dataset.warn.short")
	add(s.Unfounded > 0, "dataset.warn.unfounded")
}
