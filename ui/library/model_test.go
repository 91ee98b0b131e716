package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ocr"
	"kakoi/ui/widget"
)

// shelf is a library of a test: nothing in it but lists.
type shelf struct {
	mu      sync.Mutex
	docs    []core.Document
	erased  []string
	added   []app.AddPlan
	open    []job.Entry
	plans   []app.AddPlan
	stale   []app.StaleDocument
	gate    chan struct{} // Add waits for it; nil: it does not
	failing []app.Failure
	err     error
	reads   int
	noOCR   error // of Tesseract

	password string // by Unlock
	kin      map[string][]app.Relative
}

func (s *shelf) Status(context.Context) (app.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return app.Status{Collections: []app.CollectionStatus{{Name: "main", Documents: len(s.docs)}}, Stale: len(s.stale)}, s.err
}

func (s *shelf) Collection(_ context.Context, name string) (core.Collection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.docs) == 0 {
		return core.Collection{}, core.ErrEmpty
	}
	return core.Collection{ID: "1", Name: "main"}, nil
}

func (s *shelf) CreateCollection(_ context.Context, name string) (core.Collection, error) {
	return core.Collection{ID: "2", Name: name}, nil
}

func (s *shelf) RemoveCollection(context.Context, string) (app.Erasure, error) {
	return app.Erasure{}, nil
}

func (s *shelf) List(context.Context, string) ([]core.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.docs), s.err
}

func (s *shelf) Erase(_ context.Context, _ core.Collection, doc core.Document) (app.Erasure, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erased = append(s.erased, doc.ID)
	s.docs = slices.DeleteFunc(s.docs, func(d core.Document) bool { return d.ID == doc.ID })
	e := app.Erasure{Name: doc.Name}
	e.Before.Chunks = 7
	return e, nil
}

func (s *shelf) Add(ctx context.Context, plan app.AddPlan, opt app.AddOptions) (app.Summary, error) {
	s.mu.Lock()
	s.added = append(s.added, plan)
	gate := s.gate
	s.mu.Unlock()
	opt.Count(app.AddCount{Files: 1, Of: 4, Pages: 3, Chunks: 12, Embedded: 6, Name: "a.pdf"})
	opt.Listen(job.State{Update: core.Update{Stage: "embed", Done: 10, Total: 40}, Elapsed: 2 * time.Second, Left: 42 * time.Second})
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return app.Summary{Added: 1, Cancelled: true}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return app.Summary{Added: 4, Failed: s.failing, Chunks: 12, Embedded: 300, Seconds: 3}, nil
}

func (s *shelf) AddSamples(ctx context.Context, _ fs.FS, dir string, plan app.AddPlan, opt app.AddOptions) (app.Summary, error) {
	plan.Paths = []string{dir}
	return s.Add(ctx, plan, opt)
}

func (s *shelf) Unfinished(context.Context) ([]job.Entry, []app.AddPlan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.open), slices.Clone(s.plans), nil
}

func (s *shelf) KeepGraphs(context.Context) {}

func (s *shelf) Relatives(_ context.Context, _, id string) ([]app.Relative, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kin[id]), nil
}

func (s *shelf) Discard(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.plans = nil, nil
	return nil
}

func (s *shelf) Refresh(ctx context.Context, opt app.AddOptions) (app.Summary, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = nil
	return app.Summary{Updated: 2, Failed: []app.Failure{}}, nil
}

func (s *shelf) Stale(context.Context) ([]app.StaleDocument, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.stale), nil
}

func (s *shelf) Retrieve(_ context.Context, _, query string, _ int) (app.Retrieval, error) {
	hit := core.Hit{Chunk: core.Chunk{Document: "d1", Page: 2, Text: "the   budget is 24,500"}, Name: "a.txt", Score: 0.03, Dense: 0.8, DenseRank: 1}
	return app.Retrieval{Dense: []core.Hit{hit}, Fused: []core.Hit{hit}}, s.err
}

func (s *shelf) Unlock(password string) { s.password = password }

func (s *shelf) Waiting(context.Context, string, []core.Document) ([]core.Document, error) {
	return nil, nil
}

func (s *shelf) Tesseract(context.Context) (ocr.Reader, error) {
	return ocr.Reader{Path: "/usr/bin/tesseract", Version: "5.3.0", Languages: []string{"eng", "jpn"}}, s.noOCR
}

