package index_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// TestRemains: what is there counts, what was removed does not.
func TestRemains(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	doc, _ := add(t, x, coll, "a.txt", "The budget is 24,500 dollars.", "The move is in May.")
	if _, err := x.Search(ctx, coll, index.Query{Text: "budget"}); err != nil { // loads an index
		t.Fatal(err)
	}
	r, err := x.Remains(ctx, coll, doc.ID)
	if err != nil || r.Document == 0 || r.Texts == 0 || r.Chunks == 0 || r.Vectors == 0 || r.Words == 0 || r.Memory == 0 {
		t.Fatalf("of a document that is there: %+v, %v", r, err)
	}
	if err := x.Remove(ctx, coll, doc.ID); err != nil {
		t.Fatal(err)
	}
	if r, err = x.Remains(ctx, coll, doc.ID); err != nil || r.Total() != 0 {
		t.Errorf("after its removal: %+v, %v", r, err)
	}
}

func TestRemoveCollection(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	other, err := x.EnsureCollection(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	const secret = "Zanzibar-4711"
	for i := range 40 {
		add(t, x, coll, fmt.Sprintf("doc%d.txt", i), secret+fmt.Sprint(" number ", i))
	}
	kept, _ := add(t, x, other.ID, "kept.txt", "Nothing of this goes.")
	if err := x.PutFailed(ctx, coll, core.Document{Name: "bad.pdf", Source: "/x/bad.pdf", State: core.DocumentFailed}); err != nil {
		t.Fatal(err)
	}
	doc, pages, chunks := file("draft.txt", secret)
	if _, err := x.Begin(ctx, coll, doc, pages, chunks, embedder); err != nil { // stays a draft
		t.Fatal(err)
	}
	if _, err := x.Search(ctx, coll, index.Query{Text: secret}); err != nil {
		t.Fatal(err)
	}
	if err := x.RemoveCollection(ctx, coll); err != nil {
		t.Fatal(err)
	}
	if r, err := x.Remains(ctx, coll, ""); err != nil || r.Total() != 0 {
		t.Errorf("what is left: %+v, %v", r, err)
	}
	if all, err := x.Collections(ctx); err != nil || len(all) != 1 || all[0].Name != "other" {
		t.Errorf("collections are %v, %v", all, err)
	}
	if err := x.RemoveCollection(ctx, coll); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("removing it twice: %v", err)
	}
	if docs, err := x.Documents(ctx, other.ID); err != nil || len(docs) != 1 || docs[0].ID != kept.ID {
		t.Errorf("the other collection has %v, %v", docs, err)
	}
	again, err := x.EnsureCollection(ctx, "既定")
	if err != nil {
		t.Fatal(err)
	}
	if docs, err := x.Documents(ctx, again.ID); err != nil || len(docs) != 0 {
		t.Errorf("made anew it has %v, %v", docs, err)
	}
	add(t, x, again.ID, "new.txt", "A new beginning.")
	indextest.Close(t, x)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), secret) {
			t.Errorf("%s still holds text", f.Name())
		}
	}
}

// TestRemoveAll: many documents go at once, and nothing is left of them, nor missing of the others; what is not there is passed over.
func TestRemoveAll(t *testing.T) {
	dir := t.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	var ids []string
	const n = 530 // more than two portions
	for i := range n {
		doc, _ := add(t, x, coll, fmt.Sprintf("%03d.txt", i), fmt.Sprintf("文書%dの秘密は合言葉%dです。", i, i*7))
		if i%10 != 0 {
			ids = append(ids, doc.ID)
		}
	}
	search(t, x, coll, index.Query{Text: "合言葉", Vector: embed("x")}) // loads both sides
	gone, err := x.RemoveAll(t.Context(), coll, append(ids, "0123456789abcdef"))
	if err != nil || gone != len(ids) {
		t.Fatalf("removed %d of %d, %v", gone, len(ids), err)
	}
	look := func() {
		t.Helper()
		for _, id := range ids[:20] {
			if left, err := x.Remains(t.Context(), coll, id); err != nil || left.Total() != 0 {
				t.Fatalf("left of %s is %+v, %v", id, left, err)
			}
		}
		stats, err := x.Stats(t.Context(), coll)
		if err != nil || stats.Documents != n/10 || stats.Chunks != n/10 {
			t.Fatalf("left are %+v, %v", stats, err)
		}
		r := search(t, x, coll, index.Query{Text: "合言葉", Vector: embed("文書20の秘密は合言葉140です。"), K: n})
		if len(r.Dense) != n/10 || len(r.Lexical) != n/10 || r.Dense[0].Name != "020.txt" {
			t.Fatalf("found are %d and %d", len(r.Dense), len(r.Lexical))
		}
	}
	look()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"の秘密は合言葉7で", "の秘密は合言葉3703で"} {
		if found := contains(t, dir, []byte(secret)); len(found) > 0 {
			t.Errorf("%q is left in %v", secret, found)
		}
	}
	x = indextest.Open(t, dir)
	look()
	if again, err := x.RemoveAll(t.Context(), coll, ids); err != nil || again != 0 {
		t.Errorf("removed %d again, %v", again, err)
	}
}
