package library

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
)

// adding is what is being added, what was, and what waits to be gone on with.
type adding struct {
	m          *model
	tasks      []*task // running or waiting, in order
	unfinished []unfinished
	summary    *app.Summary // of the last add, until a person has read it
	refreshed  bool         // the summary is that of a Refresh
	rate       float64      // passages a second, of the last add that embedded some
	unreadOCR  []unfinishedOCR
	read       *app.OCRSummary // the summary is that of a text recognition
}

// task is one add or refresh.
type task struct {
	refresh bool
	ocr     bool // the count is of pages
	plan    app.AddPlan
	cancel  context.CancelFunc
	state   job.State
	count   app.AddCount
	stopped bool
}

// add adds files and folders to the shown collection.
func (a *adding) add(paths []string) {
	a.start(&task{plan: app.AddPlan{Collection: a.target(), Paths: paths}}, func(ctx context.Context, t *task, opt app.AddOptions) (app.Summary, error) {
		return a.m.lib.Add(ctx, t.plan, opt)
	})
}

// target is the collection that new documents go to.
func (a *adding) target() string {
	if name := a.m.Collection(); name != "" {
		return name
	}
	return a.m.list.collection
}

// addSamples adds the sample documents, and shows their collection.
func (a *adding) addSamples() {
	m := a.m
	a.start(&task{plan: app.AddPlan{Collection: app.SampleCollection, Paths: []string{m.dir}}}, func(ctx context.Context, t *task, opt app.AddOptions) (app.Summary, error) {
		return m.lib.AddSamples(ctx, m.samples, m.dir, app.AddPlan{}, opt)
	})
	m.SetCollection(app.SampleCollection)
}

// resume goes on with what was not finished.
func (a *adding) resume(u unfinished) {
	a.unfinished = nil // read anew when it has begun
	a.start(&task{plan: u.plan}, func(ctx context.Context, t *task, opt app.AddOptions) (app.Summary, error) {
		return a.m.lib.Add(ctx, t.plan, opt)
	})
}

// discard gives up what was not finished.
func (a *adding) discard(u unfinished) {
	m := a.m
	m.Go(func(ctx context.Context) {
		err := m.lib.Discard(ctx, u.entry.ID)
		m.Post(func() {
			if err != nil {
				m.ShowError(err)
			}
			m.reload()
		})
	})
}

// refresh computes vectors anew.
func (a *adding) refresh() {
	a.start(&task{refresh: true}, func(ctx context.Context, _ *task, opt app.AddOptions) (app.Summary, error) {
		return a.m.lib.Refresh(ctx, opt)
	})
}

func (a *adding) start(t *task, work func(context.Context, *task, app.AddOptions) (app.Summary, error)) {
	m := a.m
	a.tasks = append(a.tasks, t)
	a.summary, a.read = nil, nil
	m.tell(changedAdding)
	m.tell(changedNotice)
	ready := make(chan struct{})
	m.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m.Post(func() {
			t.cancel = cancel
			if t.stopped {
				cancel()
			}
			close(ready)
		})
		select {
		case <-ready:
		case <-ctx.Done():
			m.Post(func() { a.ended(t, app.Summary{Cancelled: true}, ctx.Err()) })
			return
		}
		counts := make(chan app.AddCount, 1) // the last one
		latest := app.AddCount{}
		summary, err := work(ctx, t, app.AddOptions{
			Explain: m.explain,
			Count: func(c app.AddCount) {
				select {
				case <-counts:
				default:
				}
				counts <- c
			},
			Listen: func(s job.State) {
				select {
				case latest = <-counts:
				default:
				}
				c := latest
				m.Post(func() {
					t.state, t.count = s, c
					m.tell(changedAdding)
				})
			},
		})
		m.Post(func() { a.ended(t, summary, err) })
	})
}

// ended takes a task off, and shows what it did.
func (a *adding) ended(t *task, s app.Summary, err error) {
	m := a.m
	for i, other := range a.tasks {
		if other == t {
			a.tasks = append(a.tasks[:i:i], a.tasks[i+1:]...)
			break
		}
	}
	if s.Embedded > 200 && s.Seconds > 1 {
		a.rate = float64(s.Embedded) / s.Seconds
	}
	if t.ocr && s.Cancelled && a.read != nil && a.read.Pages > 0 || !s.Cancelled || s.Added+s.Updated+len(s.Failed) > 0 {
		a.summary, a.refreshed = &s, t.refresh
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		m.ShowError(err)
	}
	m.tell(changedAdding)
	m.tell(changedNotice)
	m.reload()
}

