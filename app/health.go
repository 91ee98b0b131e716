package app

import (
	"context"
	"slices"

	"kakoi/core"
	"kakoi/core/ingest"
)

// HealthEntry is one thing about a document that a person should know.
type HealthEntry struct {
	Document core.Document
	Kind     string       // "failed", "outdated", or the Finding's
	Finding  core.Finding // of the other kinds
}

// Kinds of a HealthEntry besides those of core.Finding.
const (
	HealthFailed   = "failed"   // the file could not be read: Document.Reason and Hint say why
	HealthOutdated = "outdated" // read by an earlier version, which told less of it
)

// Attention says whether a person may want to do something about it.
func (e HealthEntry) Attention() bool {
	return e.Kind == HealthFailed || e.Kind == HealthOutdated || e.Finding.Attention()
}

// HealthReport is what is to be known of the documents of a collection.
type HealthReport struct {
	Collection string
	Documents  int
	Well       int           // of them, those of which nothing needs attention
	Entries    []HealthEntry // in the documents' order, then by page
	Unread     int           // pages that text recognition could read
	UnreadIn   []core.Document
}

// Health looks at a collection. It reads the documents' records, not their texts.
func (l *Library) Health(ctx context.Context, collection string) (HealthReport, error) {
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return HealthReport{}, err
	}
	docs, err := l.List(ctx, c.Name)
	if err != nil {
		return HealthReport{}, err
	}
	waiting, err := l.Waiting(ctx, c.ID, docs)
	if err != nil {
		return HealthReport{}, err
	}
	return HealthOf(c.Name, docs, waiting), nil
}

// HealthOf is the health of documents of a collection; waiting are their newer versions that text recognition can read (Library.Waiting).
func HealthOf(collection string, docs, waiting []core.Document) HealthReport {
	h := HealthReport{Collection: collection, Documents: len(docs)}
	for _, d := range docs {
		entries := EntriesOf(d)
		if !slices.ContainsFunc(entries, HealthEntry.Attention) {
			h.Well++
		}
		h.Entries = append(h.Entries, entries...)
	}
	for _, d := range withWaiting(docs, waiting) {
		if n := len(UnreadPages(d)); n > 0 {
			h.Unread += n
			h.UnreadIn = append(h.UnreadIn, d)
		}
	}
	return h
}

// EntriesOf are those of one document.
func EntriesOf(d core.Document) []HealthEntry {
	var out []HealthEntry
	if d.Reason != "" {
		out = append(out, HealthEntry{Document: d, Kind: HealthFailed})
	}
	if d.State == core.DocumentReady && ingest.Outdated(d.Kind, d.Reader) {
		out = append(out, HealthEntry{Document: d, Kind: HealthOutdated})
	}
	for _, f := range d.Findings {
		out = append(out, HealthEntry{Document: d, Kind: string(f.What), Finding: f})
	}
	return out
}

// Said is the sentence about the entry and what a person can do, "" where there is nothing to do; text is that of the translations.
func (e HealthEntry) Said(text func(key string, args ...any) string) (sentence, hint string) {
	switch e.Kind {
	case HealthFailed:
		return e.Document.Reason, e.Document.Hint
	case HealthOutdated:
		return text("finding.outdated"), text("finding.outdated.hint")
	}
	f := e.Finding
	key := "finding." + string(f.What)
	switch f.What {
	case core.FindingInside:
		sentence = text(key, f.Name, text("finding.why."+string(f.Why)))
		key = "finding.why." + string(f.Why)
	case core.FindingCut:
		key += "." + string(f.Why)
		sentence = text(key, f.Count)
	case core.FindingEncoding:
		sentence = text(key, f.Name, f.Count)
	case core.FindingLocked:
		sentence = text(key)
	case core.FindingPicture, core.FindingBlank, core.FindingBroken, core.FindingNoOCR:
		sentence = text(key)
	case core.FindingOCR:
		if sentence = text(key, f.Count); f.Attention() {
			key += ".doubtful"
		}
	default:
		sentence = text(key, f.Count)
	}
	if f.Name != "" && f.What != core.FindingInside && f.What != core.FindingEncoding {
		sentence = text("finding.in", f.Name, sentence)
		if f.What == core.FindingBroken || f.What == core.FindingNoOCR {
			key += ".in"
		}
	}
	if f.Page > 0 {
		sentence = text("finding.page", f.Range(), sentence)
	}
	if !f.Attention() {
		return sentence, ""
	}
	return sentence, text(key + ".hint")
}
