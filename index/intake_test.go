package index

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/index/store"
)

// parcel keeps what ExportOf gives.
type parcel struct {
	keys     []string
	payloads [][]byte
	ends     []int // of documents and vector indexes that are whole
	entries  []Entry
}

func (p *parcel) Put(key string, payload []byte) error {
	p.keys, p.payloads = append(p.keys, key), append(p.payloads, bytes.Clone(payload))
	e, ok, err := EntryOf(key, payload)
	if ok {
		p.entries = append(p.entries, e)
	}
	return errors.Join(err, CheckCapsule(key))
}

func (p *parcel) EndDocument(core.Document, bool) error { return nil }
func (p *parcel) EndGraph(bool) error                   { return nil }

// carry gives everything to an Intake.
func (p *parcel) carry(t *testing.T, x *Index, name string, graphs bool) *Intake {
	t.Helper()
	into, with := map[string]string{}, map[string]bool{}
	var arrivals []Arrival
	for _, e := range p.entries {
		into[e.Collection], with[e.Collection] = name, graphs
		arrivals = append(arrivals, Arrival{e, e.Document})
	}
	in, err := x.NewIntake(t.Context(), into, arrivals, with)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range p.keys {
		if err := in.Put(key, p.payloads[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Record("kind", "id", []byte("a record")); err != nil {
		t.Fatal(err)
	}
	return in
}

func pack(t *testing.T, x *Index) *parcel {
	t.Helper()
	p := &parcel{}
	if err := x.ExportOf(t.Context(), Selection{Ready: true, Graphs: true}, p, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func sound(t *testing.T, x *Index) {
	t.Helper()
	problems, err := x.Verify(t.Context(), nil)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", problems, err)
	}
}

// TestIntake: what was carried with its vector index answers with the same hits, in the same order, with the same scores, and nothing is linked again.
func TestIntake(t *testing.T) {
	x, coll := graphLibrary(t, t.TempDir(), 2500)
	want := graphAsk(t, x, coll, 1, 10)
	p := pack(t, x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	y, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := p.carry(t, y, "taken", true)
	if all, err := y.Collections(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("seen before its end: %v, %v", all, err)
	}
	if _, err := y.NewIntake(t.Context(), nil, nil, nil); !errors.Is(err, core.ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	if err := in.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := y.collection("taken")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err := y.GraphsWanted(t.Context(), id); err != nil || n != 0 {
			t.Errorf("%d vectors are to be linked again, %v", n, err)
		}
		if got := graphAsk(t, y, id, 1, 10); !slices.EqualFunc(got, want, func(a, b core.Hit) bool { return a.Chunk == b.Chunk && a.Dense == b.Dense }) {
			t.Errorf("it answers %v, not %v", got, want)
		}
		if text, err := y.Record(t.Context(), "kind", "id"); err != nil || string(text) != "a record" {
			t.Errorf("record: %q, %v", text, err)
		}
		sound(t, y)
		y = graphReopen(t, y, dir)
	}
	if n, err := y.store.Left(stagedPrefix); err != nil || n != 0 {
		t.Errorf("%d staged values are left, %v", n, err)
	}
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestIntakeOfNothing: dropped, or left by a process that ended, it leaves nothing; ended while it was given its place, it is all there.
func TestIntakeOfNothing(t *testing.T) {
	x, _ := graphLibrary(t, t.TempDir(), 600)
	p := pack(t, x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	y, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	empty := func(what string) {
		t.Helper()
		for _, prefix := range []string{"h/", "z/", "i/", "p/", "k/", "v/", "x/", "g/", "q/", "w/", "y/", "c/", "r/"} {
			if n, err := y.store.Left(prefix); err != nil || n != 0 && prefix != "w/" {
				t.Errorf("%s: %d keys of %s, %v", what, n, prefix, err)
			}
		}
		sound(t, y)
	}
	if err := p.carry(t, y, "taken", true).Drop(); err != nil {
		t.Fatal(err)
	}
	empty("dropped")
	if err := p.carry(t, y, "taken", true).flush(); err != nil {
		t.Fatal(err)
	}
	y.intake = false
	y = graphReopen(t, y, dir) // as after a crash
	empty("crashed")

	in := p.carry(t, y, "taken", true)
	if err := errors.Join(in.flush(), y.PutMeta(t.Context(), in.id)); err != nil {
		t.Fatal(err)
	}
	y = graphReopen(t, y, dir)
	docs, err := y.Documents(t.Context(), "taken")
	if err != nil || len(docs) != len(p.entries) {
		t.Errorf("%d documents, %v", len(docs), err)
	}
	sound(t, y)

	// Into a collection where one of them came meanwhile: nothing of it.
	if err := y.RemoveCollection(t.Context(), "taken"); err != nil {
		t.Fatal(err)
	}
	in = p.carry(t, y, "taken", false)
	if _, err := y.EnsureCollection(t.Context(), "taken"); err != nil {
		t.Fatal(err)
	}
	if err := in.Commit(t.Context()); !errors.Is(err, core.ErrBusy) {
		t.Errorf("over what came meanwhile: %v", err)
	}
	if docs, err := y.Documents(t.Context(), "taken"); err != nil || len(docs) != 0 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
	sound(t, y)
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
}

// PutMeta marks an intake as one that counts, as Commit does before it gives things their place.
func (x *Index) PutMeta(_ context.Context, id string) error {
	return x.store.Write(func(w *store.Writer) error { return w.Put(intakeKey, []byte(id)) })
}