// pause stops what runs; it can be gone on with.
func (a *adding) pause() {
	for _, t := range a.tasks {
		t.stopped = true
		if t.cancel != nil {
			t.cancel()
		}
	}
	a.m.tell(changedAdding)
}

// dismiss takes the summary away.
func (a *adding) dismiss() {
	a.summary, a.read = nil, nil
	a.m.tell(changedNotice)
}

// bar is the total as it is shown: how full, and two lines.
type bar struct {
	share float64 // 0 to 1; -1: not known yet
	title string
	text  string
}

// bar describes the task that runs; ok is false while there is none.
func (a *adding) bar() (b bar, ok bool) {
	if len(a.tasks) == 0 {
		return bar{}, false
	}
	m, t := a.m, a.tasks[0]
	b = bar{share: -1}
	if t.state.Total > 0 {
		b.share = min(1, float64(t.state.Done)/float64(t.state.Total))
	}
	switch {
	case t.stopped:
		b.title = m.Text("documents.adding.stopping")
	case t.state.Stage == "wait":
		b.title = m.Text("documents.adding.waiting")
	case t.ocr && t.count.Of > 0:
		b.title = m.Text("documents.ocr.running", t.count.Files, t.count.Of)
	case t.refresh:
		b.title = m.Text("documents.refreshing", t.count.Files, t.count.Of)
	case t.count.Of > 0:
		b.title = m.Text("documents.adding.files", t.count.Files, t.count.Of)
	default:
		b.title = m.Text("documents.adding.looking")
	}
	if n := len(a.tasks) - 1; n > 0 {
		b.title += m.Text("documents.adding.more", n)
	}
	var said []string
	if t.count.Pages > 0 {
		said = append(said, m.Text("documents.adding.pages", t.count.Pages, t.count.Chunks))
	}
	if seconds := t.state.Elapsed.Seconds(); t.count.Embedded > 0 && seconds > 1 {
		said = append(said, m.Text("documents.adding.rate", float64(t.count.Embedded)/seconds))
	}
	if t.state.Left > 0 {
		said = append(said, m.Text("documents.adding.left", amount.Clock(t.state.Left)))
	}
	if t.count.Failed > 0 {
		said = append(said, m.Text("documents.adding.failed", t.count.Failed))
	}
	if t.count.Name != "" {
		said = append(said, t.count.Name)
	}
	b.text = strings.Join(said, "   ")
	return b, true
}

// sums is the sentence about an add that has ended.
func (a *adding) sums() string {
	s, m := a.summary, a.m
	if s == nil {
		return ""
	}
	if a.read != nil {
		return a.readSums()
	}
	key := "documents.summary"
	switch {
	case a.refreshed:
		key = "documents.summary.refresh"
	case s.Cancelled:
		key = "documents.summary.paused"
	}
	text := m.Text(key, s.Added, s.Updated, s.Unchanged, len(s.Failed))
	if s.Pictures > 0 {
		text += " " + m.Text("documents.summary.pictures", s.Pictures)
	}
	if s.Chunks > 0 {
		text += " " + m.Text("documents.summary.more", s.Pages, s.Embedded, s.Chunks, amount.Clock(time.Duration(s.Seconds*float64(time.Second))))
	}
	return text
}

// failures is what could not be added, as a text to copy.
func failures(all []app.Failure) string {
	var out strings.Builder
	for _, f := range all {
		fmt.Fprintf(&out, "%s\n  %s\n", f.Path, f.Reason)
		if f.Hint != "" {
			fmt.Fprintf(&out, "  %s\n", f.Hint)
		}
	}
	return out.String()
}

// names describes the paths of a plan in one line.
func (m *model) names(plan app.AddPlan) string {
	if len(plan.Paths) == 0 {
		return ""
	}
	name := filepath.Base(plan.Paths[0])
	if n := len(plan.Paths) - 1; n > 0 {
		return m.Text("documents.unfinished.more", name, n)
	}
	return name
}
