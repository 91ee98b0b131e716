package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/index"
)

// Mender puts a library right as far as it can be without files and models.
type Mender interface {
	Ailing(ctx context.Context, p core.Progress, names ...string) (index.Mended, error)
	Mend(ctx context.Context, p core.Progress, names ...string) (index.Mended, error)
	Readable(ctx context.Context, collection, id string) (pages []core.Page, lost int, err error)
	Lose(ctx context.Context, collection, id, reason, hint string) error
	Verify(ctx context.Context, p core.Progress) ([]index.Problem, error)
}

// How a damaged document is made whole.
const (
	FromFile  = "file"  // it is read again
	FromPages = "pages" // its file is gone or cannot be read: it is made again of the pages that are stored
	FromSaved = "saved" // nor are all of its pages there: it is made again of the newest good backup
	FromNone  = "lost"  // none of these: it stays in the list, with the reason
)

// Ailing is a document that a repair makes whole.
type Ailing struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Name       string `json:"name"`
	Source     string `json:"source"`
	From       string `json:"from"`       // FromFile, FromPages, FromSaved, FromNone
	Pages      int    `json:"pages"`      // that are left, where From is FromPages
	LostPages  int    `json:"lost_pages"` // that are not
}

// RepairPlan says what a repair would do.
type RepairPlan struct {
	Documents   []Ailing       `json:"documents"`
	Restored    []string       `json:"restored"`        // names of documents whose entry in the list is written again
	Collections []string       `json:"collections"`     // that lost their name and are given one
	Records     []string       `json:"records"`         // that cannot be read and are taken out
	Nameless    int            `json:"nameless"`        // documents of which not even the name is left
	Others      map[string]int `json:"others"`          // other problems, by their remedy
	Saved       *time.Time     `json:"saved,omitempty"` // when the backup was made that documents and records come from
	RecordsBack []string       `json:"records_back"`    // of Records, that come from it
	Files       bool           `json:"files"`           // files must be written anew before: kakoi doctor --repair while the library is not open
}

// Nothing says that there is nothing to repair.
func (r RepairPlan) Nothing() bool {
	return len(r.Documents)+len(r.Restored)+len(r.Collections)+len(r.Records)+r.Nameless+len(r.Others) == 0 && !r.Files
}

// Repaired is what a repair did.
type Repaired struct {
	RepairPlan
	Read    Summary  `json:"read"` // documents that were read or made again
	Left    []string `json:"left"` // what could not be put right
	Seconds float64  `json:"seconds"`
}

// PlanRepair reads the whole library, as a job, and says what a repair would do. Nothing is changed.
func (d *Doctor) PlanRepair(ctx context.Context, listen func(job.State)) (RepairPlan, error) {
	var plan RepairPlan
	j := d.Jobs.Start(ctx, job.Name{Key: "job.check"}, func(ctx context.Context, p core.Progress) error {
		m, err := d.Mend.Ailing(ctx, p, d.collectionNames(ctx)...)
		if err == nil {
			plan = planOf(m)
			plan.with(d.fromBackup(ctx, p, m), m)
		}
		return err
	}, listen)
	err := j.Wait(context.Background())
	return plan, err
}

// collectionNames are those that any record speaks of.
func (d *Doctor) collectionNames(ctx context.Context) []string {
	names := []string{DefaultCollection, SampleCollection}
	if _, plans, err := d.Library.Unfinished(ctx); err == nil {
		for _, p := range plans {
			names = append(names, p.Collection)
		}
	}
	if folders, err := (&Folders{Store: d.Library.Store, Library: d.Library}).List(ctx); err == nil {
		for _, f := range folders {
			names = append(names, f.Collection)
		}
	}
	if heads, _, err := (record.Book{Store: d.Library.Store}).Heads(ctx); err == nil {
		for _, h := range heads {
			names = append(names, h.Collection)
		}
	}
	return names
}

func planOf(m index.Mended) RepairPlan {
	r := RepairPlan{
		Documents: []Ailing{}, Restored: []string{}, Collections: append([]string{}, m.Collections...), Records: append([]string{}, m.Records...),
		Nameless: m.Nameless, Others: map[string]int{}, RecordsBack: []string{},
	}
	for _, h := range m.Adopted {
		r.Restored = append(r.Restored, h.Document.Name)
	}
	for _, h := range m.Harmed {
		r.Documents = append(r.Documents, ailing(h))
	}
	for _, p := range m.Problems {
		switch p.Remedy {
		case index.RemedyFiles:
			r.Files = true
		case index.RemedyErase, index.RemedyCount, index.RemedyGraph:
			r.Others[string(p.Remedy)]++
		}
	}
	return r
}

