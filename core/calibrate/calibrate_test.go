package calibrate

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kakoi/core"
)

// rows are questions whose probabilities overlap: the documents answer n of them, m not.
func rows(language string, n, m int, seed uint64) []Row {
	r := rand.New(rand.NewPCG(seed, 1))
	var all []Row
	for range n {
		p := fromOdds(-1.5 + 2*r.NormFloat64())
		all = append(all, Row{Language: language, Probability: p, Right: r.Float64() > 0.2+0.5*p})
	}
	for range m {
		all = append(all, Row{Language: language, Refusal: true, Probability: fromOdds(2 + 2*r.NormFloat64())})
	}
	return all
}

// TestFind holds each bound against a look at all bounds there could be.
func TestFind(t *testing.T) {
	for seed := range uint64(200) {
		all := rows("en", 20+int(seed), 15+int(seed%40), seed)
		b, err := Find(all)
		if err != nil {
			t.Fatal(err)
		}
		careful, balanced, helpful := b[Careful], b[Balanced], b[Helpful]
		if careful.Bound > balanced.Bound || balanced.Bound > helpful.Bound {
			t.Fatalf("seed %d: bounds %v, %v, %v", seed, careful.Bound, balanced.Bound, helpful.Bound)
		}
		for i := range 2001 { // every bound of a fine scale, by log-odds
			p := At(all, fromOdds(float64(i-1000)/100))
			most := min(Allowed, balanced.FalseAnswers.Share/2)
			if p.Bound <= balanced.Bound && 2*p.Right.N >= balanced.Right.N && p.FalseAnswers.Share <= most && (careful.FalseAnswers.Share > most || p.Right.N > careful.Right.N) {
				t.Fatalf("seed %d: careful %+v, better %+v", seed, careful, p)
			}
			most = balanced.FalseRefusals.Share / 2
			kept := func(p Point) int { return p.FalseAnswers.Of - p.FalseAnswers.N }
			if p.Bound >= balanced.Bound && 2*kept(p) >= kept(balanced) && p.FalseRefusals.Share <= most && (helpful.FalseRefusals.Share > most || kept(p) > kept(helpful)) {
				t.Fatalf("seed %d: helpful %+v, better %+v", seed, helpful, p)
			}
		}
		if 2*careful.Right.N < balanced.Right.N || careful.FalseAnswers.N > balanced.FalseAnswers.N || helpful.FalseRefusals.N > balanced.FalseRefusals.N {
			t.Fatalf("seed %d: %+v", seed, b)
		}
	}
}

// rightly is the share of questions that come out right where two of three are answered by the documents.
func rightly(p Point) float64 { return (2*p.Right.Share + 1 - p.FalseAnswers.Share) / 3 }

// TestBalanced: on questions that it was not found on, the bound is better than the one that is best where it was found, and nearly as good as any.
func TestBalanced(t *testing.T) {
	var rest []Row
	for seed := range uint64(4) {
		rest = append(rest, rows("en", 2000, 1000, 1000+seed)...)
	}
	scale := make([]float64, 601) // what each bound comes to on them, by log-odds
	for i := range scale {
		scale[i] = rightly(At(rest, fromOdds(float64(i-300)/100)))
	}
	most := slices.Max(scale)
	var found, plain float64
	const times = 60
	for seed := range uint64(times) {
		all := rows("en", 60, 40, seed)
		b, err := Find(all)
		if err != nil {
			t.Fatal(err)
		}
		best := 0.0
		for _, bound := range candidates(all) {
			if rightly(At(all, bound)) > rightly(At(all, best)) {
				best = bound
			}
		}
		found += rightly(At(rest, b[Balanced].Bound)) / times
		plain += rightly(At(rest, best)) / times
	}
	if found < plain+0.002 || found < most-0.005 {
		t.Errorf("any bound %v at most, found %v, the best of the rows %v", most, found, plain)
	}
}

// TestFindApart: where probabilities tell the kinds apart the bound lies about in the middle between them, and all modes make no mistake.
func TestFindApart(t *testing.T) {
	var all []Row
	for i := range 12 {
		all = append(all, Row{Probability: 0.1 + 0.01*float64(i), Right: true}, Row{Refusal: true, Probability: 0.99 - 0.01*float64(i)})
	}
	b, err := Find(all)
	if err != nil {
		t.Fatal(err)
	}
	want := (logOdds(0.21) + logOdds(0.88)) / 2
	for _, mode := range Modes {
		if p := b[mode]; math.Abs(logOdds(p.Bound)-want) > 0.1 || p.Right.N != 12 || p.FalseAnswers.N != 0 || p.FalseRefusals.N != 0 {
			t.Errorf("%s: %+v, want log-odds of %v", mode, p, want)
		}
	}
}

// TestFewAndMany: rows that tell two bounds apart by chance alone leave the bound between them; many that tell them apart do not.
func TestFewAndMany(t *testing.T) {
	of := func(times int) []Row {
		var all []Row
		for range times {
			for _, x := range []struct {
				p       float64
				refusal bool
				n       int
			}{{0.02, false, 10}, {0.02, true, 1}, {0.2, false, 2}, {0.2, true, 5}, {0.9, true, 6}, {0.9, false, 1}} {
				for range x.n {
					all = append(all, Row{Probability: x.p, Refusal: x.refusal, Right: true})
				}
			}
		}
		return all
	}
	few, err := Find(of(1))
	if err != nil {
		t.Fatal(err)
	}
	many, err := Find(of(40))
	if err != nil {
		t.Fatal(err)
	}
	if a, b, want := few[Balanced].Bound, many[Balanced].Bound, fromOdds((logOdds(0.02)+logOdds(0.2))/2); a < want+0.02 || a > 0.4 || math.Abs(b-want) > 0.001 {
		t.Errorf("of few %v, of many %v", a, b)
	}
}

