package alike_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/alike"
)

func sign(parts ...string) alike.Sign {
	var m alike.Maker
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sign()
}

// text is n characters as Japanese texts have them: kana often, kanji seldom.
func text(r *rand.Rand, n int) []rune {
	out := make([]rune, n)
	for i := range out {
		if r.IntN(2) == 0 {
			out[i] = rune(0x3042 + r.IntN(80))
		} else {
			out[i] = rune(0x4e00 + r.IntN(2000))
		}
	}
	return out
}

// edited is a text with stretches of it written anew.
func edited(r *rand.Rand, t []rune, stretches int) []rune {
	t = append([]rune(nil), t...)
	for range stretches {
		n := min(30, len(t)/2)
		copy(t[r.IntN(len(t)-n):], text(r, n))
	}
	return t
}

// jaccard is the true share.
func jaccard(a, b []rune) float64 {
	set := func(t []rune) map[string]bool {
		out := map[string]bool{}
		for i := 0; i+5 <= len(t); i++ {
			out[string(t[i:i+5])] = true
		}
		return out
	}
	x, y := set(a), set(b)
	both := 0
	for s := range x {
		if y[s] {
			both++
		}
	}
	return float64(both) / float64(len(x)+len(y)-both)
}

// TestTheSameText: what a format changes does not make another text; one character does.
func TestTheSameText(t *testing.T) {
	a := sign("有給休暇は入社から６か月後に\n10 日付与されます。", "ＡＢＣ-12 Leave")
	if b := sign("有給休暇は入社から6か月後に10日付与されます。 abc-12", "\r\nLEAVE"); !a.Same(b) || a.Alike(b) != 1 {
		t.Error("the same text in other widths, cases and lines is not the same")
	}
	if b := sign("有給休暇は入社から7か月後に10日付与されます。 abc-12 leave"); a.Same(b) {
		t.Error("another number is the same text")
	}
	if !sign("がぎぱＡ\uff76\uff9e").Same(sign("か\u3099き\u3099は\u309aaガ")) {
		t.Error("marks that stand alone make another text")
	}
	if !sign("a\xffb\ufffdc", "x").Same(sign("a\ufffdb\xffcx")) {
		t.Error("bytes that are no characters")
	}
	if sign().Same(sign()) || sign("  ").Alike(sign("")) != 0 {
		t.Error("no text is the same as no text")
	}
}

// TestAlikeIsNearJaccard holds the estimate against the true share of shingles, from texts of a page to a book's, at all likenesses: the error
// over all is what theory says, and no single one is off by five of its standard errors.
func TestAlikeIsNearJaccard(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	squares, expected, n := 0.0, 0.0, 0
	for _, size := range []int{300, 2000, 20_000} {
		for share := range 12 {
			for range 4 {
				a := text(r, size)
				b := edited(r, a, share*size/300)
				want, got := jaccard(a, b), sign(string(a)).Alike(sign(string(b)))
				dev := math.Sqrt(want*(1-want)/128) + 0.004
				if math.Abs(got-want) > 5*dev {
					t.Errorf("%d characters: %.3f alike, truly %.3f", size, got, want)
				}
				squares, expected, n = squares+(got-want)*(got-want), expected+dev*dev, n+1
			}
		}
	}
	if squares > 1.6*expected {
		t.Errorf("mean error over %d pairs is %.4f, theory says %.4f", n, math.Sqrt(squares/float64(n)), math.Sqrt(expected/float64(n)))
	}
}

// corpus is families of documents: an original, versions and copies; and how alike all are in truth.
func corpus(r *rand.Rand, families, size int) (texts [][]rune, signs []alike.Sign) {
	for range families {
		a := text(r, size)
		texts = append(texts, a)
		for v := range 4 {
			texts = append(texts, edited(r, a, (v+1)*size/400))
		}
	}
	for _, t := range texts {
		signs = append(signs, sign(string(t)))
	}
	return texts, signs
}

// quality compares Pairs with the true shares.
func quality(texts [][]rune, signs []alike.Sign) (precision, recall float64) {
	found := map[[2]int]bool{}
	right, all := 0, 0
	for _, p := range alike.Pairs(signs) {
		found[[2]int{p.A, p.B}] = true
		if jaccard(texts[p.A], texts[p.B]) >= alike.Least-0.05 {
			right++
		}
	}
	hit := 0
	for i := range texts {
		for j := i + 1; j < len(texts); j++ {
			if i/5 != j/5 { // other families have nothing in common
				continue
			}
			if jaccard(texts[i], texts[j]) >= alike.Least+0.05 {
				all++
				if found[[2]int{i, j}] {
					hit++
				}
			}
		}
	}
	return float64(right) / float64(max(1, len(found))), float64(hit) / float64(max(1, all))
}

func TestPairsFindVersions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	texts, signs := corpus(r, 40, 1500)
	precision, recall := quality(texts, signs)
	if precision < 0.97 || recall < 0.97 {
		t.Errorf("precision %.3f, recall %.3f", precision, recall)
	}
	copies := append(signs[:3:3], signs[0], alike.Sign{}, alike.Sign{}, signs[0])
	var same []string
	for _, p := range alike.Pairs(copies) {
		if p.Same {
			same = append(same, fmt.Sprint(p.A, p.B))
		}
	}
	if fmt.Sprint(same) != "[0 3 0 6]" {
		t.Errorf("copies are %v", same)
	}
}

func TestEncode(t *testing.T) {
	a := sign(strings.Repeat("就業規則の第12条", 20) + "別表")
	b, err := alike.Decode(a.Encode())
	if err != nil || a != b {
		t.Fatal(err, a == b)
	}
	for i, bad := range [][]byte{nil, a.Encode()[:100], append(a.Encode(), 0)} {
		if _, err := alike.Decode(bad); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%d: %v", i, err)
		}
	}
	other := bytes.Clone(a.Encode())
	other[0]++
	if _, err := alike.Decode(other); !errors.Is(err, core.ErrUnsupported) {
		t.Error(err)
	}
}

// BenchmarkSign makes the signs of documents of 40,000 characters, a hundred chunks:
//
//	go test -run '^$' -bench . ./core/alike
func BenchmarkSign(b *testing.B) {
	t := string(text(rand.New(rand.NewPCG(5, 6)), 40_000))
	for b.Loop() {
		sign(t)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/chunk")
}

// BenchmarkPairs looks through 10,000 documents and prints precision and recall against the true shares of 300.
func BenchmarkPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	texts, signs := corpus(r, 60, 1500)
	precision, recall := quality(texts, signs)
	_, many := corpus(r, 2000, 300)
	for b.Loop() {
		alike.Pairs(many)
	}
	b.ReportMetric(precision, "precision")
	b.ReportMetric(recall, "recall")
}