// with notes what comes from a backup.
func (r *RepairPlan) with(s salvaged, m index.Mended) {
	if len(s.docs)+len(s.records) > 0 {
		r.Saved = &s.made
	}
	for i, h := range m.Harmed {
		if _, saved := s.docs[index.Source{Collection: h.Collection.ID, Document: h.Document.ID}]; saved {
			r.Documents[i].From = FromSaved
		}
	}
	for name := range s.records {
		r.RecordsBack = append(r.RecordsBack, name)
	}
	slices.Sort(r.RecordsBack)
}

func ailing(h index.Harmed) Ailing {
	a := Ailing{
		Collection: h.Collection.Name, ID: h.Document.ID, Name: h.Document.Name, Source: h.Document.Source, From: FromFile, Pages: h.Pages, LostPages: h.Lost,
	}
	if _, err := ingest.Stat(h.Document.Source); err != nil {
		a.From = FromPages
		if h.Pages == 0 {
			a.From = FromNone
		}
	}
	return a
}

// Repair puts the library right, as a job: what Mend can, then documents that are damaged are read again from their files, or made again of the pages that
// are left of them; what is left of neither is listed with the reason. Cancelling keeps what is done; the next repair goes on.
func (d *Doctor) Repair(ctx context.Context, opt AddOptions) (Repaired, error) {
	start := time.Now()
	out := Repaired{Left: []string{}}
	a := &adder{Library: d.Library, opt: opt, summary: Summary{Failed: []Failure{}}}
	var err error
	out.Read, err = a.start(ctx, nil, job.Name{Key: "job.repair"}, func(ctx context.Context, p core.Progress) error {
		m, err := d.Mend.Mend(ctx, p, d.collectionNames(ctx)...)
		if err != nil {
			return err
		}
		out.RepairPlan = planOf(m)
		saved := d.fromBackup(ctx, p, m)
		out.with(saved, m)
		if err := d.makeWhole(ctx, a, p, m.Harmed, saved); err != nil {
			return err
		}
		if out.RecordsBack, err = d.bringBack(ctx, saved); err != nil {
			return err
		}
		left, err := d.Mend.Verify(ctx, p)
		for _, problem := range left {
			if !errors.Is(problem.Err, core.ErrBusy) {
				out.Left = append(out.Left, problem.Error())
			}
		}
		return err
	})
	out.Seconds = time.Since(start).Seconds()
	return out, err
}

// MendOnly puts right what asks for no file and no model, and says what is left for Repair.
func (d *Doctor) MendOnly(ctx context.Context) (RepairPlan, error) {
	m, err := d.Mend.Mend(ctx, nil, d.collectionNames(ctx)...)
	plan := planOf(m)
	if err == nil && len(m.Records) > 0 { // they are taken out now: the repair that follows does not see them
		saved := d.fromBackup(ctx, nil, index.Mended{Records: m.Records})
		plan.with(saved, index.Mended{})
		plan.RecordsBack, err = d.bringBack(ctx, saved)
	}
	return plan, err
}

// makeWhole reads damaged documents again.
func (d *Doctor) makeWhole(ctx context.Context, a *adder, p core.Progress, harmed []index.Harmed, saved salvaged) error {
	a.p, a.files = p, len(harmed)
	a.split = Split(a.Settings.Get().Splitter)
	var err error
	if a.splitPrint, err = fingerprint(a.split); err != nil {
		return err
	}
	torn := map[string]index.Harmed{} // by id: made of some of its pages
	var whole []index.Harmed
	for _, h := range harmed {
		_, there := saved.docs[index.Source{Collection: h.Collection.ID, Document: h.Document.ID}]
		if ailing(h).From == FromNone && !there {
			if err := d.lose(ctx, a, h); err != nil {
				return err
			}
			continue
		}
		a.weigh.expectKnown(h.Document.Chunks)
		whole = append(whole, h)
	}
	if len(whole) == 0 {
		return nil
	}
	err = a.work(ctx, func(ctx context.Context, ready chan<- prepared) {
		for _, h := range whole {
			select {
			case ready <- d.again(ctx, a, h, torn, saved):
			case <-ctx.Done():
				return
			}
		}
	})
	for _, h := range torn { // the reason goes beside what was made of the rest
		if err == nil {
			err = d.tell(ctx, a, h)
		}
	}
	return err
}

