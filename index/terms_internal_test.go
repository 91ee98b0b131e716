package index

import (
	"math/rand/v2"
	"slices"
	"testing"

	"kakoi/core"
)

func docTerms(text string) map[uint32]bool {
	terms := map[uint32]bool{}
	eachTerm(text, func(h uint32, _ termKind, _ rune) { terms[h] = true })
	return terms
}

// TestQueriesFind: every term of the query is a term of the text, or none of the listed ones is.
func TestQueriesFind(t *testing.T) {
	cases := []struct {
		text, query string
		all         bool // all terms of the query, else not one
	}{
		{"型番XK-2041を使います", "XK-2041", true},
		{"型番XK-2041を使います", "xk2041", true},
		{"型番XK-2041を使います", "ＸＫ－２０４１", true},
		{"型番XK-2041を使います", "2041", true},
		{"型番XK−2041を使います", "XKー2041", true},
		{"型番XK2041を使います", "型番 XK-2041", true},
		{"部品XK-2041-Bの在庫", "XK-2041", true},
		{"部品XK-2041-Bの在庫", "2041-B", true},
		{"ｻｰﾊﾞｰの更新", "サーバー", true},
		{"ﾃﾞｰﾀﾍﾞｰｽ", "データベース", true},
		{"金庫の鍵を預かる", "鍵", true},
		{"ＫＡＫＯＩの説明", "kakoi", true},
		{"合計1,234円", "1234", true},
		{"２０２４年５月１日", "2024年5月1日", true},
		{"2024/05/01 開始", "2024-05-01", true},
		{"有給\n休暇の申請", "給休", true},
		{"有給\n\n休暇の申請", "給休", false},
		{"版1-2です", "12", false},
		{"3.14です", "314", false},
		{"e\u0301cole", "École", true},
		{"Straße und Öl", "öl", true},
		{"葛\U000E0100城市", "葛城", true},
		{"会議🎉終了", "🎉", true},
		{"サービスのを", "を", true},
		{"XKを", "kを", false}, // no bigram over the border
		{"東京都", "京東", false},
	}
	for _, c := range cases {
		in, found := docTerms(c.text), 0
		query := queryTerms(c.query)
		if len(query) == 0 {
			t.Errorf("query %q has no terms", c.query)
		}
		for _, q := range query {
			if in[q.hash] {
				found++
			}
		}
		if c.query == "kを" {
			for _, q := range query {
				if q.hash == hashPair('k', 'を') {
					t.Errorf("bigram over the border")
				}
			}
			continue
		}
		if c.all && found != len(query) || !c.all && found != 0 {
			t.Errorf("%q in %q: %d of %d terms", c.query, c.text, found, len(query))
		}
	}
	for _, nothing := range []string{"", " \n\t", "。、！?", "---"} {
		if q := queryTerms(nothing); len(q) != 0 {
			t.Errorf("%q has terms %v", nothing, q)
		}
	}
	if one := queryTerms("XK-2041を"); len(one) != 3 { // the particle does not count
		t.Errorf("XK-2041を has %d terms", len(one))
	}
}

func FuzzTerms(f *testing.F) {
	f.Add("型番XK-2041を, 1,234.5 ー-ー a-b-c-d-e-f-g-h-i-j")
	f.Fuzz(func(t *testing.T, text string) {
		segments, err := buildSegments(t.Context(), []core.Chunk{{Text: text}, {Text: text + text}}, []string{text, ""})
		if err != nil || len(segments) != 1 {
			t.Fatal(err, len(segments))
		}
		s, err := decodeSegment(segments[0])
		if err != nil {
			t.Fatal(err)
		}
		for h := range docTerms(text) {
			if n, _ := s.find(h); n == 0 {
				t.Fatalf("term %08x of %q is not found", h, text)
			}
		}
		queryTerms(text)
	})
}

// TestHalfKeepsRanking: on clustered vectors the ten nearest by float16 are the ten nearest by float32, up to pairs closer
// than the rounding, and no cosine moves by more than 1e-4.
func TestHalfKeepsRanking(t *testing.T) {
	s := synth{r: rand.New(rand.NewPCG(3, 3))}
	const n, dimension = 5000, 384
	rows, rounded := make([]core.Vector, n), make([]core.Vector, n)
	for i := range rows {
		rows[i] = s.vector(dimension)
		halves, ok := toHalf(nil, rows[i])
		if !ok {
			t.Fatal("a unit vector is not finite")
		}
		rounded[i] = make(core.Vector, dimension)
		widen(rounded[i], halves)
	}
	dot := func(a, b core.Vector) (sum float64) {
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return sum
	}
	worst, same := 0.0, 0
	for range 50 {
		q := s.vector(dimension)
		exact, stored := top{k: 10}, top{k: 10}
		scores := make([]float64, n)
		for i := range rows {
			scores[i] = dot(rows[i], q)
			h := dot(rounded[i], q)
			worst = max(worst, max(scores[i]-h, h-scores[i]))
			exact.offer(scored{score: scores[i], ordinal: i})
			stored.offer(scored{score: h, ordinal: i})
		}
		a, b := merge([]top{exact}, 10), merge([]top{stored}, 10)
		for i := range a {
			if a[i].ordinal == b[i].ordinal {
				same++
			} else if d := scores[a[i].ordinal] - scores[b[i].ordinal]; d > 2e-4 || d < -2e-4 {
				t.Errorf("place %d: chunk %d (%.6f) gave way to %d (%.6f)", i, a[i].ordinal, a[i].score, b[i].ordinal, scores[b[i].ordinal])
			}
		}
	}
	if worst > 1e-4 || same < 495 {
		t.Errorf("cosine moved by up to %.2g, %d of 500 places the same", worst, same)
	}
}

func TestHalf(t *testing.T) {
	for i := range 1 << 16 { // every float16 comes back
		if i>>10&31 == 31 {
			continue
		}
		if h, ok := half(fromHalf[i]); !ok || int(h) != i {
			t.Fatalf("%04x -> %g -> %04x", i, fromHalf[i], h)
		}
	}
	for _, f := range []float32{65520, -65520, float32(1e38)} {
		if _, ok := half(f); ok {
			t.Errorf("%g fits", f)
		}
	}
	for f, want := range map[float32]uint16{65519: 0x7bff, 1: 0x3c00, 1.0004883: 0x3c00, 1.0014648: 0x3c02, 6e-8: 1, 0.1: 0x2e66} {
		if h, _ := half(f); h != want {
			t.Errorf("half(%v) = %04x, not %04x", f, h, want)
		}
	}
}

func TestTop(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		var all []scored
		a, b := top{k: 7}, top{k: 7}
		for i := range r.IntN(60) {
			s := scored{score: float64(r.IntN(8)), document: string(rune('a' + r.IntN(4))), ordinal: i}
			all = append(all, s)
			if i%2 == 0 {
				a.offer(s)
			} else {
				b.offer(s)
			}
		}
		slices.SortFunc(all, better)
		if got := merge([]top{a, b}, 7); !slices.Equal(got, all[:min(7, len(all))]) {
			t.Fatalf("got %v of %v", got, all)
		}
	}
}
