package index_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// TestAgainstModel does random things to a library and to a map, and compares.
func TestAgainstModel(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	r := rand.New(rand.NewPCG(7, 7))
	model := map[string][]string{} // name -> texts
	words := []string{"休暇", "申請", "手当", "XK-2041", "経費", "出張", "残業", "議事録", "価格", "保証"}
	texts := func() []string {
		out := make([]string, r.IntN(150))
		for i := range out {
			out[i] = fmt.Sprintf("%sの%sは%d日", words[r.IntN(len(words))], words[r.IntN(len(words))], r.IntN(30))
		}
		return out
	}
	for step := range 250 {
		name := fmt.Sprintf("%02d.txt", r.IntN(12))
		switch op := r.IntN(10); {
		case op < 5:
			texts := texts()
			if old := model[name]; len(old) > 0 && r.IntN(2) == 0 {
				texts = slices.Clone(old)
				texts[r.IntN(len(texts))] = "書き換え" + fmt.Sprint(step)
			}
			known := map[string]bool{}
			for _, text := range model[name] {
				known[text] = true
			}
			want := 0
			for _, text := range texts {
				if !known[text] {
					want++
				}
			}
			if _, n := add(t, x, coll, name, texts...); n != want {
				t.Fatalf("step %d: %s embedded %d chunks, not %d", step, name, n, want)
			}
			model[name] = texts
		case op < 6:
			doc, _, _ := file(name)
			err := x.Remove(ctx, coll, doc.ID)
			if _, there := model[name]; there && err != nil || !there && !errors.Is(err, core.ErrNotFound) {
				t.Fatalf("step %d: remove %s: %v", step, name, err)
			}
			delete(model, name)
		case op < 7 && step%3 == 0:
			indextest.Close(t, x)
			if x, err = index.Open(dir, index.Options{}); err != nil {
				t.Fatal(err)
			}
		default:
			compare(t, x, coll, model, words[r.IntN(len(words))], r)
		}
	}
	compare(t, x, coll, model, words[0], r)
	indextest.Close(t, x)
}

func compare(t *testing.T, x *index.Index, coll string, model map[string][]string, word string, r *rand.Rand) {
	t.Helper()
	docs, err := x.Documents(context.Background(), coll)
	if err != nil || len(docs) != len(model) {
		t.Fatalf("%d documents, not %d, %v", len(docs), len(model), err)
	}
	chunks := 0
	var best []core.Hit // exact dense search, the slow way
	q := unit(r)
	for _, d := range docs {
		texts := model[d.Name]
		_, pages, want := file(d.Name, texts...)
		got, err := x.Chunks(context.Background(), coll, d.ID)
		if err != nil || len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("chunks of %s differ, %v", d.Name, err)
		}
		if p, err := x.Pages(context.Background(), coll, d.ID); err != nil || !reflect.DeepEqual(p, pages) {
			t.Fatalf("pages of %s differ, %v", d.Name, err)
		}
		chunks += len(texts)
		for _, c := range want {
			score := 0.0
			for i, f := range embed(c.Text) {
				score += float64(f) * float64(q[i])
			}
			best = append(best, core.Hit{Chunk: c, Dense: score})
		}
	}
	slices.SortFunc(best, func(a, b core.Hit) int {
		if a.Dense > b.Dense {
			return -1
		}
		return 1
	})
	s, err := x.Stats(context.Background(), coll)
	if err != nil || s.Chunks != chunks || s.Documents != len(model) || s.Ready != len(model) {
		t.Fatalf("stats %+v of %d chunks, %v", s, chunks, err)
	}
	found := search(t, x, coll, index.Query{Text: word, Vector: q, K: chunks + 5})
	if len(found.Dense) != chunks {
		t.Fatalf("%d of %d chunks in the dense search", len(found.Dense), chunks)
	}
	for i, h := range found.Dense {
		if d := h.Dense - best[i].Dense; d > 1e-3 || d < -1e-3 || h.DenseRank != i+1 {
			t.Fatalf("dense hit %d: %v, not %v", i, h.Dense, best[i].Dense)
		}
	}
	n := 0
	for _, texts := range model {
		for _, text := range texts {
			if strings.Contains(text, word) {
				n++
			}
		}
	}
	if len(found.Lexical) < n { // more may share a bigram
		t.Fatalf("%q: %d of %d chunks in the lexical search", word, len(found.Lexical), n)
	}
	for i := 1; i < len(found.Lexical); i++ {
		a, b := found.Lexical[i-1], found.Lexical[i]
		if a.Lexical < b.Lexical || a.Lexical == b.Lexical && (a.Chunk.Document > b.Chunk.Document || a.Chunk.Document == b.Chunk.Document && a.Chunk.Ordinal >= b.Chunk.Ordinal) {
			t.Fatalf("lexical hits %d and %d are out of order", i-1, i)
		}
	}
}

