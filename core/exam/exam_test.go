package exam

import (
	"math"
	"testing"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		want, got    string
		right, exact bool
		least, most  float64 // F1
	}{
		{"１０日です。", "10日です", true, true, 1, 1},
		{"10日", "入社半年後に10日与えられます。", true, false, 0.2, 0.5},
		{"10日", "20日です。", false, false, 0.3, 0.7},
		{"5,000円", "最低注文金額は5000円です。", true, false, 0.3, 0.8},
		{"3.5 mm", "35 mm", false, false, 0.8, 1}, // nearly the same characters, another number
		{"The office opens at nine.", "the office opens at NINE", true, true, 1, 1},
		{"Reset the router and wait.", "Reset the router, then wait.", true, false, 0.85, 1},
		{"ab", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", false, false, 0, 0.1}, // a page holds everything
		{"", "", false, false, 0, 0},
	} {
		m := Judge(Question{Expected: c.want}, Given{Text: c.got})
		if m.Right != c.right || m.Exact != c.exact || m.F1 < c.least || m.F1 > c.most || m.Refused || m.Refusal {
			t.Errorf("%q for %q: %+v", c.got, c.want, m)
		}
	}
	if m := Judge(Question{Refusal: true, Expected: "資料には記載がありません。"}, Given{Text: "資料には記載がありません。", Refused: true}); !m.Right {
		t.Errorf("a right refusal: %+v", m)
	}
	if m := Judge(Question{Refusal: true, Source: true}, Given{Text: "10日です。", Cited: true}); m.Right || m.Cited || m.HasSource {
		t.Errorf("a false answer: %+v", m)
	}
	if m := Judge(Question{Expected: "10日", Source: true}, Given{Text: "", Refused: true, Cited: true}); m.Right || m.Cited || !m.HasSource {
		t.Errorf("a false refusal: %+v", m)
	}
	if m := Judge(Question{Expected: "10日", Source: true}, Given{Text: "10日", Cited: true}); !m.Right || !m.Cited {
		t.Errorf("a cited answer: %+v", m)
	}
}

// TestWilson holds the interval against Newcombe 1998 (Statistics in Medicine 17, table I, method 3).
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		n, of     int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}} {
		r := NewRate(c.n, c.of)
		if math.Abs(r.Low-c.low) > 5e-5 || math.Abs(r.High-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.5f to %.5f, want %.4f to %.4f", c.n, c.of, r.Low, r.High, c.low, c.high)
		}
	}
	if r := NewRate(0, 0); r != (Rate{}) {
		t.Errorf("none of none: %+v", r)
	}
}

// marks are n answerable of which right are answered rightly and refused are refused, and m unanswerable of which wrong are answered.
func marks(n, right, refused, m, wrong int) []Mark {
	var all []Mark
	for i := range n {
		all = append(all, Mark{Right: i < right, Exact: i < right/2, F1: 0.5, HasSource: i%2 == 0, Cited: i%4 == 0, Refused: i >= n-refused})
	}
	for i := range m {
		all = append(all, Mark{Refusal: true, Right: i >= wrong, Refused: i >= wrong})
	}
	return all
}

func TestGrade(t *testing.T) {
	s := Grade(marks(20, 12, 3, 8, 2), 1)
	if s.Answerable != 20 || s.Unanswerable != 8 || s.Right.N != 12 || s.Exact.N != 6 || s.Cited.N != 5 || s.Cited.Of != 10 ||
		s.FalseAnswers.N != 2 || s.FalseAnswers.Of != 8 || s.FalseRefusals.N != 3 || s.FalseRefusals.Of != 20 || s.Overall.N != 18 || s.Overall.Of != 28 {
		t.Errorf("score %+v", s)
	}
	if s.F1 != 0.5 || s.F1Low != 0.5 || s.F1High != 0.5 {
		t.Errorf("mean of equal values: %v, %v to %v", s.F1, s.F1Low, s.F1High)
	}
	if Grade(nil, 1) != (Score{}) {
		t.Error("nothing is graded")
	}
}

func TestMeanIsSeeded(t *testing.T) {
	values := []float64{0, 0, 1, 1, 1, 0, 1, 0.5, 0.25, 1}
	m, low, high := mean(values, 7)
	if m2, low2, high2 := mean(values, 7); m != m2 || low != low2 || high != high2 {
		t.Error("the same seed has two intervals")
	}
	// The normal interval of the mean: 0.575 +- 1.96 * 0.4386 / sqrt(10).
	if m != 0.575 || math.Abs(low-0.303) > 0.06 || math.Abs(high-0.847) > 0.06 {
		t.Errorf("mean %v, %v to %v", m, low, high)
	}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second []Mark
		key           string
	}{
		{"nothing was asked", nil, nil, "exam.reason.none"},
		{"much better", marks(40, 20, 5, 20, 12), marks(40, 32, 2, 20, 3), "exam.reason.better"},
		{"the same", marks(40, 20, 5, 20, 12), marks(40, 20, 5, 20, 12), "exam.reason.margin"},
		{"a little", marks(40, 20, 5, 20, 12), marks(40, 21, 5, 20, 12), "exam.reason.margin"},
		{"too few to tell", marks(4, 2, 0, 2, 1), marks(4, 3, 0, 2, 1), "exam.reason.chance"},
		{"more false answers", marks(40, 10, 5, 20, 3), marks(40, 36, 2, 20, 8), "exam.reason.false"},
		{"refuses everything", marks(40, 20, 5, 60, 50), marks(40, 2, 38, 60, 0), "exam.reason.right"},
	} {
		d := Decide(c.first, c.second, DefaultMargin, 3)
		if d.Key != c.key || d.Better != (c.key == "exam.reason.better") || d.Args == nil {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	if d := Decide(marks(40, 20, 5, 20, 12), marks(40, 32, 2, 20, 3), 0.5, 3); d.Better || d.Key != "exam.reason.margin" {
		t.Errorf("a large margin: %+v", d)
	}
}

func TestSamePlace(t *testing.T) {
	const passage = "年次有給休暇は入社半年後に10日与えられます。\n交通費は月末に支払われます。"
	for cited, want := range map[string]bool{
		"年次有給休暇は入社半年後に10日与えられます。": true, "年次有給休暇は入社半年後に１０日": true, "交通費は月末に支払われます。次の章": true,
		"夏季休暇は3日です。": false, "": false, "与えられます。しかし制服は一年ごとに支給します。": false,
	} {
		if SamePlace(cited, passage) != want {
			t.Errorf("%q: %v", cited, !want)
		}
	}
}
