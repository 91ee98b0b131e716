package rag_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/rag"
)

// TestAnotherLanguage: words that hardly occur do not push what the vectors find aside.
func TestAnotherLanguage(t *testing.T) {
	dense := []core.Hit{hit("right", 0, 0.90, 0), hit("b", 0, 0.84, 0), hit("c", 0, 0.83, 0), hit("d", 0, 0.80, 0)}
	lexical := []core.Hit{hit("x", 0, 0, 2), hit("c", 0, 0, 1.9)}
	for i := range lexical {
		lexical[i].Share = 0.04 // one small word of many
	}
	if got := rag.Fuse("q", dense, lexical); got[0].Name != "right" || got[1].Name == "x" {
		t.Errorf("first are %s and %s", got[0].Name, got[1].Name)
	}
	for i := range lexical {
		lexical[i].Share = 0.9 // nearly all of the question's words stand there
	}
	if got := rag.Fuse("q", dense, lexical); got[0].Name != "c" || got[1].Name != "right" || got[2].Name != "x" {
		t.Errorf("first are %s, %s and %s", got[0].Name, got[1].Name, got[2].Name)
	}
}

// TestForeignWords: the same hits, with a question in the language of the texts and in another.
func TestForeignWords(t *testing.T) {
	text := func(h core.Hit, s string) core.Hit { h.Chunk.Text = s; return h }
	dense := []core.Hit{text(hit("right", 0, 0.90, 0), "パーティションは四つまで作れます。"), text(hit("b", 0, 0.84, 0), "MBR では制限があります。"), text(hit("c", 0, 0.80, 0), "別の話です。")}
	lexical := []core.Hit{text(hit("x", 0, 0, 9), "How many primary partitions"), text(hit("b", 0, 0, 8), "MBR では制限があります。")}
	for i := range lexical {
		lexical[i].Share = 0.5
	}
	order := func(question string) string {
		out := ""
		for _, h := range rag.Fuse(question, dense, lexical) {
			out += h.Name + " "
		}
		return out
	}
	if got := order("How many primary partitions are possible?"); got != "right b x c " {
		t.Errorf("asked in English: %s", got)
	}
	if got := order("パーティションはいくつ作れますか"); got != "right b x c " && got != "b right x c " {
		t.Errorf("asked in Japanese: %s", got)
	}
	if a, b := rag.Fuse("How many?", dense, lexical), rag.Fuse("いくつ作れますか", dense, lexical); a[0].Score <= b[0].Score {
		t.Errorf("the first one's score in another language %g, in its own %g", a[0].Score, b[0].Score)
	}
}

// TestNewerVersionFirst: of two versions of a file that say nearly the same, the newer one; not of other files, nor of other texts.
func TestNewerVersionFirst(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	with := func(name, text string, dense float64, modified time.Time) core.Hit {
		h := hit(name, 0, dense, 0)
		h.Chunk.Text, h.Modified = text, modified
		return h
	}
	const old, now = "通勤手当の上限は、月額20,000円とする。申請は毎月行う。", "通勤手当の上限は、月額30,000円とする。申請は毎月行う。"
	for _, c := range []struct {
		name  string
		first core.Hit
		want  bool // the second one goes first
	}{
		{"a version in the name", with("規程_v1.docx", old, 0.90, day(1)), true},
		{"a year", with("2024年度 規程.docx", old, 0.90, day(1)), true},
		{"newer itself", with("規程_v1.docx", old, 0.90, day(9)), false},
		{"another file", with("就業規則.docx", old, 0.90, day(1)), false},
		{"another text", with("規程_v1.docx", "退職する日の三十日前に届け出ること。", 0.90, day(1)), false},
		{"far better", with("規程_v1.docx", old, 0.99, day(1)), false},
	} {
		hits := rag.Fuse("q", []core.Hit{c.first, with("規程_v2.docx", now, 0.895, day(5)), hit("last", 0, 0.80, 0)}, nil)
		if got := hits[0].Name == "規程_v2.docx"; got != c.want || hits[0].Score < hits[1].Score {
			t.Errorf("%s: first is %s (%.3f, then %.3f)", c.name, hits[0].Name, hits[0].Score, hits[1].Score)
		}
	}
}

type scores map[string]float32

func (s scores) Info() core.RerankerInfo { return core.RerankerInfo{} }
func (s scores) Close() error            { return nil }
func (s scores) Rerank(_ context.Context, question string, texts []string) ([]float32, error) {
	if question == "fail" {
		return nil, core.ErrEngine
	}
	out := make([]float32, len(texts))
	for i, t := range texts {
		out[i] = s[t]
	}
	return out, nil
}

// TestReorder: the first n go by the reranker and stay before the others.
func TestReorder(t *testing.T) {
	make4 := func() []core.Hit {
		var hits []core.Hit
		for i, name := range []string{"a", "b", "c", "d"} {
			h := hit(name, 0, 0, 0)
			h.Chunk.Text, h.Score = name, 0.9-0.1*float64(i)
			hits = append(hits, h)
		}
		return hits
	}
	a := &rag.Asker{Reranker: scores{"a": -3, "b": 0.5, "c": 2, "d": 9}}
	for n, want := range map[int]string{0: "abcd", 3: "cbad", 4: "dcba", 9: "dcba"} {
		hits := make4()
		if err := a.Reorder(context.Background(), "q", hits, n); err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, h := range hits {
			got += h.Name
			if i > 0 && h.Score > hits[i-1].Score {
				t.Errorf("n %d: score %g after %g", n, h.Score, hits[i-1].Score)
			}
		}
		if got != want {
			t.Errorf("n %d: %s, want %s", n, got, want)
		}
	}
	if err := a.Reorder(context.Background(), "fail", make4(), 2); !errors.Is(err, core.ErrEngine) {
		t.Error(err)
	}
	if err := (&rag.Asker{}).Reorder(context.Background(), "fail", make4(), 2); err != nil {
		t.Error(err)
	}
}
