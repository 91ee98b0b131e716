package rag_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
)

func hit(doc string, ordinal int, dense, lexical float64) core.Hit {
	return core.Hit{Chunk: core.Chunk{Document: doc, Ordinal: ordinal}, Name: doc, Dense: dense, Lexical: lexical}
}

func TestFuse(t *testing.T) {
	dense := []core.Hit{hit("a", 0, 0.9, 0), hit("b", 1, 0.8, 0), hit("c", 2, 0.7, 0)}
	lexical := []core.Hit{hit("b", 1, 0, 12), hit("d", 0, 0, 9)}
	lexical[0].Share, lexical[1].Share = 0.64, 0.48
	got := rag.Fuse("q", dense, lexical)
	want := []core.Hit{
		{Name: "b", Score: 0.25 + 0.4, Dense: 0.8, Lexical: 12, Share: 0.64, DenseRank: 2, LexicalRank: 1},
		{Name: "a", Score: 0.5, Dense: 0.9, DenseRank: 1},
		{Name: "d", Score: 0.3, Lexical: 9, Share: 0.48, LexicalRank: 2},
		{Name: "c", Score: 0, Dense: 0.7, DenseRank: 3},
	}
	if len(got) != len(want) {
		t.Fatalf("%d hits, want %d", len(got), len(want))
	}
	for i := range got {
		g := got[i]
		if g.Chunk.Document != want[i].Name {
			t.Fatalf("place %d is %q, want %q", i, g.Chunk.Document, want[i].Name)
		}
		g.Chunk = core.Chunk{}
		if math.Abs(g.Score-want[i].Score) < 1e-12 { // constants are added exactly, variables are not
			g.Score = want[i].Score
		}
		if !reflect.DeepEqual(g, want[i]) {
			t.Errorf("place %d: %+v, want %+v", i, g, want[i])
		}
	}
}

// TestFuseAnotherLanguage: where what is found by meaning is in other letters than the question, words of its own letters decide nothing, and names that
// stand in the others do. Shift is part of how near a hit is.
func TestFuseAnotherLanguage(t *testing.T) {
	say := func(h core.Hit, text string) core.Hit {
		h.Chunk.Text = text
		return h
	}
	const ja, en = "受付は一階です。", "The desk is on the first floor."
	dense := []core.Hit{say(hit("a", 0, 0.80, 0), ja), say(hit("b", 0, 0.79, 0), ja), say(hit("c", 0, 0.85, 0), ja)}
	dense[0].Shift, dense[1].Shift, dense[2].Shift = 0.10, 0.06, -0.05
	own := say(hit("d", 0, 0, 9), en)
	own.Share = 1
	got := rag.Fuse("Where is the desk?", dense, []core.Hit{own})
	if want := []string{"a", "b", "d", "c"}; got[0].Score != 1 || math.Abs(got[1].Score-0.5) > 1e-9 || got[2].Score != 0 || got[0].Shift != 0.10 {
		t.Errorf("%+v, want %v", got, want)
	}
	named := say(hit("c", 0, 0, 9), ja)
	named.Share = 0.64
	got = rag.Fuse("Where is Wakaba?", dense, []core.Hit{named})
	if got[0].Chunk.Document != "a" || got[0].Score != 0.7 || math.Abs(got[1].Score-0.35) > 1e-9 || got[2].Chunk.Document != "c" || math.Abs(got[2].Score-0.3*0.8) > 1e-9 {
		t.Errorf("a name in a text of other letters: %+v", got)
	}
}

// TestFuseWordsAlone: where nothing was found by meaning the order of the words stays, whatever the texts are written in.
func TestFuseWordsAlone(t *testing.T) {
	name, own := hit("a", 0, 0, 9), hit("b", 0, 0, 8)
	name.Chunk.Text, name.Share = "受付は若葉ビルの一階です。", 0.5
	own.Chunk.Text, own.Share = "The desk is on the first floor.", 0.45
	if got := rag.Fuse("Where is the desk of 若葉?", nil, []core.Hit{name, own}); got[0].Chunk.Document != "a" || got[0].Score <= got[1].Score {
		t.Errorf("%+v", got)
	}
}

func TestFuseTies(t *testing.T) {
	// Each is first in one list and absent from the other: the cosine decides, then reading order.
	got := rag.Fuse("q", []core.Hit{hit("z", 5, 0.5, 0)}, []core.Hit{hit("a", 1, 0, 3)})
	if got[0].Chunk.Document != "z" {
		t.Errorf("first is %q, want the one with a cosine", got[0].Chunk.Document)
	}
	// The same chunk twice in one list counts once.
	twice := rag.Fuse("q", []core.Hit{hit("a", 0, 0.5, 0), hit("a", 0, 0.4, 0)}, nil)
	if len(twice) != 1 || twice[0].Score != 0.5 || twice[0].Dense != 0.5 {
		t.Errorf("got %+v", twice)
	}
	if out := rag.Fuse("q", nil, nil); len(out) != 0 {
		t.Errorf("nothing fuses to %+v", out)
	}
}

const festival = "第18回 あおば秋祭り 実施報告\n開催日は2025年10月18日です。会場はあおば中央公園です。来場者数は、2日間で8,640人でした。\n\n10月19日は午後2時から雨が降ったため、屋外ステージの最後の2組は中止しました。" +
	"開会式は、10月18日の午前10時に始まりました。開会の挨拶は、組合長の佐々木健一が行いました。模擬店は24店が出店しました。スタンプラリーの参加者は612人でした。\n"