// again is a damaged document as it was read, where its stored pages are whole and its file is the same or gone, else as its file has it now, else as the pages
// that are left have it.
func (d *Doctor) again(ctx context.Context, a *adder, h index.Harmed, torn map[string]index.Harmed, saved salvaged) prepared {
	doc := h.Document
	f := prepared{file: ingest.File{Path: doc.Source, Size: doc.Size, ModTime: doc.Modified, Kind: doc.Kind}, doc: doc, old: doc, collection: h.Collection.ID}
	stored, lost, err := d.Mend.Readable(ctx, h.Collection.ID, doc.ID)
	now, gone := ingest.Stat(doc.Source)
	whole := err == nil && lost == 0 && len(stored) > 0
	if gone == nil && !(whole && untouched(doc, now)) {
		fresh, pages, err := ingest.Read(ctx, doc.Source, a.Read)
		if err == nil && whole && fresh.SHA256 == doc.SHA256 {
			pages = nil // what is stored is of this file, with what was recognised in its pictures
		} else if pages, err = d.recognised(ctx, a, h, &fresh, pages, stored, err); err == nil {
			f.file, f.doc, f.pages = now, fresh, pages
			f.doc.ID, f.doc.Added = doc.ID, time.Now().UTC()
		} else {
			slog.Warn("read a damaged document again", "path", doc.Source, "error", err)
		}
	}
	if kept, there := saved.docs[index.Source{Collection: h.Collection.ID, Document: doc.ID}]; f.pages == nil && there && !whole {
		f.pages, f.doc = kept.pages, kept.doc
		doc.Split = kept.doc.Split
	}
	if f.pages == nil {
		if f.pages, f.err = stored, err; err == nil && lost > 0 {
			h.Lost = lost
			torn[doc.ID] = h
		}
	}
	split := a.split
	f.doc.Split = a.splitPrint
	for _, name := range settings.Splitters { // as it was split
		if print, err := fingerprint(Split(name)); err == nil && print == doc.Split {
			split, f.doc.Split = Split(name), print
		}
	}
	f.old.Reason = "damaged" // it is none that could be the same
	if f.err == nil {
		f.chunks, f.err = ingest.Split(f.pages, split)
	}
	for i := range f.chunks {
		f.chunks[i].Document = doc.ID
	}
	return f
}

// recognised is Library.recognised where the version in the library, which that looks at, is damaged: then what can be read of it is put back.
func (d *Doctor) recognised(ctx context.Context, a *adder, h index.Harmed, fresh *core.Document, pages, stored []core.Page, readErr error) ([]core.Page, error) {
	out, err := a.recognised(ctx, h.Collection.ID, fresh, pages, h.Document, readErr)
	if readErr != nil || !errors.Is(err, core.ErrCorrupt) {
		return out, err
	}
	out = slices.Clone(pages)
	for _, p := range stored {
		for i := range out {
			if out[i].Number == p.Number && out[i].Text == "" {
				out[i].Text = p.Text
			}
		}
	}
	return out, nil
}

func (d *Doctor) lose(ctx context.Context, a *adder, h index.Harmed) error {
	f := a.fail(h.Document.Source, core.Explain(fmt.Errorf("data of %q: %w", h.Document.Name, core.ErrCorrupt), "error.repair.lost", h.Document.Name))
	return d.Mend.Lose(ctx, h.Collection.ID, h.Document.ID, f.Reason, f.Hint)
}

// tell puts the reason beside a document that lacks pages.
func (d *Doctor) tell(ctx context.Context, a *adder, h index.Harmed) error {
	err := core.Explain(fmt.Errorf("%d pages of %q: %w", h.Lost, h.Document.Name, core.ErrCorrupt), "error.repair.pages", h.Document.Name, h.Lost)
	f := a.fail(h.Document.Source, err)
	doc := h.Document
	doc.Reason, doc.Hint = f.Reason, f.Hint
	return a.Store.PutFailed(ctx, h.Collection.ID, doc)
}

