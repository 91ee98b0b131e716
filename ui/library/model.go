package library

import (
	"context"
	"io/fs"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/ocr"
)

// host is what the models need of the window.
type host interface {
	Text(key string, args ...any) string
	Post(f func())
	Go(work func(ctx context.Context))
	ShowError(err error)
	Toast(text string)
	Collection() string
	SetCollection(name string)
}

// useCases is what the screen needs of app.Library.
type useCases interface {
	Status(ctx context.Context) (app.Status, error)
	Collection(ctx context.Context, name string) (core.Collection, error)
	CreateCollection(ctx context.Context, name string) (core.Collection, error)
	RemoveCollection(ctx context.Context, name string) (app.Erasure, error)
	List(ctx context.Context, collection string) ([]core.Document, error)
	Erase(ctx context.Context, c core.Collection, doc core.Document) (app.Erasure, error)
	Add(ctx context.Context, plan app.AddPlan, opt app.AddOptions) (app.Summary, error)
	AddSamples(ctx context.Context, samples fs.FS, dir string, plan app.AddPlan, opt app.AddOptions) (app.Summary, error)
	Unfinished(ctx context.Context) ([]job.Entry, []app.AddPlan, error)
	Discard(ctx context.Context, id string) error
	Refresh(ctx context.Context, opt app.AddOptions) (app.Summary, error)
	Stale(ctx context.Context) ([]app.StaleDocument, error)
	Retrieve(ctx context.Context, collection, query string, top int) (app.Retrieval, error)
	Relatives(ctx context.Context, collection, id string) ([]app.Relative, error)
	KeepGraphs(ctx context.Context)
	Unlock(password string)
	Tesseract(ctx context.Context) (ocr.Reader, error)
	Waiting(ctx context.Context, collection string, docs []core.Document) ([]core.Document, error)
	OCR(ctx context.Context, plan app.OCRPlan, opt app.OCROptions) (app.OCRSummary, error)
	UnfinishedOCR(ctx context.Context) ([]job.Entry, []app.OCRPlan, error)
}

// linker is what the screen needs of app.Folders.
type linker interface {
	Link(ctx context.Context, folder app.Folder) (app.Folder, error)
	List(ctx context.Context) ([]app.Folder, error)
	Unlink(ctx context.Context, id string) error
	UnlinkCollection(ctx context.Context, collection string) (int, error)
	Check(ctx context.Context, id string, opt app.CheckOptions) (app.Checked, error)
	LeaveOut(ctx context.Context, collection string, docs ...core.Document) error
	Watch(ctx context.Context, opt app.AddOptions)
}

// viewer is what the screen needs of app.Pages.
type viewer interface {
	View(ctx context.Context, q app.PageQuery) (app.PageView, error)
}

// quoter is what the screen needs of app.Conversations.
type quoter interface {
	Quoting(ctx context.Context, documents ...string) (app.Quotes, error)
}

// backups is what the screen needs of app.Backups.
type backups interface {
	Status(ctx context.Context) (app.BackupsStatus, error)
}

// repairs is what the screen needs of app.Keep.
type repairs interface {
	Notice() (app.RepairNotice, bool, error)
	CloseNotice() error
	Undoable() (app.Swap, bool, error)
}

// part is a section of the screen.
type part string

const (
	partDocuments   part = "documents"
	partFolders     part = "folders"
	partCollections part = "collections"
	partHealth      part = "health"
	partSearch      part = "search"
)

var parts = []part{partDocuments, partFolders, partCollections, partHealth, partSearch}

// change says what the view must show anew.
type change int

const (
	changedList     change = iota // the table: rows, order, marks
	changedAdding                 // the bar and its numbers
	changedNotice                 // banners and the summary of an add
	changedOpened                 // the opened document
	changedPart                   // which section is shown, or something in one
	changedSelected               // marks and cursor only
)

// model is the state of the screen.
type model struct {
	host
	lib     useCases
	links   linker
	pages   viewer
	quotes  quoter  // may be nil
	backups backups // may be nil
	repairs repairs // may be nil
	samples fs.FS
	dir     string // for the samples
	explain func(error) (sentence, hint string)
	changed func(change) // set by the view; nil before the first Build
	ask     func(question)

	part        part
	list        list
	adding      adding
	opened      opened
	folders     folderList
	collections collectionList
	health      health
	search      search
	loading     loads
	repaired    []string // what was repaired without being asked, in sentences
}

// question is what the view asks a person before then happens.
type question struct {
	key    string // of the texts key.title, key.text, key.yes
	args   []any  // of key.text
	more   string // behind it
	danger bool
	then   func()
}

func newModel(h host, lib useCases, links linker, pages viewer) *model {
	m := &model{host: h, lib: lib, links: links, pages: pages, part: partDocuments}
	m.list = list{m: m, marked: map[string]bool{}, sort: columnName}
	m.adding.m, m.opened.m, m.folders.m, m.collections.m, m.health.m, m.search.m = m, m, m, m, m, m
	return m
}

// tell asks the view to show something anew.
func (m *model) tell(c change) {
	if m.changed != nil {
		m.changed(c)
	}
}

// show goes to a section.
func (m *model) show(p part) {
	m.part = p
	m.opened.close()
	m.tell(changedPart)
	m.reload()
}

// heard follows news of changes.
func (m *model) heard(t app.Topic) {
	switch t {
	case app.TopicDocuments, app.TopicFolders, app.TopicModels:
		m.reload()
	}
}
