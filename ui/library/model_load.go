package library

import (
	"context"
	"errors"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/ocr"
)

// loads keeps readings of the library apart: one at a time, and not more often than every reloadEvery, however much news there is.
type loads struct {
	running bool
	again   bool
}

// reloadEvery bounds how often the library is read while documents come in.
const reloadEvery = 700 * time.Millisecond

// snapshot is everything the screen shows of the library, read at one time.
type snapshot struct {
	collection string // the name of what rows are of; "" when there is nothing yet
	rows       []row
	status     app.Status
	unfinished []unfinished
	folders    []app.Folder
	stale      []app.StaleDocument
	unreadOCR  []unfinishedOCR
	report     app.HealthReport
	reader     ocr.Reader // where the report has pages that it could read
	readerErr  error
	repaired   []string
}

// unfinished is an add that did not end and does not run.
type unfinished struct {
	entry job.Entry
	plan  app.AddPlan
}

// reload reads the library and shows it, soon.
func (m *model) reload() {
	if m.loading.running {
		m.loading.again = true
		return
	}
	m.loading.running = true
	wanted := m.Collection()
	m.Go(func(ctx context.Context) {
		start := time.Now()
		s, err := m.read(ctx, wanted)
		m.Post(func() {
			if ctx.Err() == nil {
				m.take(s, err)
			}
		})
		pause := time.NewTimer(min(reloadEvery, max(10*time.Millisecond, 10*time.Since(start))))
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		m.Post(func() {
			m.loading.running = false
			if m.loading.again {
				m.loading.again = false
				m.reload()
			}
		})
	})
}

func (m *model) read(ctx context.Context, wanted string) (snapshot, error) {
	var s snapshot
	var err error
	if s.status, err = m.lib.Status(ctx); err != nil {
		return s, err
	}
	s.repaired = m.readRepairs()
	entries, plans, err := m.lib.Unfinished(ctx)
	if err != nil {
		return s, err
	}
	for i, e := range entries {
		if !e.Running {
			s.unfinished = append(s.unfinished, unfinished{e, plans[i]})
		}
	}
	readings, wishes, err := m.lib.UnfinishedOCR(ctx)
	if err != nil {
		return s, err
	}
	for i, e := range readings {
		if !e.Running {
			s.unreadOCR = append(s.unreadOCR, unfinishedOCR{e, wishes[i]})
		}
	}
	if s.folders, err = m.links.List(ctx); err != nil {
		return s, err
	}
	if s.status.Stale > 0 {
		if s.stale, err = m.lib.Stale(ctx); err != nil {
			return s, err
		}
	}
	c, err := m.lib.Collection(ctx, wanted)
	if errors.Is(err, core.ErrUsage) && len(s.status.Collections) > 0 { // several, none of them the default
		c, err = m.lib.Collection(ctx, s.status.Collections[0].Name)
	}
	if errors.Is(err, core.ErrEmpty) || errors.Is(err, core.ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	docs, err := m.lib.List(ctx, c.Name)
	if err != nil {
		return s, err
	}
	s.collection = c.Name
	s.rows = m.format(docs)
	waiting, err := m.lib.Waiting(ctx, c.ID, docs)
	if err != nil {
		return s, err
	}
	if s.report = app.HealthOf(c.Name, docs, waiting); s.report.Unread > 0 {
		s.reader, s.readerErr = m.lib.Tesseract(ctx)
	}
	return s, nil
}

// take shows what was read.
func (m *model) take(s snapshot, err error) {
	if err != nil {
		m.ShowError(err)
		return
	}
	m.takeRepairs(s.repaired)
	m.list.take(s.collection, s.rows)
	m.adding.unfinished = s.unfinished
	m.folders.take(s.folders)
	m.collections.take(s.status.Collections, s.collection)
	m.health.take(s.rows, s.stale)
	m.health.takeReport(s)
	m.adding.unreadOCR = s.unreadOCR
	m.list.loaded = true
	m.tell(changedList)
	m.tell(changedNotice)
	if m.part != partDocuments {
		m.tell(changedPart)
	}
}