// FileDamage is what is wrong with the files of a library that is not open, in words for people.
type FileDamage struct {
	Bytes  int64    `json:"bytes"`  // that cannot be read
	Places int      `json:"places"` // in how many places
	Files  []string `json:"files"`  // names of those that are damaged
	Values int      `json:"values"` // that were saved; 0 before
	// Records are kinds of what is stored beside documents (conversations, for one) of which something lay in a damaged place: it may be gone, or as it was before its last change.
	Records []string `json:"records"`
}

// Any says whether there is any.
func (f FileDamage) Any() bool { return len(f.Files) > 0 }

func fileDamage(d index.Damage) FileDamage {
	out := FileDamage{Files: append([]string{}, d.Files...), Records: []string{}}
	seen, kinds := map[string]bool{}, map[string]bool{}
	for _, h := range d.Holes {
		out.Bytes += h.Bytes
		out.Places++
		if !seen[h.File] {
			seen[h.File] = true
			out.Files = append(out.Files, h.File)
		}
		for _, kind := range index.RecordsIn(h) {
			if !kinds[kind] {
				kinds[kind] = true
				out.Records = append(out.Records, kind)
			}
		}
	}
	return out
}

// InspectFiles reads every byte of the library that is not open and changes nothing. No library is no damage.
func (k Keep) InspectFiles(ctx context.Context, p core.Progress) (FileDamage, error) {
	d, err := index.Inspect(ctx, k.path(libraryDir), k.options(), p)
	if errors.Is(err, core.ErrNotFound) {
		err = nil
	}
	return fileDamage(d), err
}

// SalvageFiles writes the library, which is not open, anew of all that can be read, keeps the damaged one for Undo, and is to be followed by Doctor.Repair. A kill
// leaves the library as it was or the new one. core.ErrNoSpace.
func (k Keep) SalvageFiles(ctx context.Context, p core.Progress) (FileDamage, error) {
	dir, err := k.Stage()
	if err != nil {
		return FileDamage{}, err
	}
	saved, err := index.Salvage(ctx, k.path(libraryDir), filepath.Join(dir, libraryDir), k.options(), p)
	if err != nil {
		return FileDamage{}, errors.Join(noRoom(err), k.Drop())
	}
	if err := k.Commit(Swap{Kind: SwapRepair, When: time.Now().UTC().Round(time.Second), Items: []string{libraryDir}}); err != nil {
		return FileDamage{}, err
	}
	if _, _, err := k.Finish(); err != nil {
		return FileDamage{}, err
	}
	out := fileDamage(saved.Damage)
	out.Values = saved.Values
	return out, k.RepairDone()
}

// SalvageLogs is SalvageFiles where nothing but logs and the list of tables is damaged, as a loss of power can leave them; nil otherwise.
func (k Keep) SalvageLogs(ctx context.Context, p core.Progress) (*FileDamage, error) {
	d, err := k.InspectFiles(ctx, p)
	if err != nil || !d.Any() {
		return nil, err
	}
	for _, name := range d.Files {
		if filepath.Ext(name) != ".mem" && name != "MANIFEST" {
			return nil, nil
		}
	}
	d, err = k.SalvageFiles(ctx, p)
	return &d, err
}

// Prepare is for whoever is about to open the data folder: it ends an exchange that was begun or waits, and repairs the library's files where that was
// asked for. What it did is in its results; nil, nil for nothing.
func (k Keep) Prepare(ctx context.Context, p core.Progress) (swapped *Swap, repaired *FileDamage, err error) {
	if err := os.RemoveAll(k.path(provingDir)); err != nil { // of a proof of a backup that was killed
		return nil, nil, err
	}
	s, did, err := k.Finish()
	if err != nil {
		return nil, nil, err
	}
	if did {
		swapped = &s
	}
	if !k.WantsRepair() {
		return swapped, nil, nil
	}
	damage, err := k.InspectFiles(ctx, p)
	if err == nil && damage.Any() {
		damage, err = k.SalvageFiles(ctx, p)
		repaired = &damage
	}
	if err == nil {
		err = k.RepairDone()
	}
	return swapped, repaired, err
}

// KeptBytes is what is kept from before the last restore or repair takes on the disk.
func (k Keep) KeptBytes(ctx context.Context) (int64, error) {
	n, err := diskBytes(ctx, k.path(undoDir))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return n, err
}
