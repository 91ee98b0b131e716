package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/index"
)

// CapsuleImport says how a capsule is taken in.
type CapsuleImport struct {
	Passphrase []byte
	Into       string // name of the collection for all of its documents; "": each into the one of its name
	// OtherEmbedder takes documents whose vectors are of another embedder than this library's: they are found by words only until Library.Refresh, or until
	// that embedder is in use. Without it such a capsule is core.ErrUnsupported ("error.capsule.embedder").
	OtherEmbedder bool
	Listen        func(job.State) // stages "lock", "look", "capsule", "graph"
}

// CapsulePlan says what an import does, or did.
type CapsulePlan struct {
	Content CapsuleContent `json:"content"`

	New  []CapsuleChange `json:"new"`  // documents that come
	Same []CapsuleChange `json:"same"` // whose contents are here already, under As
	Both []CapsuleChange `json:"both"` // that come beside one of their name or place with other contents, under As

	Embedders  []string `json:"embedders"`   // ids of those, other than this library's, that documents' vectors are of
	OtherSplit int      `json:"other_split"` // documents that were cut in another way than this library's setting says

	Records  int            `json:"records"`  // conversations, datasets, exams, ... that come, or come with more than is here
	KeptHere []CapsuleOther `json:"kept"`     // of those that are here in another form, which stays
	Adapters int            `json:"adapters"` // that come
	Graphs   int            `json:"graphs"`   // vector indexes that are taken as they are
	Seconds  float64        `json:"seconds"`
}

// CapsuleChange is a document of an import.
type CapsuleChange struct {
	Collection string `json:"collection"` // here
	Name       string `json:"name"`
	As         string `json:"as,omitempty"` // its name here, where it is another
	Chunks     int    `json:"chunks"`
}

// intakePlan is a CapsulePlan with all that an import needs.
type intakePlan struct {
	CapsulePlan
	into      map[string]string // names by the ids in the capsule
	arrivals  []index.Arrival
	graphs    map[string]bool
	documents map[string]string  // ids here by ids in the capsule, where they differ
	names     map[string]string  // of collections here by those in the capsule, where they differ
	stays     map[[2]string]bool // heads of records that stay as they are here
	newer     map[string]bool    // conversations that were continued there last
	turns     map[string]int     // of conversations that are both here and there: of both together
	adapters  map[string]bool    // ids whose files come
}

// Plan reads a capsule to its end and says what an import of it would do, as a job. Nothing is changed.
func (c *Capsule) Plan(ctx context.Context, path string, opt CapsuleImport) (CapsulePlan, error) {
	var out CapsulePlan
	j := c.Jobs.Start(ctx, job.Name{Key: "job.capsule.look", Note: filepath.Base(path)}, func(ctx context.Context, p core.Progress) error {
		p.Report(core.Update{Stage: "lock"})
		r, err := openCapsule(path, opt.Passphrase)
		if err != nil {
			return err
		}
		l, err := r.look(ctx, p)
		if err == nil {
			var plan intakePlan
			plan, err = c.plan(ctx, l, opt)
			out = plan.CapsulePlan
		}
		return errors.Join(err, r.Close())
	}, opt.Listen)
	return out, j.Wait(context.Background())
}

// Import takes a capsule in, as a job, while the library stays in use: everything of it, or nothing, whenever it is cancelled or killed. A document whose contents are
// here already is kept once; one of a name or place that has other contents here comes beside it. Records that are here in another form stay as they are here, but for
// conversations, which get the turns of both. core.ErrUnsupported, core.ErrCorrupt, vault.ErrPassphrase, core.ErrNoSpace; core.ErrBusy where the library changed in its way.
func (c *Capsule) Import(ctx context.Context, path string, opt CapsuleImport) (CapsulePlan, error) {
	var out CapsulePlan
	j := c.Jobs.Start(ctx, job.Name{Key: "job.capsule.import", Note: filepath.Base(path)}, func(ctx context.Context, p core.Progress) error {
		start := time.Now()
		p.Report(core.Update{Stage: "lock"})
		r, err := openCapsule(path, opt.Passphrase)
		if err != nil {
			return err
		}
		plan, err := c.take(ctx, r, opt, p)
		plan.Seconds = time.Since(start).Seconds()
		out = plan.CapsulePlan
		return errors.Join(err, r.Close())
	}, opt.Listen)
	err := j.Wait(context.Background())
	c.Bus.Tell(TopicDocuments)
	c.Bus.Tell(TopicAdapters)
	c.Bus.Tell(TopicConversations)
	return out, err
}

