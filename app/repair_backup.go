package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"kakoi/core"
	"kakoi/index"
)

// salvaged is what the newest good backup has of what a repair can read neither from files nor from stored pages.
type salvaged struct {
	made    time.Time
	file    string
	docs    map[index.Source]savedDocument
	records map[string][]byte // by "kind id"
}

type savedDocument struct {
	doc   core.Document
	pages []core.Page
}

// pastHelp says whether a document cannot be made whole of its file nor of its stored pages.
func pastHelp(a Ailing) bool { return a.From == FromNone || a.From == FromPages && a.LostPages > 0 }

// fromBackup looks into the newest good backup for damaged documents that are past help and for records that were taken out. Without one, or where it cannot be read, it finds nothing.
func (d *Doctor) fromBackup(ctx context.Context, p core.Progress, m index.Mended) (out salvaged) {
	out = salvaged{docs: map[index.Source]savedDocument{}, records: map[string][]byte{}}
	if d.Backups == nil {
		return out
	}
	wanted := map[index.Source]bool{}
	for _, h := range m.Harmed {
		if pastHelp(ailing(h)) {
			wanted[index.Source{Collection: h.Collection.ID, Document: h.Document.ID}] = true
		}
	}
	lost := map[string]bool{}
	for _, r := range m.Records {
		lost[r] = true
	}
	if len(wanted)+len(lost) == 0 {
		return out
	}
	newest, err := d.Backups.Newest()
	if err == nil {
		out.made, out.file = newest.Made, newest.File
		err = d.Backups.gather(ctx, p, newest.File, wanted, lost, out)
	}
	if err != nil {
		if !errors.Is(err, core.ErrNotFound) {
			slog.Warn("look for lost documents in a backup", "file", newest.File, "error", err)
		}
		return salvaged{}
	}
	return out
}

// gather reads a backup and keeps what is wanted of it.
func (b *Backup) gather(ctx context.Context, p core.Progress, path string, wanted map[index.Source]bool, lost map[string]bool, out salvaged) error {
	var at *index.Exported
	_, _, _, err := b.read(ctx, path, "look", p, func(kind byte, payload []byte) error {
		switch kind {
		case frameValues:
			return eachValue(payload, func(key string, payload []byte) error {
				if kind, id, ok := index.RecordOf(key); ok {
					if name := kind + " " + id; lost[name] {
						out.records[name] = append([]byte{}, payload...)
					}
					return nil
				}
				e, ok, err := index.EntryOf(key, payload)
				if err != nil {
					return err
				}
				if ok {
					if at = nil; wanted[index.Source{Collection: e.Collection, Document: e.Document.ID}] && e.Generation != 0 {
						at = &index.Exported{Entry: e}
					}
					return nil
				}
				if at == nil {
					return nil
				}
				return at.Put(key, payload)
			})
		case frameKept, frameChanged:
			if at != nil && kind == frameKept {
				pages, err := at.Pages()
				if err != nil {
					return err
				}
				out.docs[index.Source{Collection: at.Entry.Collection, Document: at.Entry.Document.ID}] = savedDocument{at.Entry.Document, pages}
			}
			at = nil
		}
		return nil
	})
	return err
}

// bringBack puts records back that could not be read, as the backup has them, and says which.
func (d *Doctor) bringBack(ctx context.Context, s salvaged) ([]string, error) {
	names := []string{}
	for name, payload := range s.records {
		kind, id, _ := strings.Cut(name, " ")
		if err := d.Library.Store.PutRecord(ctx, kind, id, payload); err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}
