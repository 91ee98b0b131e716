package index_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

const width = 64

var embedder = core.EmbedderInfo{ID: "00000000000000aa", Name: "test", Dimension: width}

// embed is a vector that depends on the text alone.
func embed(text string) core.Vector {
	sum := sha256.Sum256([]byte(text))
	r := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])))
	return unit(r)
}

func unit(r *rand.Rand) core.Vector {
	v, n := make(core.Vector, width), 0.0
	for i := range v {
		v[i] = float32(r.NormFloat64())
		n += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(n))
	}
	return v
}

// file makes a document of one page whose chunks are the texts.
func file(name string, texts ...string) (core.Document, []core.Page, []core.Chunk) {
	page := core.Page{Number: 1}
	var chunks []core.Chunk
	at := 0
	for i, text := range texts {
		n := len([]rune(text))
		chunks = append(chunks, core.Chunk{Ordinal: i, Page: 1, Start: at, End: at + n, Text: text})
		page.Text += text + "\n"
		at += n + 1
	}
	source := "/doc/" + name
	sum := sha256.Sum256([]byte(page.Text))
	for i := range chunks {
		chunks[i].Document = core.DocumentID(source)
	}
	return core.Document{
		ID: core.DocumentID(source), Name: name, Source: source, Kind: "txt", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(page.Text)), Split: "s",
	}, []core.Page{page}, chunks
}

// add puts a document in whole and says how many chunks had to be embedded.
func add(t testing.TB, x *index.Index, coll, name string, texts ...string) (core.Document, int) {
	t.Helper()
	return addAs(t, x, coll, name, func(i int) core.Vector { return embed(texts[i]) }, texts...)
}

// addAs is add with vectors of one's own, by the place of the text.
func addAs(t testing.TB, x *index.Index, coll, name string, vector func(i int) core.Vector, texts ...string) (core.Document, int) {
	t.Helper()
	doc, pages, chunks := file(name, texts...)
	d, err := x.Begin(context.Background(), coll, doc, pages, chunks, embedder)
	if err != nil {
		t.Fatalf("begin %s: %v", name, err)
	}
	missing := d.Missing()
	var vecs []core.Vector
	for _, o := range missing {
		vecs = append(vecs, vector(o))
	}
	if err := d.PutVectors(context.Background(), missing, vecs); err != nil {
		t.Fatalf("put vectors of %s: %v", name, err)
	}
	doc, err = d.Commit(context.Background())
	if err != nil {
		t.Fatalf("commit %s: %v", name, err)
	}
	return doc, len(missing)
}