func (s *shelf) OCR(context.Context, app.OCRPlan, app.OCROptions) (app.OCRSummary, error) {
	return app.OCRSummary{Pages: 3, Documents: 1, Confidence: 91, Failed: []app.Failure{}}, nil
}

func (s *shelf) UnfinishedOCR(context.Context) ([]job.Entry, []app.OCRPlan, error) {
	return nil, nil, nil
}

// links is the linked folders of a test.
type links struct {
	left []string
	mu   sync.Mutex
	set  []app.Folder // by Link
	fail error        // of Link
}

func (l *links) Link(_ context.Context, f app.Folder) (app.Folder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set = append(l.set, f)
	return f, l.fail
}

func (l *links) List(context.Context) ([]app.Folder, error)            { return nil, nil }
func (l *links) Unlink(context.Context, string) error                  { return nil }
func (l *links) UnlinkCollection(context.Context, string) (int, error) { return 0, nil }
func (l *links) Check(context.Context, string, app.CheckOptions) (app.Checked, error) {
	return app.Checked{}, nil
}

func (l *links) LeaveOut(_ context.Context, _ string, docs ...core.Document) error {
	for _, d := range docs {
		l.left = append(l.left, d.ID)
	}
	return nil
}

func (l *links) Watch(ctx context.Context, _ app.AddOptions) { <-ctx.Done() }

func docs(n int) []core.Document {
	out := make([]core.Document, n)
	for i := range out {
		name := fmt.Sprintf("資料 %05d.pdf", i)
		out[i] = core.Document{
			ID: fmt.Sprint("d", i), Name: name, Source: "/srv/docs/" + name, Kind: []string{"pdf", "txt"}[i%2], State: core.DocumentReady,
			Pages: i % 300, Chunks: i % 977, Reader: ingest.Version, Added: time.Unix(int64(1_700_000_000+i*61), 0),
		}
	}
	return out
}

func loaded(t testing.TB, s *shelf) (*model, *desk, *links) {
	d, l := newDesk(t), &links{}
	m := newModel(d, s, l, nil)
	m.ask = func(q question) { q.then() }
	m.reload()
	d.until("loaded", func() bool { return m.list.loaded })
	return m, d, l
}

func names(l *list) string {
	var out []string
	for _, r := range l.rows {
		out = append(out, r.doc.ID)
	}
	return strings.Join(out, " ")
}

func TestFilterAndSort(t *testing.T) {
	s := &shelf{docs: docs(6)}
	s.docs[3].State, s.docs[3].Reason = core.DocumentFailed, "broken"
	m, _, _ := loaded(t, s)
	m.list.setFilter("00003 資料")
	if got := names(&m.list); got != "d3" {
		t.Errorf("filtered: %s", got)
	}
	if got := m.list.counts(); got != m.Text("documents.count.filtered", 1, 6) {
		t.Errorf("counted: %s", got)
	}
	m.list.setFilter("/SRV/docs")
	m.list.sortBy(columnKind)
	if got := names(&m.list); got != "d0 d2 d4 d1 d3 d5" {
		t.Errorf("by kind: %s", got)
	}
	m.list.sortBy(columnPages)
	m.list.sortBy(columnPages)
	if got := names(&m.list); got != "d5 d4 d3 d2 d1 d0" {
		t.Errorf("by pages, most first: %s", got)
	}
	m.list.sortBy(columnState)
	if got := names(&m.list); !strings.HasPrefix(got, "d3 ") {
		t.Errorf("by state: %s", got)
	}
}

