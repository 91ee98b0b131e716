package exam

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
)

const natural = "\ufeff# by hand\n\n" +
	`{"set": "s", "lang": "en", "kind": "fact", "question": "Who?", "accept": ["Laura Bennett"], "gold": [{"document": "a.txt", "text": "Laura"}]}` + "\n" +
	`{"set": "s", "lang": "ja", "kind": "unit", "question": "何円?", "absent": ["円"]}`

func TestParseNatural(t *testing.T) {
	if !IsNatural([]byte(natural)) || IsNatural([]byte(`{"question": "Who?", "answer": "Laura"}`)) || IsNatural([]byte("question,answer\na,b")) || IsNatural(nil) {
		t.Error("which files these are")
	}
	all, err := ParseNatural([]byte(natural))
	if err != nil || len(all) != 2 || all[0].Line != 3 || !all[0].Answerable() || all[1].Answerable() || all[1].Line != 4 {
		t.Fatal(all, err)
	}
}

// TestParseNaturalErrors: what is wrong is told with its line.
func TestParseNaturalErrors(t *testing.T) {
	good := strings.Split(natural, "\n")[2]
	for name, c := range map[string]struct {
		file, key string
		args      []any
	}{
		"nothing":      {"# only this\n", "error.questions.empty", nil},
		"no JSON":      {good + "\n{", "error.questions.json", []any{2}},
		"another key":  {strings.Replace(good, `"lang"`, `"tongue": "x", "lang"`, 1), "error.questions.json", []any{1}},
		"two objects":  {good + good, "error.questions.json", []any{1}},
		"a long line":  {good + "\n" + strings.Repeat("x", maxNaturalLine+1), "error.questions.json", []any{2}},
		"no question":  {strings.Replace(good, "Who?", " ", 1), "error.questions.missing", []any{1, "question"}},
		"no set":       {strings.Replace(good, `"set": "s"`, `"set": ""`, 1), "error.questions.missing", []any{1, "set"}},
		"language":     {strings.Replace(good, `"en"`, `"fr"`, 1), "error.questions.value", []any{1, "lang", "fr", "ja, en"}},
		"kind":         {strings.Replace(good, `"fact"`, `"riddle"`, 1), "error.questions.value", []any{1, "kind", "riddle", strings.Join(NaturalKinds, ", ")}},
		"neither":      {strings.Replace(good, `["Laura Bennett"]`, `[]`, 1), "error.questions.either", []any{1}},
		"both":         {strings.Replace(good, `"accept"`, `"absent": ["x"], "accept"`, 1), "error.questions.either", []any{1}},
		"absent, gold": {strings.Replace(good, `"accept"`, `"absent"`, 1), "error.questions.either", []any{1}},
		"empty form":   {strings.Replace(good, `["Laura Bennett"]`, `["Laura", " "]`, 1), "error.questions.missing", []any{1, "accept"}},
		"no place":     {strings.Replace(good, `[{"document": "a.txt", "text": "Laura"}]`, `[]`, 1), "error.questions.missing", []any{1, "gold"}},
		"no text":      {strings.Replace(good, `"text": "Laura"`, `"text": "\u3000"`, 1), "error.questions.missing", []any{1, "gold"}},
		"twice":        {good + "\n\n" + strings.Replace(good, "Who?", "who", 1), "error.questions.twice", []any{3, 1}},
	} {
		_, err := ParseNatural([]byte(c.file))
		var user *core.UserError
		if !errors.Is(err, core.ErrUsage) || !errors.As(err, &user) || user.Key != c.key || !slices.Equal(user.Args, c.args) {
			t.Errorf("%s: %v, %+v", name, err, user)
		}
	}
}