func TestTooFew(t *testing.T) {
	for _, c := range [][2]int{{0, 0}, {30, Fewest - 1}, {Fewest - 1, 30}} {
		if _, err := Find(rows("en", c[0], c[1], 1)); !errors.Is(err, core.ErrEmpty) {
			t.Errorf("%v: %v", c, err)
		}
	}
	bad := rows("en", 20, 20, 1)
	bad[3].Probability = math.NaN()
	if _, err := Find(bad); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a probability that is none: %v", err)
	}
}

// TestCrossFit: questions are judged by bounds that were found without them. Bounds that follow noise look better where they were found.
func TestCrossFit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var inside, across float64
	for range 100 {
		var noise []Row
		for i := range 80 { // probabilities tell nothing, and all bounds are as good: a third comes out right
			noise = append(noise, Row{Language: "en", Refusal: i%2 == 0, Probability: r.Float64(), Right: i%4 == 1})
		}
		b, err := Find(noise)
		if err != nil {
			t.Fatal(err)
		}
		x := CrossFit(noise, nil, r.Uint64())
		p, ok := x[Balanced]
		if !ok || p.Right.Of+p.FalseAnswers.Of != 80 {
			t.Fatalf("cross-fit %+v", x)
		}
		inside += (rightly(b[Balanced]) - 1.0/3) / 100
		across += (rightly(p) - 1.0/3) / 100
	}
	if inside < 0.008 {
		t.Errorf("found bounds gain %v from noise: too little to tell", inside)
	}
	if math.Abs(across) > 0.008 {
		t.Errorf("judged by each other, halves of noise gain %v", across)
	}
	few := CrossFit(rows("en", Fewest, Fewest, 1), nil, 1)
	if len(few) != 0 {
		t.Errorf("too few in halves: %+v", few)
	}
	alike := CrossFit(rows("en", 60, 60, 1), func(int) string { return "one document" }, 1)
	if len(alike) != 0 {
		t.Errorf("one group cannot be dealt: %+v", alike)
	}
}

func TestCommon(t *testing.T) {
	answers := []string{" The office.", " The dog.", " 5 pm.", " At nine.", " Monday."}
	for _, c := range []struct {
		refusal string
		answers []string
		want    string
	}{
		{" The documents do not say.", answers, " The "},
		{"資料には記載がありません。", []string{"10日です。", "資料室です。", "資料庫です。", "月曜です。"}, "資料"},
		{"資料には記載がありません。", []string{"10日です。", "資料室です。", "月曜です。"}, ""}, // one is chance
		{"No.", []string{"No.", "No."}, ""},
		{"No.", nil, ""},
	} {
		if got := Common(c.refusal, c.answers); got != c.want {
			t.Errorf("%q: %q, want %q", c.refusal, got, c.want)
		}
	}
}

// TestRecord: what was found is read again as it was, holds for its own sentence alone, and what is broken is told.
func TestRecord(t *testing.T) {
	all := append(rows("en", 60, 60, 1), rows("ja", 5, 30, 2)...)
	sentences := map[string]string{"en": "The documents do not say.", "ja": "資料には記載がありません。"}
	r, err := New(all, func(i int) bool { return all[i].Probability > 0.5 }, sentences, map[string]string{"en": " The"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if half := At(all[:120], 0.5); r.Languages["en"].Model.Right != half.Right || r.Languages["en"].Model.FalseAnswers != half.FalseAnswers {
		t.Errorf("the model by itself: %+v, want %+v", r.Languages["en"].Model, half)
	}
	r.Model = "0123456789abcdef"
	dir := t.TempDir()
	raw, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, FileName), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range Modes {
		bound, ok := back.Bound("en", sentences["en"], mode)
		if want := r.Languages["en"].Bounds[mode].Bound; !ok || bound != want {
			t.Errorf("%s: %v, %v, want %v", mode, bound, ok, want)
		}
		for name, ok := range map[string]bool{"another sentence": has(back.Bound("en", "I do not know.", mode)), "too few": has(back.Bound("ja", sentences["ja"], mode)), "none": has((*Record)(nil).Bound("en", sentences["en"], mode))} {
			if ok {
				t.Errorf("%s: %s has a bound", name, mode)
			}
		}
	}
	if _, ok := back.Bound("en", sentences["en"], Off); ok {
		t.Error("off has a bound")
	}
	if common, ok := back.Common("en", sentences["en"]); !ok || common != " The" {
		t.Errorf("common %q, %v", common, ok)
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("no file: %v", err)
	}
	for text, want := range map[string]error{"{": core.ErrCorrupt, `{"version":2}`: core.ErrUnsupported, `{"version":1,"languages":{"en":{"bounds":{"careful":{"bound":2}}}}}`: core.ErrCorrupt, `{"version":1,"languages":{"en":{"bounds":{"bold":{"bound":0.5}}}}}`: core.ErrCorrupt} {
		if _, err := Parse([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := New(all[:12], func(int) bool { return false }, sentences, nil, nil); !errors.Is(err, core.ErrEmpty) {
		t.Errorf("too few of all: %v", err)
	}
	if _, err := New(nil, nil, nil, nil, nil); !errors.Is(err, core.ErrEmpty) {
		t.Errorf("none at all: %v", err)
	}
}

func has(_ float64, ok bool) bool { return ok }