// TestNeedles: in thousands of chunks each needle comes first.
func TestNeedles(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	if err := x.Synthesize(ctx, coll, 5000, 3, nil); err != nil {
		t.Fatal(err)
	}
	needles := map[string]string{
		"鮟鱇":      "冬の献立には鮟鱇の鍋が加わります。予約は前日までに厨房へ。",
		"就業規則":    "休職の扱いは就業規則の第十二条に従い、人事課が本人に知らせます。",
		"XK-2041": "交換の際は型番XK-2041をご用意ください。工具は要りません。",
	}
	i := 0
	for _, text := range needles {
		add(t, x, coll, fmt.Sprintf("needle%d.txt", i), "はじめに。", text, "型番XK-2042は別の品です。規則は就業の前に。")
		i++
	}
	queries := map[string]string{
		"鮟鱇": "鮟鱇", "就業規則": "就業規則", "XK-2041": "XK-2041", "型番ＸＫ－２０４１を": "XK-2041", "xk2041": "XK-2041",
		"就業規則では休職をどう扱いますか？": "就業規則", "鮟": "鮟鱇",
	}
	for _, again := range []string{"first", "warm"} {
		for query, needle := range queries {
			r := search(t, x, coll, index.Query{Text: query, K: 5})
			if len(r.Lexical) == 0 || r.Lexical[0].Chunk.Text != needles[needle] || r.Lexical[0].LexicalRank != 1 {
				t.Errorf("%s search for %q: %+v", again, query, r.Lexical)
			}
		}
	}
}

// TestSearchWhileAdding runs searches beside adding, editing and removing; -race watches, and a hit is always whole.
func TestSearchWhileAdding(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	for i := range 10 {
		add(t, x, coll, fmt.Sprintf("%d.txt", i), "文書の第0版", fmt.Sprintf("本文%dです", i))
	}
	done := make(chan struct{})
	var wait sync.WaitGroup
	for g := range 3 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; ; n++ {
				select {
				case <-done:
					if n == 0 {
						t.Error("no search happened")
					}
					return
				default:
				}
				r, err := x.Search(ctx, coll, index.Query{Text: "文書の版", Vector: embed(fmt.Sprint(g)), Embedder: embedder.ID, K: 8})
				if err != nil {
					t.Errorf("search: %v", err)
					return
				}
				for _, h := range append(r.Dense, r.Lexical...) {
					if h.Name == "" || h.Chunk.Text == "" || h.Chunk.Document == "" {
						t.Errorf("hit %+v", h)
					}
				}
				for _, h := range r.Dense { // text and vector of the same version
					sum := 0.0
					for i, f := range embed(h.Chunk.Text) {
						sum += float64(f) * float64(embed(fmt.Sprint(g))[i])
					}
					if d := sum - h.Dense; d > 1e-3 || d < -1e-3 {
						t.Errorf("%q has score %v, its vector %v", h.Chunk.Text, h.Dense, sum)
					}
				}
				if _, err := x.Stats(ctx, coll); err != nil {
					t.Errorf("stats: %v", err)
				}
				if _, err := x.Documents(ctx, coll); err != nil {
					t.Errorf("documents: %v", err)
				}
			}
		}()
	}
	r := rand.New(rand.NewPCG(8, 8))
	for v := range 40 {
		name := fmt.Sprintf("%d.txt", r.IntN(14))
		doc, _ := add(t, x, coll, name, fmt.Sprintf("文書の第%d版", v), "本文", fmt.Sprint("追記", v))
		if v%4 == 3 {
			if err := x.Remove(ctx, coll, doc.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(done)
	wait.Wait()
}

func TestSyntheticIsSound(t *testing.T) {
	names := map[string]float64{}
	err := index.Bench(context.Background(), t.TempDir(), 1000, func(f index.Figure) error {
		names[f.Name] = f.Value
		return nil
	})
	if err != nil || len(names) != 9 {
		t.Fatalf("%v, %v", names, err)
	}
	want := errors.New("stop")
	if err := index.Bench(context.Background(), t.TempDir(), 200, func(index.Figure) error { return want }); !errors.Is(err, want) {
		t.Fatalf("emit's error: %v", err)
	}
}
