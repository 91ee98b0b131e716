package app

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/alike"
	"kakoi/index"
)

// Relation says what one document is to another that says nearly the same.
type Relation string

const (
	RelationSame  Relation = "same"  // the same text
	RelationOlder Relation = "older" // an earlier version of it
	RelationNewer Relation = "newer" // a later version of it
	RelationAlike Relation = "alike" // nearly the same text; the dates do not say which is newer
)

// Relative is another document of the collection that says the same, or nearly.
type Relative struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Source   string    `json:"source"`
	Modified time.Time `json:"modified"`
	Relation Relation  `json:"relation"` // of the document that was asked about to this one
	Percent  int       `json:"percent"`  // how alike, see package alike; 100 for the same text alone
}

// Say is a sentence about the document that was asked about; other names the relative, and text is resources.Format in a language.
func (r Relative) Say(text func(key string, args ...any) string, other string) string {
	switch r.Relation {
	case RelationSame:
		return text("alike.same", other)
	case RelationOlder:
		return text("alike.older", other, r.Percent)
	case RelationNewer:
		return text("alike.newer", other, r.Percent)
	}
	return text("alike.alike", other, r.Percent)
}

// relative says what a is to b.
func relative(a, b core.Document, same bool, likeness float64) Relative {
	r := Relative{ID: b.ID, Name: b.Name, Source: b.Source, Modified: b.Modified, Relation: RelationAlike, Percent: min(99, int(math.Round(100*likeness)))}
	switch {
	case same:
		r.Relation, r.Percent = RelationSame, 100
	case a.Modified.IsZero() || b.Modified.IsZero():
	case a.Modified.Before(b.Modified):
		r.Relation = RelationOlder
	case a.Modified.After(b.Modified):
		r.Relation = RelationNewer
	}
	return r
}

// nearest orders relatives: the same text first, then by likeness, then the newest.
func nearest(a, b Relative) int {
	return cmp.Or(cmp.Compare(b.Percent, a.Percent), b.Modified.Compare(a.Modified), cmp.Compare(a.Source, b.Source))
}

// Relatives are the documents of a collection that say the same as one of its documents, or nearly: copies and versions, nearest first.
// Nothing is done with them: a person decides.
func (l *Library) Relatives(ctx context.Context, collection, id string) ([]Relative, error) {
	signs, err := l.signs(ctx, collection)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(signs, func(s index.Signed) bool { return s.Document.ID == id })
	if at < 0 {
		return nil, nil // not read, or on its way out
	}
	var out []Relative
	for i, s := range signs {
		if likeness := signs[at].Sign.Alike(s.Sign); i != at && likeness >= alike.Least {
			out = append(out, relative(signs[at].Document, s.Document, signs[at].Sign.Same(s.Sign), likeness))
		}
	}
	slices.SortFunc(out, nearest)
	return out, nil
}

// AllRelatives are those of every document of a collection that has some, by its id. Of many copies of one text each is named beside the first
// of them only.
func (l *Library) AllRelatives(ctx context.Context, collection string) (map[string][]Relative, error) {
	signs, err := l.signs(ctx, collection)
	if err != nil {
		return nil, err
	}
	all := make([]alike.Sign, len(signs))
	for i, s := range signs {
		all[i] = s.Sign
	}
	out := map[string][]Relative{}
	for _, p := range alike.Pairs(all) {
		a, b := signs[p.A].Document, signs[p.B].Document
		out[a.ID] = append(out[a.ID], relative(a, b, p.Same, p.Alike))
		out[b.ID] = append(out[b.ID], relative(b, a, p.Same, p.Alike))
	}
	for _, r := range out {
		slices.SortFunc(r, nearest)
	}
	return out, nil
}

func (l *Library) signs(ctx context.Context, collection string) ([]index.Signed, error) {
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	signs, err := l.Store.Signs(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("look for copies and versions in %q: %w", c.Name, err)
	}
	return signs, nil
}