func TestNaturalJudge(t *testing.T) {
	for _, c := range []struct {
		kind   string
		accept []string
		got    string
		right  bool
	}{
		{"fact", []string{"午前8時45分", "8:45"}, "始業は午前８時４５分です。", true},
		{"fact", []string{"3日"}, "13日です。", false},
		{"fact", []string{"3日"}, "3 日とする。", true},
		{"fact", []string{"30,000円"}, "月額30000円です。", true},
		{"fact", []string{"2 年ごと"}, "安定版は2年ごとにリリースされます。", true},
		{"fact", []string{"2"}, "4 for read, 2 for write.", true},
		{"fact", []string{"4"}, "It costs 1.4 dollars.", false},
		{"fact", []string{"0.9"}, "0.9 kg", true},
		{"fact", []string{"25 kg"}, "Up to 25kg.", true},
		{"fact", []string{"-a"}, "Use ls -a.", true},
		{"fact", []string{"-a"}, "A file.", false},
		{"fact", []string{"id"}, "The provider.", false},
		{"fact", []string{"MX"}, "MX (mail exchange): an email server.", true},
		{"fact", []string{"Monday"}, "Sunday", false},
		{"fact", []string{"Laura Bennett"}, "Laura Bennet.", true},
		{"fact", []string{"clear text"}, "They are sent in clear text.", true},
		{"fact", []string{"quota"}, strings.Repeat("The quota management software is found in the package. ", 3), false}, // a page holds everything
		{"yesno", []string{"いいえ", "利用できません"}, "グリーン車は利用できません。", true},
		{"yesno", []string{"いいえ", "利用できません"}, "普通席は利用できます。", false},
		{"yesno", []string{"いいえ"}, "いいえ、利用できません。", true},
		{"yesno", []string{"はい"}, "入れてはいけません。", false},
		{"yesno", []string{"No"}, "No, it is not.", true},
		{"yesno", []string{"No"}, "Nothing is known.", false},
		{"yesno", []string{"No"}, "There is no limit.", false},
		{"yesno", []string{"allowed"}, "That is not allowed.", false},
		{"yesno", []string{"does not cover damage from falls"}, "The warranty does not cover damage from falls.", true},
		{"yesno", []string{"does not cover damage from falls"}, "The warranty does cover damage from falls.", false},
		{"how", []string{"restricts deletion of files"}, "It restricts the deletion of files.", true},
	} {
		q := Natural{Kind: c.kind, Accept: c.accept, Gold: []Place{{"a", "b"}}}
		if m := q.Judge(Given{Text: c.got, Cited: true}); m.Right != c.right || !m.Cited || !m.HasSource || m.Refusal {
			t.Errorf("%q for %q: %+v", c.got, c.accept, m)
		}
	}
	if m := (Natural{Accept: []string{"3日"}}).Judge(Given{Text: "", Refused: true}); m.Right || !m.Refused || m.Refusal {
		t.Errorf("a false refusal: %+v", m)
	}
	if m := (Natural{Absent: []string{"x"}}).Judge(Given{Text: "3日", Refused: false}); m.Right || m.Refused || !m.Refusal {
		t.Errorf("a false answer: %+v", m)
	}
	if m := (Natural{Absent: []string{"x"}}).Judge(Given{Refused: true}); !m.Right || !m.Refused || !m.Refusal {
		t.Errorf("a right refusal: %+v", m)
	}
	q := Natural{Accept: []string{"はい", "1", "10本"}}
	if !q.HoldsAnswer("入り数: 10本") || q.HoldsAnswer("はい、1 つ、110本") {
		t.Error("whether a passage holds the answer")
	}
}

func TestSquashMap(t *testing.T) {
	s, from := SquashMap("Ａ 1\n㎏b")
	if s != "a1kgb" || !slices.Equal(from, []int{0, 2, 4, 4, 5}) {
		t.Error(s, from)
	}
}

func TestCount(t *testing.T) {
	var all []Tried
	for i, m := range marks(20, 12, 3, 8, 2) {
		all = append(all, Tried{Mark: m, Found: i < 15, Holds: i == 12, Seconds: float64(i%2) + 0.5})
	}
	c := Count(all, 1)
	for name, r := range map[string][2]Rate{
		"right": {c.Right, NewRate(12, 20)}, "holds": {c.Holds, NewRate(13, 20)}, "wrong": {c.Wrong, NewRate(5, 20)}, "false refusals": {c.FalseRefusals, NewRate(3, 20)}, "refused": {c.Refused, NewRate(6, 8)},
		"false answers": {c.FalseAnswers, NewRate(2, 8)}, "overall": {c.Overall, NewRate(18, 28)}, "cited": {c.Cited, NewRate(5, 20)}, "found": {c.Found, NewRate(15, 20)},
	} {
		if r[0] != r[1] {
			t.Errorf("%s: %+v, want %+v", name, r[0], r[1])
		}
	}
	if c.Questions != 28 || c.F1 != 0.5 || c.Seconds != 1 || c.SecondsLow >= 1 || c.SecondsHigh <= 1 || math.Abs(c.SecondsHigh-1.18) > 0.05 {
		t.Errorf("%+v", c)
	}
	if Count(nil, 1) != (Tally{}) {
		t.Error("nothing is counted")
	}
}