// plan holds a capsule against the library.
func (c *Capsule) plan(ctx context.Context, l lookedCapsule, opt CapsuleImport) (plan intakePlan, err error) {
	plan = intakePlan{
		CapsulePlan: CapsulePlan{Content: l.CapsuleContent, New: []CapsuleChange{}, Same: []CapsuleChange{}, Both: []CapsuleChange{}, Embedders: []string{}, KeptHere: []CapsuleOther{}},
		into:        map[string]string{}, graphs: map[string]bool{}, documents: map[string]string{}, names: map[string]string{},
		stays: map[[2]string]bool{}, newer: map[string]bool{}, turns: map[string]int{}, adapters: map[string]bool{},
	}
	all, err := c.Store.Collections(ctx)
	if err != nil {
		return plan, err
	}
	here := map[string]*census{} // by name
	sources := map[string]int{}  // how many collections of the capsule go into one
	for _, one := range l.Collections {
		name := one.Name
		if opt.Into != "" {
			name = opt.Into
		}
		plan.into[one.ID] = name
		sources[name]++
		if name != one.Name {
			plan.names[one.Name] = name
		}
		if here[name] == nil {
			if here[name], err = c.census(ctx, all, name); err != nil {
				return plan, err
			}
		}
	}
	untouched := map[string]bool{}
	for id, name := range plan.into {
		untouched[id] = l.graphs[id] && sources[name] == 1 && here[name].empty()
	}
	own, err := c.ownEmbedder(ctx, l)
	if err != nil {
		return plan, err
	}
	splitting, err := fingerprint(Split(c.Settings.Get().Splitter))
	if err != nil {
		return plan, err
	}
	for _, d := range l.Documents {
		name := plan.into[d.Entry.Collection]
		to, what := here[name].admit(d.Document)
		change := CapsuleChange{Collection: name, Name: d.Document.Name, Chunks: d.Chunks}
		if to.ID != d.Document.ID {
			plan.documents[d.Document.ID] = to.ID
			untouched[d.Entry.Collection] = false
		}
		switch what {
		case comesAlone:
			plan.New = append(plan.New, change)
		case isHere:
			change.As = to.Name
			plan.Same = append(plan.Same, change)
			untouched[d.Entry.Collection] = false
			continue
		case comesToo:
			change.As = to.Name
			plan.Both = append(plan.Both, change)
		}
		plan.arrivals = append(plan.arrivals, index.Arrival{From: d.Entry, Document: to})
		if d.Entry.Embedder != own && !slices.Contains(plan.Embedders, d.Entry.Embedder) {
			plan.Embedders = append(plan.Embedders, d.Entry.Embedder)
		}
		if d.Document.Split != splitting {
			plan.OtherSplit++
		}
	}
	for id, whole := range untouched {
		if whole {
			plan.graphs[id] = true
			plan.Graphs++
		}
	}
	return plan, c.planRecords(ctx, l, &plan)
}

// ownEmbedder is the id of this library's embedder. One that was never loaded is loaded, where the capsule holds vectors.
func (c *Capsule) ownEmbedder(ctx context.Context, l lookedCapsule) (string, error) {
	info, err := c.Models.KnownEmbedder(ctx)
	if err == nil || len(l.Documents) == 0 {
		return info.ID, nil
	}
	e, err := c.Models.Embedder(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("look for the embedder: %w", err)
	}
	return e.Info().ID, nil
}

// census is what a collection holds, and what comes to it.
type census struct {
	byID   map[string]core.Document
	bySum  map[string]core.Document // those that can be searched
	byName map[string]bool
	coming map[string]core.Document // by id
}

func (c *Capsule) census(ctx context.Context, all []core.Collection, name string) (*census, error) {
	out := &census{map[string]core.Document{}, map[string]core.Document{}, map[string]bool{}, map[string]core.Document{}}
	for _, one := range all {
		if one.Name != name {
			continue
		}
		docs, err := c.Store.Documents(ctx, one.ID)
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			out.byID[d.ID], out.byName[d.Name] = d, true
			if d.State == core.DocumentReady && d.SHA256 != "" {
				out.bySum[d.SHA256] = d
			}
		}
	}
	return out, nil
}

func (c *census) empty() bool { return len(c.byID) == 0 }

// What becomes of a document of a capsule.
const (
	comesAlone = iota
	isHere     // with these contents, as another document or as the same
	comesToo   // beside one of its place or name, with other contents
)

