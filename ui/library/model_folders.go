package library

import (
	"context"
	"errors"
	"fmt"

	"kakoi/app"
)

// folderList is the linked folders.
type folderList struct {
	m        *model
	all      []app.Folder
	checking map[string]bool // by id
	said     map[string]string
}

func (f *folderList) take(all []app.Folder) {
	if f.checking == nil {
		f.checking, f.said = map[string]bool{}, map[string]string{}
	}
	f.all = all
}

// line says how a folder stands.
func (f *folderList) line(one app.Folder) string {
	m := f.m
	switch {
	case f.checking[one.ID]:
		return m.Text("documents.folder.checking")
	case one.Problem != "":
		return one.Problem + " " + one.Hint
	case one.Checked.IsZero():
		return m.Text("documents.folder.never")
	}
	text := m.Text("documents.folder.checked", one.Checked.Local().Format("2006-01-02 15:04"))
	if said := f.said[one.ID]; said != "" {
		text += "  " + said
	}
	if one.Away > 0 {
		text += "  " + m.Text("documents.folder.away", one.Away)
	}
	if one.Gone > 0 {
		text += "  " + m.Text("documents.folder.gone", one.Gone)
	}
	return text
}

// link links a folder with the shown collection and looks at it at once.
func (f *folderList) link(path string) {
	f.change(func(ctx context.Context) (string, error) {
		one, err := f.m.links.Link(ctx, app.Folder{Path: path, Collection: f.m.adding.target(), Watch: true})
		return one.ID, err
	})
}

// set changes what is done for a folder without being asked.
func (f *folderList) set(one app.Folder, watch, remove bool) {
	one.Watch, one.Remove = watch, remove
	f.change(func(ctx context.Context) (string, error) {
		_, err := f.m.links.Link(ctx, one)
		return "", err
	})
}

// change runs a change of links, then checks the folder it names.
func (f *folderList) change(do func(ctx context.Context) (check string, err error)) {
	m := f.m
	m.Go(func(ctx context.Context) {
		id, err := do(ctx)
		m.Post(func() {
			if err != nil {
				m.ShowError(err)
			} else if id != "" {
				f.check(id, false)
			}
			m.reload()
		})
	})
}

// unlink asks, and forgets a folder. Its documents stay.
func (f *folderList) unlink(one app.Folder) {
	f.m.ask(question{key: "documents.unlink", args: []any{one.Path}, then: func() {
		f.change(func(ctx context.Context) (string, error) { return "", f.m.links.Unlink(ctx, one.ID) })
	}})
}

// removeGone asks, and removes the documents whose files are gone.
func (f *folderList) removeGone(one app.Folder) {
	f.m.ask(question{key: "documents.gone", args: []any{one.Gone, one.Path}, danger: true, then: func() { f.check(one.ID, true) }})
}

// check looks at a folder now.
func (f *folderList) check(id string, remove bool) {
	m := f.m
	if f.checking == nil {
		f.take(nil)
	}
	if f.checking[id] {
		return
	}
	f.checking[id] = true
	m.tell(changedPart)
	m.Go(func(ctx context.Context) {
		c, err := m.links.Check(ctx, id, app.CheckOptions{AddOptions: app.AddOptions{Explain: m.explain}, Remove: remove})
		m.Post(func() {
			delete(f.checking, id)
			switch {
			case errors.Is(err, context.Canceled):
			case err != nil:
				m.ShowError(err)
			case c.New+c.Changed+c.Removed+c.Moved == 0:
				f.said[id] = m.Text("documents.folder.same")
			default:
				f.said[id] = m.Text("documents.folder.did", c.Add.Added-c.Moved, c.Add.Updated, c.Removed, len(c.Add.Failed))
				if c.Moved > 0 {
					f.said[id] += m.Text("documents.folder.moved", c.Moved)
				}
				if c.Add.Chunks > 0 {
					f.said[id] += m.Text("documents.folder.passages", c.Add.Embedded, c.Add.Chunks)
				}
			}
			if len(c.Add.Failed) > 0 {
				m.adding.summary, m.adding.refreshed = &c.Add, false
				m.tell(changedNotice)
			}
			m.tell(changedPart)
			m.reload()
		})
	})
}

// collectionList is the collections.
type collectionList struct {
	m     *model
	all   []app.CollectionStatus
	shown string
}

func (c *collectionList) take(all []app.CollectionStatus, shown string) { c.all, c.shown = all, shown }

// line says what is in a collection.
func (c *collectionList) line(one app.CollectionStatus) string {
	text := c.m.Text("documents.collection.counts", one.Documents, one.Chunks)
	if one.Failed > 0 {
		text += c.m.Text("documents.collection.failed", one.Failed)
	}
	if one.Pending > 0 {
		text += c.m.Text("documents.collection.pending", one.Pending)
	}
	return text
}

// create makes a collection and shows it.
func (c *collectionList) create(name string) {
	m := c.m
	m.Go(func(ctx context.Context) {
		made, err := m.lib.CreateCollection(ctx, name)
		m.Post(func() {
			if err != nil {
				m.ShowError(err)
				return
			}
			m.SetCollection(made.Name)
			m.reload()
		})
	})
}

// remove asks, and removes a collection with all its documents.
func (c *collectionList) remove(one app.CollectionStatus) {
	m := c.m
	n := one.Documents + one.Failed + one.Pending
	q := question{key: "documents.collection.remove", args: []any{one.Name, n}, danger: true, then: func() {
		m.Go(func(ctx context.Context) {
			_, err := m.links.UnlinkCollection(ctx, one.Name)
			var e app.Erasure
			if err == nil {
				e, err = m.lib.RemoveCollection(ctx, one.Name)
			}
			m.Post(func() {
				if err != nil {
					m.ShowError(fmt.Errorf("remove collection: %w", err))
				} else {
					m.Toast(m.Text("documents.collection.removed", one.Name, e.Documents, m.checked(one.Chunks, e)))
				}
				if m.Collection() == one.Name {
					m.SetCollection("")
				}
				m.reload()
			})
		})
	}}
	m.askKnowing(q, func(ctx context.Context) ([]string, error) {
		docs, err := m.lib.List(ctx, one.Name)
		ids := make([]string, len(docs))
		for i, d := range docs {
			ids[i] = d.ID
		}
		return ids, err
	})
}