func marks(l *list) string {
	var out []string
	for id := range l.marked {
		out = append(out, id)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestMarking(t *testing.T) {
	m, d, _ := loaded(t, &shelf{docs: docs(8)})
	l := &m.list
	l.goTo(1, widget.MoveOnly)
	l.goTo(3, widget.MoveExtend)
	l.goTo(4, widget.MoveExtend)
	if got := marks(l); got != "d1 d2 d3 d4" {
		t.Errorf("from 1 to 4: %s", got)
	}
	l.goTo(2, widget.MoveExtend)
	if got := marks(l); got != "d1 d2" {
		t.Errorf("back to 2: %s", got)
	}
	l.goTo(6, widget.MoveToggle)
	l.goTo(1, widget.MoveToggle)
	if got := marks(l); got != "d2 d6" {
		t.Errorf("one more, one less: %s", got)
	}
	l.goTo(7, widget.MoveCursor)
	if got := marks(l); got != "d2 d6" || l.cursor != "d7" {
		t.Errorf("cursor alone: %s, at %s", got, l.cursor)
	}
	// What stays keeps its marks when the library is read again.
	m.lib.(*shelf).docs = docs(5)
	m.list.loaded = false
	m.reload()
	d.until("loaded", func() bool { return m.list.loaded })
	if got := marks(l); got != "d2" || l.cursor != "d4" {
		t.Errorf("after reading again: %s, at %s", got, l.cursor)
	}
	l.markAll()
	if len(l.chosen()) != 5 {
		t.Errorf("all: %d", len(l.chosen()))
	}
}

func TestRemoveErasesWhatIsMarked(t *testing.T) {
	s := &shelf{docs: docs(5)}
	m, d, l := loaded(t, s)
	m.list.goTo(1, widget.MoveOnly)
	m.list.goTo(2, widget.MoveExtend)
	m.remove()
	d.until("removed", func() bool { return len(d.toasts) == 1 })
	if got := strings.Join(s.erased, " "); got != "d1 d2" || strings.Join(l.left, " ") != "d1 d2" {
		t.Errorf("erased %s, left out %v", got, l.left)
	}
	if !strings.Contains(d.toasts[0], "3 passages") || !strings.Contains(d.toasts[0], "before: 14") {
		t.Errorf("said: %s", d.toasts[0])
	}
}

func TestAddingTellsHowFarItIs(t *testing.T) {
	s := &shelf{gate: make(chan struct{}), failing: []app.Failure{{Path: "/x/bad.pdf", Reason: "No PDF.", Hint: "Look."}}}
	m, d, _ := loaded(t, s)
	m.adding.add([]string{"/x"})
	m.adding.add([]string{"/y"})
	d.until("counts", func() bool { return m.adding.tasks[0].count.Of == 4 })
	b, ok := m.adding.bar()
	if !ok || b.share != 0.25 {
		t.Errorf("bar %+v", b)
	}
	for _, want := range []string{"1 of 4 files", "1 more"} {
		if !strings.Contains(b.title, want) {
			t.Errorf("%q is not in %q", want, b.title)
		}
	}
	for _, want := range []string{"3 pages, 12 passages", "3 passages a second", "0:42 left", "a.pdf"} {
		if !strings.Contains(b.text, want) {
			t.Errorf("%q is not in %q", want, b.text)
		}
	}
	close(s.gate)
	d.until("ended", func() bool { return len(m.adding.tasks) == 0 && m.adding.summary != nil })
	if got := m.adding.sums(); !strings.Contains(got, "4 added") || !strings.Contains(got, "1 failed") {
		t.Errorf("summary %s", got)
	}
	if got := failures(m.adding.summary.Failed); !strings.Contains(got, "/x/bad.pdf") || !strings.Contains(got, "No PDF.") || !strings.Contains(got, "Look.") {
		t.Errorf("copied %s", got)
	}
	if m.adding.rate != 100 {
		t.Errorf("rate %v", m.adding.rate)
	}
}

// TestPauseKeepsAndGoesOn: what was stopped is a banner, and goes on with the same plan.
func TestPauseKeepsAndGoesOn(t *testing.T) {
	s := &shelf{gate: make(chan struct{})}
	m, d, _ := loaded(t, s)
	m.adding.add([]string{"/x", "/y"})
	d.until("running", func() bool { return m.adding.tasks[0].count.Of == 4 })
	s.mu.Lock()
	s.open, s.plans = []job.Entry{{ID: "e"}}, []app.AddPlan{{Collection: "main", Paths: []string{"/x", "/y"}}}
	s.mu.Unlock()
	m.adding.pause()
	d.until("paused", func() bool { return len(m.adding.tasks) == 0 && len(m.adding.unfinished) == 1 })
	if len(d.errors) != 0 || m.adding.summary == nil || !strings.HasPrefix(m.adding.sums(), "Paused") {
		t.Errorf("errors %v, said %q", d.errors, m.adding.sums())
	}
	if got := m.names(m.adding.unfinished[0].plan); got != "x and 1 more" {
		t.Errorf("named %s", got)
	}
	close(s.gate)
	m.adding.resume(m.adding.unfinished[0])
	d.until("gone on", func() bool { return len(m.adding.tasks) == 0 && m.adding.summary != nil && m.adding.summary.Added == 4 })
	if len(s.added) != 2 || !slices.Equal(s.added[0].Paths, s.added[1].Paths) {
		t.Errorf("added %v", s.added)
	}
}

// TestPauseBeforeItBegan: a stop that comes before the work is not lost.
func TestPauseBeforeItBegan(t *testing.T) {
	s := &shelf{gate: make(chan struct{})}
	m, d, _ := loaded(t, s)
	m.adding.add([]string{"/x"})
	m.adding.pause()
	d.until("ended", func() bool { return len(m.adding.tasks) == 0 })
}

func TestHealthGroupsByReason(t *testing.T) {
	s := &shelf{docs: docs(6)}
	for _, i := range []int{1, 2} {
		d := &s.docs[i]
		d.State, d.Reason, d.Hint = core.DocumentFailed, d.Name+" is damaged.", "Get it again."
	}
	s.docs[4].State, s.docs[4].Reason = core.DocumentFailed, "It is empty."
	s.docs[5].State = core.DocumentPending
	s.stale = []app.StaleDocument{{Document: s.docs[0]}, {Document: s.docs[3]}}
	m, d, _ := loaded(t, s)
	h := &m.health
	if len(h.groups) != 2 || len(h.groups[0].docs) != 2 || h.groups[0].reason != "… is damaged." || len(h.pending) != 1 || h.well() {
		t.Errorf("%+v", h)
	}
	if got := h.cost(); !strings.Contains(got, "2 documents with 3 passages") {
		t.Errorf("cost: %s", got)
	}
	m.adding.rate = 0.5
	if got := h.cost(); !strings.Contains(got, "0:06") {
		t.Errorf("cost with a rate: %s", got)
	}
	h.refresh()
	d.until("refreshed", func() bool { return m.adding.summary != nil && m.adding.refreshed && h.stale == 0 })
	if got := m.adding.sums(); !strings.Contains(got, "2 documents") {
		t.Errorf("said %s", got)
	}
}

func TestSearchShowsThreeColumns(t *testing.T) {
	m, d, _ := loaded(t, &shelf{docs: docs(2)})
	m.search.run("  ")
	m.search.run("budget")
	d.until("found", func() bool { return m.search.result != nil })
	c := m.search.columns()
	if len(c[0]) != 1 || len(c[1]) != 0 || len(c[2]) != 1 {
		t.Fatalf("%+v", c)
	}
	if h := c[2][0]; h.text != "the budget is 24,500" || h.score != "0.0300  (1, –)" || h.page != 2 {
		t.Errorf("%+v", h)
	}
}

// TestNewsIsReadTogether: a thousand documents that come one by one are not a thousand readings.
func TestNewsIsReadTogether(t *testing.T) {
	s := &shelf{docs: docs(3)}
	m, d, _ := loaded(t, s)
	for range 1000 {
		m.heard(app.TopicDocuments)
	}
	d.until("quiet", func() bool { return !m.loading.running })
	if s.reads > 4 {
		t.Errorf("%d readings", s.reads)
	}
}

func TestUnreadableLibraryIsSaid(t *testing.T) {
	s := &shelf{docs: docs(3), err: errors.New("disk on fire")}
	d := newDesk(t)
	m := newModel(d, s, &links{}, nil)
	m.reload()
	d.until("said", func() bool { return len(d.errors) > 0 })
}

func BenchmarkTable20000(b *testing.B) {
	m := newModel(newDesk(b), nil, nil, nil)
	all := docs(20_000)
	b.Run("format", func(b *testing.B) {
		for b.Loop() {
			m.format(all)
		}
	})
	m.list.take("main", m.format(all))
	b.Run("filter", func(b *testing.B) {
		for b.Loop() {
			m.list.setFilter("9 資料")
		}
	})
	m.list.setFilter("")
	b.Run("sort", func(b *testing.B) {
		for b.Loop() {
			m.list.sortBy(columnAdded)
		}
	})
	b.Run("mark", func(b *testing.B) {
		for b.Loop() {
			m.list.goTo(10_000, widget.MoveOnly)
			m.list.goTo(19_000, widget.MoveExtend)
		}
	})
}