// admit says what a document of a capsule becomes, and as which one. Of its place there may be one here already: then it gets another name.
func (c *census) admit(d core.Document) (core.Document, int) {
	if same, there := c.bySum[d.SHA256]; there && d.SHA256 != "" {
		return same, isHere
	}
	came, twice := c.coming[d.ID] // in another collection of the capsule
	if twice && came.SHA256 == d.SHA256 && d.SHA256 != "" {
		return came, isHere
	}
	what := comesAlone
	if c.byName[d.Name] {
		what = comesToo
	}
	if twice || c.byID[d.ID].State == core.DocumentReady {
		what = comesToo
		name, dir, ext := filepath.Base(d.Name), filepath.Dir(d.Name), filepath.Ext(d.Name)
		folder := filepath.Dir(d.Source)
		for n := 2; ; n++ {
			base := fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext)
			d.Name, d.Source = filepath.Join(dir, base), filepath.Join(folder, base)
			d.ID = core.DocumentID(d.Source)
			if _, came := c.coming[d.ID]; !came && c.byID[d.ID].ID == "" && !c.byName[d.Name] {
				break
			}
		}
	}
	c.coming[d.ID] = d
	return d, what
}

// planRecords says which records come. What is here in another form stays; conversations get the turns of both.
func (c *Capsule) planRecords(ctx context.Context, l lookedCapsule, plan *intakePlan) error {
	book := record.Book{Store: c.Store}
	for _, one := range l.Conversations {
		mine, err := book.Head(ctx, one.ID)
		if errors.Is(err, core.ErrNotFound) {
			plan.Records++
			plan.newer[one.ID] = true
			continue
		}
		if err != nil {
			return err
		}
		ids, err := book.TurnIDs(ctx, one.ID)
		if err != nil {
			return err
		}
		both := len(one.TurnIDs)
		for _, id := range ids {
			if !one.TurnIDs[id] {
				both++
			}
		}
		plan.turns[one.ID] = both
		plan.newer[one.ID] = one.Changed.After(mine.Changed)
		if both != len(ids) || plan.newer[one.ID] {
			plan.Records++
		}
	}
	for _, one := range l.Others {
		if one.Kind == record.KindAdapter {
			if _, err := os.Stat(filepath.Join(c.Data, adaptersDir, one.ID)); errors.Is(err, fs.ErrNotExist) {
				plan.adapters[one.ID] = true
				plan.Adapters++
			} else if err != nil {
				return err
			}
		}
		_, err := c.Store.Record(ctx, one.Kind, one.ID)
		switch {
		case errors.Is(err, core.ErrNotFound):
			plan.Records++
		case err == nil || errors.Is(err, core.ErrCorrupt):
			plan.stays[[2]string{one.Kind, one.ID}] = true
		default:
			return err
		}
	}
	return nil
}

// take reads a capsule twice: the second time it goes in.
func (c *Capsule) take(ctx context.Context, r *capsuleReader, opt CapsuleImport, p core.Progress) (plan intakePlan, err error) {
	l, err := r.look(ctx, p)
	if err != nil {
		return plan, err
	}
	if plan, err = c.plan(ctx, l, opt); err != nil {
		return plan, err
	}
	if len(plan.Embedders) > 0 && !opt.OtherEmbedder {
		return plan, core.Explain(fmt.Errorf("vectors of another embedder: %w", core.ErrUnsupported), "error.capsule.embedder", l.Embedder, c.Settings.Get().Embedder)
	}
	// What comes is written once, and what is staged a second time; tables are packed about as the capsule is.
	if err := roomFor(c.Free, c.Data, l.bytes+l.bytes/4+index.OpenBytes); err != nil {
		return plan, err
	}
	in, err := c.Store.NewIntake(ctx, plan.into, plan.arrivals, plan.graphs)
	if err != nil {
		return plan, busyCapsule(err)
	}
	t := &taker{Capsule: c, ctx: ctx, plan: &plan, in: in, changed: l.changed}
	defer func() {
		if err != nil {
			err = errors.Join(noRoom(busyCapsule(err)), in.Drop(), t.drop())
		}
	}()
	_, count, sum, err := r.read(ctx, "capsule", p, t.frame)
	if err == nil && (sum != l.sum || count != l.BackupCount) {
		err = core.Explain(errBadBackup, "error.capsule.damaged", filepath.Base(r.f.Name()), r.size>>10, r.size>>10) // another one has its name by now
	}
	if err = errors.Join(err, t.close()); err == nil {
		err = t.place()
	}
	if err == nil {
		err = in.Commit(ctx)
	}
	if err != nil {
		return plan, fmt.Errorf("take capsule in: %w", err)
	}
	return plan, t.done()
}

func busyCapsule(err error) error {
	if errors.Is(err, core.ErrBusy) {
		return core.Explain(err, "error.capsule.busy")
	}
	return err
}

// Names in the folder of adapters while a capsule comes in.
const (
	capsuleFolder = ".capsule"      // the files of its adapters
	capsuleList   = ".capsule.json" // ids of those that have been given their place before it counts
)
