package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/rag"
	"kakoi/core/vault"
)

// NoAdapter asks for the model as it is, where a name or an ID of an adapter could stand.
const NoAdapter = "off"

// Adapters keeps adapters: those that were trained here and those that were brought.
type Adapters struct {
	Dir    string // each lies in a folder below it that is called as its ID
	Runs   string // as Training.Dir
	Store  Store
	Models *Models
	Jobs   *job.Runner
	Bus    *Bus       // hears of every change; nil is allowed
	Key    *vault.Key // of the files in Dir and Runs; nil: they are plain

	changing sync.Mutex // one change of records at a time
}

// AdapterInfo is an adapter with how it stands to the models that are here.
type AdapterInfo struct {
	record.Adapter
	Default bool   `json:"default"` // its model answers with it
	Fits    bool   `json:"fits"`    // its base is here, and is the one it was trained on as far as is known without loading it
	Dir     string `json:"dir"`
}

func (a *Adapters) book() record.Book { return record.Book{Store: a.Store} }

// Encrypted says whether the adapters here are encrypted. What Export writes never is.
func (a *Adapters) Encrypted() bool { return a.Key != nil }

func (a *Adapters) folder(id string) string { return filepath.Join(a.Dir, id) }

// List are all adapters, newest first.
func (a *Adapters) List(ctx context.Context) ([]AdapterInfo, error) {
	all, damaged, err := a.book().Adapters(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range damaged {
		slog.Warn("adapter that cannot be read", "id", d.ID, "error", d.Err)
	}
	choices, err := a.book().Choices(ctx)
	if err != nil {
		return nil, err
	}
	infos := make([]AdapterInfo, len(all))
	for i, x := range all {
		infos[i] = AdapterInfo{Adapter: x, Default: choices[x.Model].Adapter == x.ID, Fits: a.fits(ctx, x), Dir: a.folder(x.ID)}
	}
	return infos, nil
}

// fits says whether an adapter's base is here, without loading it: one that was never loaded is believed.
func (a *Adapters) fits(ctx context.Context, x record.Adapter) bool {
	if _, err := a.Models.folder(x.Model); err != nil {
		return false
	}
	info, err := a.Models.KnownGenerator(ctx, x.Model)
	return err != nil || info.ID == x.ModelID
}

// Find finds the adapter a person means: by ID or its beginning (4 digits or more), or by name.
func (a *Adapters) Find(ctx context.Context, which string) (AdapterInfo, error) {
	all, err := a.List(ctx)
	if err != nil {
		return AdapterInfo{}, err
	}
	for _, matches := range []func(AdapterInfo) bool{
		func(x AdapterInfo) bool { return x.ID == which },
		func(x AdapterInfo) bool { return x.Name == which },
		func(x AdapterInfo) bool { return len(which) >= 4 && strings.HasPrefix(x.ID, which) },
	} {
		var found []AdapterInfo
		for _, x := range all {
			if matches(x) {
				found = append(found, x)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		return AdapterInfo{}, core.Explain(fmt.Errorf("adapter %q: %d match: %w", which, len(found), core.ErrUsage), "error.adapter.ambiguous", which, len(found))
	}
	return AdapterInfo{}, core.Explain(fmt.Errorf("adapter %q: %w", which, core.ErrNotFound), "error.adapter.unknown", which)
}

// Default is the adapter that a model ("": the one in use) answers with; false for none.
func (a *Adapters) Default(ctx context.Context, model string) (record.Adapter, bool) {
	c, err := a.book().Chosen(ctx, a.modelName(model))
	if err != nil || c.Adapter == "" {
		return record.Adapter{}, false
	}
	x, err := a.book().Adapter(ctx, c.Adapter)
	return x, err == nil
}

func (a *Adapters) modelName(model string) string {
	if model == "" {
		return a.Models.Settings.Get().ChatModel
	}
	return model
}

// Use has an adapter's model answer with it from now on: a person's choice, so a draft is none any more.
func (a *Adapters) Use(ctx context.Context, which string) (record.Adapter, error) {
	x, err := a.Find(ctx, which)
	if err != nil {
		return record.Adapter{}, err
	}
	if !x.Fits {
		now, _ := a.Models.KnownGenerator(ctx, x.Model) // it has no ID where its folder is gone
		return x.Adapter, otherBase(x.Adapter, x.Model, now.ID)
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	x.State, x.Why = record.AdapterReady, nil
	if err := a.book().PutAdapter(ctx, x.Adapter); err != nil {
		return x.Adapter, err
	}
	return x.Adapter, a.choose(ctx, x.Model, x.ID)
}

// choose is for who holds changing.
func (a *Adapters) choose(ctx context.Context, model, id string) error {
	c, err := a.book().Chosen(ctx, model)
	if err != nil {
		return err
	}
	if c.Adapter == id {
		return nil
	}
	if err := a.book().PutChosen(ctx, model, record.Chosen{Adapter: id, Before: c.Adapter}); err != nil {
		return err
	}
	a.Bus.Tell(TopicAdapters)
	return nil
}

// Off has a model ("": the one in use) answer as it is. It returns the adapter that was taken off; its ID is empty where there was none.
func (a *Adapters) Off(ctx context.Context, model string) (record.Adapter, error) {
	model = a.modelName(model)
	was, _ := a.Default(ctx, model)
	a.changing.Lock()
	defer a.changing.Unlock()
	return was, a.choose(ctx, model, "")
}

// Back has a model ("": the one in use) answer as before the last Use, Off or Back. It returns what it answers with now; its ID is
// empty for the model as it is.
func (a *Adapters) Back(ctx context.Context, model string) (record.Adapter, error) {
	model = a.modelName(model)
	a.changing.Lock()
	defer a.changing.Unlock()
	c, err := a.book().Chosen(ctx, model)
	if err != nil {
		return record.Adapter{}, err
	}
	now, err := a.book().Adapter(ctx, c.Before)
	if c.Before == "" || errors.Is(err, core.ErrNotFound) {
		now, c.Before, err = record.Adapter{}, "", nil
	}
	if err != nil {
		return now, err
	}
	return now, a.choose(ctx, model, c.Before)
}

// Rename gives an adapter another name.
func (a *Adapters) Rename(ctx context.Context, which, name string) error {
	x, err := a.Find(ctx, which)
	if err != nil {
		return err
	}
	if name = strings.TrimSpace(name); !validAdapterName(name) {
		return core.Explain(fmt.Errorf("adapter name %q: %w", name, core.ErrUsage), "error.adapter.name", name)
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	x.Name = name
	if err := a.book().PutAdapter(ctx, x.Adapter); err != nil {
		return err
	}
	a.Bus.Tell(TopicAdapters)
	return nil
}

func validAdapterName(name string) bool {
	return name != "" && name != NoAdapter && len(name) <= 200 && !strings.ContainsFunc(name, unicode.IsControl)
}

// Remove erases an adapter, and its weights in the folders of the runs it came from: their checkpoints are of no use any more, and hold
// what it learned. A model that answers with it answers as it is afterwards.
func (a *Adapters) Remove(ctx context.Context, which string) error {
	x, err := a.Find(ctx, which)
	if err != nil {
		return err
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	ctx = context.WithoutCancel(ctx) // what is begun is finished
	choices, err := a.book().Choices(ctx)
	if err != nil {
		return err
	}
	for model, c := range choices {
		if c.Adapter != x.ID && c.Before != x.ID {
			continue
		}
		if c.Adapter == x.ID {
			c.Adapter = ""
		}
		if c.Before == x.ID {
			c.Before = ""
		}
		if err := a.book().PutChosen(ctx, model, c); err != nil {
			return err
		}
	}
	// Renamed first: what a crash leaves behind is no half adapter.
	gone := filepath.Join(a.Dir, ".removed-"+x.ID)
	if err := os.Rename(x.Dir, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove adapter %s: %w", x.ID, err)
	}
	if err := a.book().EraseAdapter(ctx, x.ID); err != nil {
		return err
	}
	a.Bus.Tell(TopicAdapters)
	if err := errors.Join(os.RemoveAll(gone), a.eraseWeights(ctx)); err != nil {
		return fmt.Errorf("remove adapter %s: %w", x.ID, err)
	}
	return nil
}

// eraseWeights erases the weights of runs that have ended and whose adapters were removed. Their losses and pictures stay.
func (a *Adapters) eraseWeights(ctx context.Context) error {
	if a.Runs == "" {
		return nil
	}
	runs, _, err := a.book().Runs(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range runs {
		if r.State != record.RunDone || r.Adapter == "" {
			continue
		}
		if _, err := a.book().Adapter(ctx, r.Adapter); !errors.Is(err, core.ErrNotFound) {
			continue // it is there, or perhaps is
		}
		for _, name := range []string{"checkpoints", "adapter"} {
			errs = append(errs, os.RemoveAll(filepath.Join(a.Runs, r.ID, name)))
		}
	}
	return errors.Join(errs...)
}

// Sweep deletes what an import or a removal left behind when it was killed. It is for the opener of the data folder.
func (a *Adapters) Sweep(ctx context.Context) error {
	entries, err := os.ReadDir(a.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for what is left of adapters: %w", err)
	}
	errs := []error{a.eraseWeights(ctx), sweepCapsule(a.Dir, func(id string) bool {
		_, err := a.book().Adapter(ctx, id)
		return !errors.Is(err, core.ErrNotFound)
	})}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			errs = append(errs, os.RemoveAll(filepath.Join(a.Dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// Learned are the adapters that learned from any of the documents: what they know of them stays when the documents are removed.
func (a *Adapters) Learned(ctx context.Context, documents ...string) ([]record.Adapter, error) {
	all, _, err := a.book().Adapters(ctx)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for _, id := range documents {
		gone[id] = true
	}
	var found []record.Adapter
	for _, x := range all {
		for _, d := range x.Documents {
			if gone[d.ID] {
				found = append(found, x)
				break
			}
		}
	}
	return found, nil
}

// lane is who answers for a loaded model: with its default adapter (""), as it is (NoAdapter), or with the one that is meant. An
// adapter of another base is refused; a default of another one, which was put in the place of its base since, is passed over.
func (a *Adapters) lane(ctx context.Context, model core.GeneratorInfo, which string) (rag.Lane, record.Adapter, error) {
	if which == NoAdapter || a == nil && which == "" {
		return rag.Lane{}, record.Adapter{}, nil
	}
	if a == nil {
		return rag.Lane{}, record.Adapter{}, core.Explain(fmt.Errorf("adapter %q: %w", which, core.ErrNotFound), "error.adapter.unknown", which)
	}
	var x record.Adapter
	if which == "" {
		found, ok := a.Default(ctx, model.Name)
		if !ok {
			return rag.Lane{}, record.Adapter{}, nil
		}
		if found.ModelID != model.ID {
			slog.Warn("the default adapter is of another base", "adapter", found.ID, "base", found.ModelID, "model", model.ID)
			return rag.Lane{}, record.Adapter{}, nil
		}
		x = found
	} else {
		found, err := a.Find(ctx, which)
		if err != nil {
			return rag.Lane{}, record.Adapter{}, err
		}
		if x = found.Adapter; x.ModelID != model.ID {
			return rag.Lane{}, x, otherBase(x, model.Name, model.ID)
		}
	}
	return rag.Lane{Adapter: x.ID, Dir: a.folder(x.ID)}, x, nil
}

// otherBase refuses an adapter for a model of a name and an ID.
func otherBase(x record.Adapter, model, id string) error {
	err := fmt.Errorf("adapter %s of base %s, asked with %q (%s): %w", x.ID, x.ModelID, model, id, core.ErrUnsupported)
	return core.Explain(err, "error.adapter.base", x.Name, model, cmp.Or(id, "-"), x.Model, x.ModelID)
}
