package bert

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
)

// words is a tokenizer of one id per word, 101 ... 102 around.
type words struct{}

func (words) Encode(text string) []int32 {
	var ids []int32
	for _, w := range strings.Fields(text) {
		ids = append(ids, int32(w[0]))
	}
	return ids
}

func (t words) EncodeSpecial(text string) []int32 {
	return append(append([]int32{301}, t.Encode(text)...), 302)
}

func newTestReader(t *testing.T, l Layout, limit int) *reader {
	t.Helper()
	r, err := newReader(words{}, l, limit)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReaderShort(t *testing.T) {
	r := newTestReader(t, Layout{Query: "Q ", LowerCase: true, IncludePrompt: false}, 8)
	got := r.read(core.EmbedQuery, 5, "A b")
	if len(got) != 1 || !slices.Equal(got[0].ids, []int32{301, 'q', 'a', 'b', 302}) || got[0].text != 5 || got[0].skip != 2 {
		t.Errorf("query %+v", got)
	}
	got = r.read(core.EmbedPassage, 0, "")
	if len(got) != 1 || !slices.Equal(got[0].ids, []int32{301, 302}) || got[0].skip != 0 {
		t.Errorf("empty passage %+v", got)
	}
}

// Every word of a long text is in a window, every window is full, begins with the prompt and has the special tokens.
func TestReaderLong(t *testing.T) {
	for _, include := range []bool{true, false} {
		r := newTestReader(t, Layout{Query: "P Q ", IncludePrompt: include}, 12)
		var text []string
		for i := range 26 {
			text = append(text, string(rune('a'+i)))
		}
		seen := map[int32]bool{}
		got := r.read(core.EmbedQuery, 0, strings.Join(text, " "))
		for _, w := range got {
			if len(w.ids) != 12 || w.ids[0] != 301 || w.ids[11] != 302 || w.ids[1] != 'P' || w.ids[2] != 'Q' {
				t.Errorf("window %v", w.ids)
			}
			if want := map[bool]int{true: 0, false: 3}[include]; w.skip != want {
				t.Errorf("skip %d, want %d", w.skip, want)
			}
			for _, id := range w.ids[3:11] {
				seen[id] = true
			}
		}
		if len(seen) != 26 || len(got) != 4 {
			t.Errorf("%d words in %d windows", len(seen), len(got))
		}
	}
}

func TestReadAll(t *testing.T) {
	r := newTestReader(t, Layout{}, 4)
	texts := slices.Repeat([]string{"a", "b c d e f", ""}, 40)
	got, err := r.readAll(context.Background(), core.EmbedPassage, 7, texts)
	if err != nil {
		t.Fatal(err)
	}
	last := 7
	for _, w := range got {
		if w.text < last || w.text > last+1 {
			t.Fatalf("text %d after %d", w.text, last)
		}
		last = w.text
	}
	if last != 7+len(texts)-1 {
		t.Errorf("last text %d", last)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.readAll(ctx, core.EmbedPassage, 0, texts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// broken is a tokenizer whose special form does not hold the plain one.
type broken struct{ words }

func (broken) EncodeSpecial(string) []int32 { return []int32{1, 2, 3} }

// bare is a tokenizer without special tokens.
type bare struct{ words }

func (b bare) EncodeSpecial(text string) []int32 { return b.Encode(text) }

func TestNewReaderRefuses(t *testing.T) {
	if _, err := newReader(bare{}, Layout{}, 8); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("no special tokens: %v", err)
	}
	if _, err := newReader(broken{}, Layout{}, 8); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("broken tokenizer: %v", err)
	}
	if _, err := newReader(words{}, Layout{Query: "a b c d e f "}, 8); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("prompt as long as the input: %v", err)
	}
}

func TestPoolHost(t *testing.T) {
	x := []float32{1, -2, 3, 4, 5, 0} // three tokens of width two
	modes := []string{"cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"}
	for _, c := range []struct {
		skip int
		want []float32
	}{
		{0, []float32{1, -2, 5, 4, 3, 2. / 3, 9 / 1.7320508, 2 / 1.7320508, 22. / 6, 1, 5, 0}},
		{1, []float32{3, 4, 5, 4, 4, 2, 8 / 1.4142135, 4 / 1.4142135, 21. / 5, 8. / 5, 5, 0}},
		{9, []float32{5, 0, 5, 0, 5, 0, 5, 0, 5, 0, 5, 0}}, // never fewer than the last token
	} {
		got := make([]float32, len(c.want))
		poolHost(got, x, 2, modes, c.skip)
		for i := range got {
			if d := got[i] - c.want[i]; !(d < 1e-5 && d > -1e-5) {
				t.Errorf("skip %d, %s: %v, want %v", c.skip, modes[i/2], got[i], c.want[i])
			}
		}
	}
	if normalise([]float32{0, 0}) || normalise([]float32{float32(inf())}) {
		t.Error("a vector without length was normalised")
	}
}

func inf() float64 { x := 0.0; return 1 / x }

// XLM-R's numbers (fairseq): the unknown piece is 3, the others one more than the sentencepiece model's.
func TestFairseqNumbers(t *testing.T) {
	f := fairseq{numbers{0, 3, 249999}}
	if got := f.EncodeSpecial("x"); !slices.Equal(got, []int32{0, 3, 4, 250000, 2}) {
		t.Errorf("ids %v", got)
	}
}

type numbers []int32

func (n numbers) Encode(string) []int32 { return slices.Clone(n) }