func scored(c core.Chunk, name string, score float64) core.Hit {
	return core.Hit{Chunk: c, Name: name, Score: score}
}

func pageOf(pages map[string]string) rag.PageText {
	return func(_ context.Context, document string, _ int) (string, error) {
		if text, ok := pages[document]; ok {
			return text, nil
		}
		return "", core.ErrNotFound
	}
}

func TestJoin(t *testing.T) {
	ctx := context.Background()
	cs := cutChunks("f", festival, 70, 20)
	pages := pageOf(map[string]string{"f": festival, "g": festival})
	t.Run("overlap", func(t *testing.T) {
		got, err := rag.Join(ctx, []core.Hit{scored(cs[1], "a.md", 0.03), scored(cs[0], "a.md", 0.02)}, pages)
		if err != nil || len(got) != 1 {
			t.Fatalf("%d passages, %v", len(got), err)
		}
		if p := got[0]; p.Start != 0 || p.End != cs[1].End || p.Score != 0.03 || p.Text != string([]rune(festival)[:cs[1].End]) {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("a chunk between closes the gap", func(t *testing.T) {
		got, err := rag.Join(ctx, []core.Hit{scored(cs[0], "a.md", 0.03), scored(cs[2], "a.md", 0.02), scored(cs[1], "a.md", 0.01)}, pages)
		if err != nil || len(got) != 1 || got[0].End != cs[2].End {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
	t.Run("adjacent over white space", func(t *testing.T) {
		rs := []rune(festival)
		gap := len([]rune(festival[:strings.Index(festival, "\n\n")]))
		a := core.Chunk{Document: "f", Page: 1, Start: 0, End: gap, Text: string(rs[:gap])}
		b := core.Chunk{Document: "f", Page: 1, Ordinal: 1, Start: gap + 2, End: gap + 20, Text: string(rs[gap+2 : gap+20])}
		got, err := rag.Join(ctx, []core.Hit{scored(a, "a.md", 2), scored(b, "a.md", 1)}, pages)
		if err != nil || len(got) != 1 || got[0].Text != string(rs[:gap+20]) {
			t.Fatalf("got %+v, %v", got, err)
		}
		b.Start, b.End, b.Text = gap+4, gap+22, string(rs[gap+4:gap+22]) // letters lie between
		got, err = rag.Join(ctx, []core.Hit{scored(a, "a.md", 2), scored(b, "a.md", 1)}, pages)
		if err != nil || len(got) != 2 {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
	t.Run("same text in another file", func(t *testing.T) {
		other := cs[0]
		other.Document = "g"
		part := cs[0]
		part.Document, part.End, part.Text = "h", 30, string([]rune(festival)[:30])
		got, err := rag.Join(ctx, []core.Hit{scored(cs[0], "a.md", 3), scored(other, "b.md", 2), scored(part, "c.md", 1)}, pages)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0].Same, []string{"b.md", "c.md"}) {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
	t.Run("document gone", func(t *testing.T) {
		a, b := cs[0], cs[2]
		a.Document, b.Document = "gone", "gone"
		b.Start, b.End = a.End+1, a.End+1+(b.End-b.Start)
		got, err := rag.Join(ctx, []core.Hit{scored(a, "a.md", 3), scored(b, "a.md", 2)}, pages)
		if err != nil || len(got) != 2 {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
	t.Run("offsets that do not fit the text", func(t *testing.T) {
		bad := cs[0]
		bad.End++
		if _, err := rag.Join(ctx, []core.Hit{scored(bad, "a.md", 1)}, pages); !errors.Is(err, core.ErrCorrupt) {
			t.Fatalf("got %v", err)
		}
	})
}

// Whatever the hits: a passage is its page from Start to End, passages of a page neither overlap nor repeat, every hit's text is in one of them, and the best come first.
func TestJoinProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	pages := map[string]string{"f": festival + rules, "g": guide + catalog, "h": festival}
	for round := range 400 {
		var hits []core.Hit
		for id, text := range pages {
			for _, c := range cutChunks(id, text, 20+rng.IntN(60), rng.IntN(19)) {
				if rng.IntN(3) == 0 {
					hits = append(hits, scored(c, id+".md", rng.Float64()))
				}
			}
		}
		rng.Shuffle(len(hits), func(i, j int) { hits[i], hits[j] = hits[j], hits[i] })
		got, err := rag.Join(context.Background(), hits, pageOf(pages))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range got {
			if want := string([]rune(pages[p.Document])[p.Start:p.End]); p.Text != want {
				t.Fatalf("round %d: passage %q, page has %q", round, p.Text, want)
			}
			if i > 0 && got[i-1].Score < p.Score {
				t.Fatalf("round %d: place %d scores %v after %v", round, i, p.Score, got[i-1].Score)
			}
			for _, q := range got[:i] {
				if p.Document == q.Document && p.Start < q.End && q.Start < p.End {
					t.Fatalf("round %d: %d-%d and %d-%d overlap", round, p.Start, p.End, q.Start, q.End)
				}
			}
		}
		for _, h := range hits {
			want := strings.Join(strings.Fields(h.Chunk.Text), " ")
			found := want == ""
			for _, p := range got {
				found = found || strings.Contains(strings.Join(strings.Fields(p.Text), " "), want)
			}
			if !found {
				t.Fatalf("round %d: %q is in no passage", round, h.Chunk.Text)
			}
		}
	}
}
