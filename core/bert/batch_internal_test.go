package bert

import (
	"math/rand/v2"
	"testing"
)

func TestSpansCoverWithoutRest(t *testing.T) {
	for n := 1; n < 400; n++ {
		for _, size := range []int{1, 2, 3, 8, 37, 38} {
			overlap := size / 8
			got := spans(n, size, overlap)
			if n <= size {
				if len(got) != 1 || got[0] != [2]int{0, n} {
					t.Fatalf("spans(%d, %d) = %v", n, size, got)
				}
				continue
			}
			if got[0][0] != 0 || got[len(got)-1][1] != n {
				t.Fatalf("spans(%d, %d) = %v: ends missing", n, size, got)
			}
			for i, s := range got {
				if s[1]-s[0] != size {
					t.Fatalf("spans(%d, %d) = %v: stretch %d", n, size, got, i)
				}
				if i > 0 && got[i-1][1]-s[0] < overlap {
					t.Fatalf("spans(%d, %d) = %v: overlap before %d under %d", n, size, got, i, overlap)
				}
			}
			if most := (n-overlap)/(size-overlap) + 1; len(got) > most {
				t.Fatalf("spans(%d, %d): %d stretches, %d are enough", n, size, len(got), most)
			}
		}
	}
}

func TestBatchesKeepBudgetAndEveryWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		ws := make([]window, r.IntN(300))
		for i := range ws {
			ws[i] = window{text: i, ids: make([]int32, 1+r.IntN(60))}
		}
		seen := map[int]bool{}
		last := 1 << 30
		for _, b := range batches(ws, 128) {
			tokens, grouped := 0, 0
			for _, g := range b.groups {
				for _, w := range b.windows[grouped : grouped+g.windows] {
					if len(w.ids) != g.length {
						t.Fatalf("window of %d tokens in a group of %d", len(w.ids), g.length)
					}
				}
				grouped += g.windows
			}
			for _, w := range b.windows {
				if len(w.ids) > last {
					t.Fatal("batches are not sorted by length")
				}
				last = len(w.ids)
				tokens += len(w.ids)
				seen[w.text] = true
			}
			if tokens != b.tokens || tokens > 128 || grouped != len(b.windows) {
				t.Fatalf("batch of %d tokens says %d, %d windows say %d", tokens, b.tokens, grouped, len(b.windows))
			}
		}
		if len(seen) != len(ws) {
			t.Fatalf("%d of %d windows in batches", len(seen), len(ws))
		}
	}
	if got := batches([]window{{ids: make([]int32, 500)}}, 128); len(got) != 1 || got[0].tokens != 500 {
		t.Errorf("a window over the budget: %+v", got)
	}
}

func TestSampleTexts(t *testing.T) {
	a, b := SampleTexts(400, 1), SampleTexts(400, 1)
	long := 0
	for i := range a {
		if a[i] != b[i] || a[i] == "" {
			t.Fatalf("text %d: %q and %q", i, a[i], b[i])
		}
		if len([]rune(a[i])) > 300 {
			long++
		}
	}
	if long == 0 || long > 200 {
		t.Errorf("%d of 400 texts are long", long)
	}
	if SampleTexts(1, 1)[0] == SampleTexts(1, 2)[0] {
		t.Error("the seed changes nothing")
	}
}
