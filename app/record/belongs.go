package record

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// Kinds of heads, for whoever counts what goes from one library into another.
const (
	KindConversation = headKind
	KindCorrection   = correctionKind
	KindDataset      = datasetKind
	KindExam         = examKind
	KindAdapter      = adapterKind
	KindRun          = runKind
)

// Belonging says which records belong to some collections: conversations with their turns, corrections, datasets with their rows, what was trained of
// them (runs that came to their end, adapters, exams). Records that only tell of this machine (jobs, links to folders, models, choices) belong to none.
type Belonging struct {
	all    bool
	heads  map[string]map[string]bool // ids by kind
	detail map[string]bool            // kinds that are one head's: "turn.ID"
}

// Belong finds what belongs to the collections with the names; nil is all of them. main is the name of the collection of records that name none.
func (b Book) Belong(ctx context.Context, names []string, main string) (Belonging, error) {
	out := Belonging{all: names == nil, heads: map[string]map[string]bool{}, detail: map[string]bool{}}
	for _, kind := range []string{headKind, correctionKind, datasetKind, examKind, adapterKind, runKind} {
		out.heads[kind] = map[string]bool{}
	}
	in := func(name string) bool {
		if name == "" {
			name = main
		}
		return out.all || slices.Contains(names, name)
	}
	take := func(kind, id string, details ...string) {
		out.heads[kind][id] = true
		for _, d := range details {
			out.detail[d+id] = true
		}
	}
	conversations, _, err := b.Heads(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range conversations {
		if in(c.Collection) {
			take(headKind, c.ID, turnKind, givenKind)
		}
	}
	corrections, _, err := b.Corrections(ctx)
	if err != nil {
		return out, err
	}
	for _, k := range corrections {
		if in(k.Collection) || out.heads[headKind][k.Conversation] {
			take(correctionKind, k.ID)
		}
	}
	datasets, _, err := b.Datasets(ctx)
	if err != nil {
		return out, err
	}
	for _, d := range datasets {
		if out.all || d.Collection != "" && in(d.Collection) {
			take(datasetKind, d.ID, datasetRowsKind)
		}
	}
	adapters, _, err := b.Adapters(ctx)
	if err != nil {
		return out, err
	}
	for _, a := range adapters {
		if out.all || a.Collection != "" && in(a.Collection) || out.heads[datasetKind][a.Dataset] {
			take(adapterKind, a.ID)
		}
	}
	runs, _, err := b.Runs(ctx)
	if err != nil {
		return out, err
	}
	for _, r := range runs {
		if r.State == RunDone && (out.all || out.heads[datasetKind][r.Dataset] || out.heads[adapterKind][r.Adapter]) {
			take(runKind, r.ID, lossKind)
		}
	}
	exams, _, err := b.Exams(ctx)
	if err != nil {
		return out, err
	}
	for _, e := range exams {
		if e.State == RunDone && (out.all || e.Collection != "" && in(e.Collection) || out.heads[datasetKind][e.Dataset] || out.heads[adapterKind][e.Adapter]) {
			take(examKind, e.ID, itemKind)
		}
	}
	return out, nil
}

// Has says whether a record belongs.
func (b Belonging) Has(kind, id string) bool { return b.heads[kind][id] || b.detail[kind] }

// IDs are the heads of a kind that belong.
func (b Belonging) IDs(kind string) map[string]bool { return b.heads[kind] }

// HeadOf says which head a record is or belongs to: its kind and its id; false for a record that Belong takes never.
func HeadOf(kind, id string) (headOf, of string, ok bool) {
	switch kind {
	case headKind, correctionKind, datasetKind, examKind, adapterKind, runKind:
		return kind, id, true
	}
	for prefix, head := range map[string]string{turnKind: headKind, givenKind: headKind, datasetRowsKind: datasetKind, itemKind: examKind, lossKind: runKind} {
		if of, ok := strings.CutPrefix(kind, prefix); ok {
			return head, of, true
		}
	}
	return "", "", false
}

// TurnIDs are the turns of a conversation.
func (b Book) TurnIDs(ctx context.Context, conversation string) ([]string, error) {
	return b.Store.RecordIDs(ctx, turnKind+conversation)
}

// IsTurn says whether a record is a turn of a conversation.
func IsTurn(kind string) bool { return strings.HasPrefix(kind, turnKind) }

// Decode reads the stored form of a record: core.ErrCorrupt, core.ErrUnsupported.
func Decode[T any](raw []byte) (v T, err error) {
	err = decode(raw, &v)
	return v, err
}

// Encode is the stored form of a record.
func Encode(v any) ([]byte, error) { return encode(v) }

// Rename gives the stored form of a record in which documents, which stand in it by their ids, and collections, which stand by name, are called otherwise. Where nothing of
// it is in the record, it is the same bytes.
func Rename(raw []byte, documents, collections map[string]string) ([]byte, error) {
	if len(documents)+len(collections) == 0 {
		return raw, nil
	}
	var value json.RawMessage
	if err := decode(raw, &value); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber() // as they were written
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	changed := false
	v = rename(v, "", documents, collections, &changed)
	if !changed {
		return raw, nil
	}
	return encode(v)
}

func rename(v any, field string, documents, collections map[string]string, changed *bool) any {
	switch v := v.(type) {
	case map[string]any:
		for key, one := range v {
			v[key] = rename(one, key, documents, collections, changed)
		}
	case []any:
		for i, one := range v {
			v[i] = rename(one, field, documents, collections, changed)
		}
	case string:
		to, ok := documents[v]
		if field == "collection" || field == "elsewhere" {
			to, ok = collections[v]
		}
		if ok {
			*changed = true
			return to
		}
	}
	return v
}