func collection(t testing.TB, x *index.Index) string {
	t.Helper()
	c, err := x.EnsureCollection(context.Background(), "既定")
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func search(t testing.TB, x *index.Index, coll string, q index.Query) index.Result {
	t.Helper()
	if q.Embedder == "" {
		q.Embedder = embedder.ID
	}
	r, err := x.Search(context.Background(), coll, q)
	if err != nil {
		t.Fatalf("search: %v", err)
	}
	return r
}

func TestAddEditRemove(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	x := indextest.Open(t, dir)
	coll := collection(t, x)
	if again := collection(t, x); again != coll {
		t.Fatalf("collection made twice: %s, %s", coll, again)
	}
	doc, n := add(t, x, coll, "a.txt", "有給休暇は年に二十日です。", "申請は三日前までに行います。", "型番XK-2041を使います。")
	if n != 3 || doc.State != core.DocumentReady || doc.Chunks != 3 || doc.Pages != 1 {
		t.Fatalf("embedded %d, document %+v", n, doc)
	}
	add(t, x, coll, "empty.txt")
	add(t, x, coll, "b.txt", "有給休暇は年に二十日です。")
	r := search(t, x, coll, index.Query{Text: "有給", Vector: embed("申請は三日前までに行います。")})
	if len(r.Lexical) != 2 || len(r.Dense) != 4 || r.Dense[0].Chunk.Ordinal != 1 || r.Dense[0].Dense < 0.999 || r.Dense[0].Name != "a.txt" || r.Dense[0].DenseRank != 1 {
		t.Fatalf("search: %+v", r)
	}
	// An edit: one chunk changed, one moved, one new.
	doc, n = add(t, x, coll, "a.txt", "申請は三日前までに行います。", "有給休暇は年に二十日です。", "型番XK-2042を使います。", "以上。")
	if n != 2 {
		t.Fatalf("an edit of two chunks embedded %d", n)
	}
	r = search(t, x, coll, index.Query{Text: "XK-2041", Vector: embed("申請は三日前までに行います。")})
	if r.Dense[0].Chunk.Ordinal != 0 || r.Dense[0].Dense < 0.999 {
		t.Fatalf("dense after the edit: %+v", r.Dense[0])
	}
	for _, h := range r.Lexical {
		if strings.Contains(h.Chunk.Text, "2041") {
			t.Fatalf("the old version was found: %+v", h)
		}
	}
	_, pages, chunks := file("a.txt", "申請は三日前までに行います。", "有給休暇は年に二十日です。", "型番XK-2042を使います。", "以上。")
	if got, err := x.Chunks(ctx, coll, doc.ID); err != nil || !reflect.DeepEqual(got, chunks) {
		t.Fatalf("chunks %v, %v", got, err)
	}
	if got, err := x.Pages(ctx, coll, doc.ID); err != nil || !reflect.DeepEqual(got, pages) {
		t.Fatalf("pages %v, %v", got, err)
	}
	s, err := x.Stats(ctx, coll)
	if err != nil || s.Documents != 3 || s.Ready != 3 || s.Chunks != 5 || s.Embedders[embedder.ID] != 3 {
		t.Fatalf("stats %+v, %v", s, err)
	}
	if err := x.Remove(ctx, coll, doc.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Document(ctx, coll, doc.ID); !errors.Is(err, core.ErrNotFound) {
		t.Fatalf("removed document: %v", err)
	}
	if err := x.Remove(ctx, coll, doc.ID); !errors.Is(err, core.ErrNotFound) {
		t.Fatalf("removed twice: %v", err)
	}
	r = search(t, x, coll, index.Query{Text: "有給休暇 申請", Vector: embed("以上。")})
	if len(r.Dense) != 1 || len(r.Lexical) != 1 || r.Lexical[0].Name != "b.txt" {
		t.Fatalf("search after the removal: %+v", r)
	}
	docs, err := x.Documents(ctx, coll)
	if err != nil || len(docs) != 2 || docs[0].Name != "b.txt" || docs[1].Name != "empty.txt" {
		t.Fatalf("documents %+v, %v", docs, err)
	}
}

func TestDraft(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	texts := make([]string, 200)
	for i := range texts {
		texts[i] = fmt.Sprintf("第%d条 ", i) + strings.Repeat("本文", 600)
	}
	doc, pages, chunks := file("long.txt", texts...)
	d, err := x.Begin(ctx, coll, doc, pages, chunks, embedder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(ctx); !errors.Is(err, core.ErrUsage) {
		t.Fatalf("commit without vectors: %v", err)
	}
	if err := d.PutVectors(ctx, []int{3}, []core.Vector{make(core.Vector, width-1)}); !errors.Is(err, core.ErrDimension) {
		t.Fatalf("narrow vector: %v", err)
	}
	if err := d.PutVectors(ctx, []int{200}, []core.Vector{embed("")}); !errors.Is(err, core.ErrUsage) {
		t.Fatalf("chunk 200 of 200: %v", err)
	}
	if err := d.PutVectors(ctx, []int{7, 3}, []core.Vector{embed(texts[7]), embed(texts[3])}); err != nil {
		t.Fatal(err)
	}
	if got, err := x.Document(ctx, coll, doc.ID); err != nil || got.State != core.DocumentPending {
		t.Fatalf("pending document: %+v, %v", got, err)
	}
	indextest.Close(t, x)
	x = indextest.Open(t, dir)
	if r := search(t, x, coll, index.Query{Text: "本文", Vector: embed("x")}); len(r.Dense)+len(r.Lexical) != 0 {
		t.Fatalf("a pending document was found: %+v", r)
	}
	d, err = x.Begin(ctx, coll, doc, pages, chunks, embedder)
	if err != nil {
		t.Fatal(err)
	}
	missing := d.Missing()
	if len(missing) != 198 || missing[3] != 4 {
		t.Fatalf("continued draft misses %v", missing)
	}
	// Other content: a new draft that takes over what it can; the one before is stale.
	texts[0] += "追記"
	_, n := add(t, x, coll, "long.txt", texts...)
	if n != 198 {
		t.Fatalf("embedded %d", n)
	}
	if err := d.PutVectors(ctx, []int{0}, []core.Vector{embed("")}); !errors.Is(err, core.ErrBusy) {
		t.Fatalf("stale draft: %v", err)
	}
	if r := search(t, x, coll, index.Query{Vector: embed(texts[7]), K: 1}); len(r.Dense) != 1 || r.Dense[0].Chunk.Ordinal != 7 || r.Dense[0].Chunk.Text != texts[7] {
		t.Fatalf("search: %+v", r.Dense)
	}
	// Another embedder: nothing is taken over, and queries of the first find nothing.
	other := core.EmbedderInfo{ID: "bb", Dimension: 8}
	doc, pages, chunks = file("long.txt", texts[:2]...)
	d, err = x.Begin(ctx, coll, doc, pages, chunks, other)
	if err != nil || len(d.Missing()) != 2 {
		t.Fatalf("another embedder: %v, %v", d.Missing(), err)
	}
	v := core.Vector{1, 0, 0, 0, 0, 0, 0, 0}
	if err := d.PutVectors(ctx, []int{0, 1}, []core.Vector{v, v}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if r := search(t, x, coll, index.Query{Vector: embed("x")}); len(r.Dense) != 0 {
		t.Fatalf("vectors of another embedder were compared: %+v", r.Dense)
	}
	if _, err := x.Search(ctx, coll, index.Query{Vector: embed("x"), Embedder: "bb"}); !errors.Is(err, core.ErrDimension) {
		t.Fatalf("query of another width: %v", err)
	}
}

func TestFailedAndRecords(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	doc, _, _ := file("broken.pdf")
	doc.Reason, doc.Hint = "壊れています。", "開いて保存し直してください。"
	if err := x.PutFailed(ctx, coll, doc); err != nil {
		t.Fatal(err)
	}
	if got, err := x.Document(ctx, coll, doc.ID); err != nil || got.State != core.DocumentFailed || got.Reason != doc.Reason {
		t.Fatalf("failed document: %+v, %v", got, err)
	}
	add(t, x, coll, "broken.pdf", "直りました")
	if err := x.PutFailed(ctx, coll, doc); err != nil { // unreadable again: the version that was read stays
		t.Fatal(err)
	}
	if got, _ := x.Document(ctx, coll, doc.ID); got.State != core.DocumentReady || got.Reason != doc.Reason || got.Chunks != 1 {
		t.Fatalf("document that failed later: %+v", got)
	}
	if r := search(t, x, coll, index.Query{Text: "直り"}); len(r.Lexical) != 1 {
		t.Fatal("the version that was read is not found")
	}
	if _, err := x.Search(ctx, "なし", index.Query{Text: "a"}); !errors.Is(err, core.ErrNotFound) {
		t.Fatalf("unknown collection: %v", err)
	}
	if err := x.PutRecord(ctx, "job", "a/b c", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if v, err := x.Record(ctx, "job", "a/b c"); err != nil || string(v) != "v" {
		t.Fatalf("record %q, %v", v, err)
	}
	if all, err := x.Records(ctx, "job"); err != nil || len(all) != 1 || string(all["a/b c"]) != "v" {
		t.Fatalf("records %v, %v", all, err)
	}
	if err := x.DeleteRecord(ctx, "job", "a/b c"); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Record(ctx, "job", "a/b c"); !errors.Is(err, core.ErrNotFound) {
		t.Fatalf("deleted record: %v", err)
	}
}
