package dataset

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
	"kakoi/resources"
)

// found is a Retriever that finds one passage for whatever is asked.
type found struct{ text string }

func (f found) Prepare(_ context.Context, question string, _ []core.RowSource) (rag.Prepared, error) {
	return f.PrepareWith(context.Background(), question, []core.Passage{{Document: "d", Page: 1, End: len([]rune(f.text)), Text: f.text}})
}

func (f found) PrepareWith(_ context.Context, question string, passages []core.Passage) (rag.Prepared, error) {
	t, err := rag.LoadTemplates(resources.Prompts)
	if err != nil {
		return rag.Prepared{}, err
	}
	return rag.Prepared{Template: t["ja"], Passages: passages, Prompt: t["ja"].Prompt(passages, question)}, nil
}

// TestContrastIsNobodysQuestion: what a person asked, and answered, is never a refusal made of another question.
func TestContrastIsNobodysQuestion(t *testing.T) {
	text := "KX-200の保証は、2年です。"
	gold := core.RowSource{Document: "d", Name: "d.txt", Page: 1, Start: 10, End: 12}
	for _, asked := range []bool{false, true} {
		b := &builder{Params: Params{Retriever: found{text}, NoRules: true}, left: Left{}, documents: map[string]Document{}, general: map[string]bool{}}
		if asked {
			for n := range 1000 { // whatever is drawn
				b.Drafts = append(b.Drafts, Draft{Question: "KX-" + strconv.Itoa(n) + "の保証は何年ですか。", Answer: "3年です。", Origin: core.RowFile, Free: true})
			}
		}
		if _, _, err := b.drafts(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := core.Row{ID: "r", Question: "KX-200の保証は何年ですか。", Answer: "2年です。", Origin: core.RowFile, Source: &gold}
		p, err := b.Retriever.Prepare(t.Context(), r.Question, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Inputs = p.Prompt
		m := b.contrast(t.Context(), r, map[string][]string{"code": {"KX-777", "KX-888"}})
		if m.err != nil || (m.reason == unchanged) != asked || !asked && (!m.row.Refusal || m.row.Question == r.Question || !strings.HasPrefix(m.row.Question, "KX-")) {
			t.Errorf("asked %v: %+v", asked, m)
		}
	}
}

// What of a question can be changed, and what of the same sort may stand there.
func TestSwapsOf(t *testing.T) {
	for question, want := range map[string]string{
		"KX-200の価格はいくらですか。":                    "KX-200 code; 価格 compound は",
		"10月19日の最高気温は何度ですか。":                   "10 number; 19 number; 最高気温 compound は",
		"3,000円以上の支払いには何が必要ですか。":               "必要 compound で", // what holds for 3,000 may hold for another number
		"災害用伝言ダイヤルの番号は何番ですか。":                  "災害用伝言ダイヤル compound の; 番号 compound は",
		"How much does the LM-40 cost?":        "LM-40 code",
		"What is the battery of the LM-60?":    "LM-60 code; battery noun the ",
		"Who is the owner of the mail server?": "owner noun the ; mail noun the ",
		"What does /etc/apt/sources.list do?":  "",
		"Where are Debian packages stored?":    "Debian name",
		"What happens above 40 degrees?":       "",
		"資料に何か記載がありますか。":                       "",
		"第58回の開催日はいつですか。":                      "58 number; 開催日 compound は",
		"What should I do within 30 days?":     "",
		"What is the price of 12 batteries?":   "12 number; price noun the ",
		"コピー用紙A4の入り数は何枚ですか。":                   "A4 code",
		"How is the Boehm-GC option set?":      "Boehm-GC name",

		// Spans, bounds and what one costs.
		"1日から5日までの料金はいくらですか。":                        "料金 compound は",
		"10～20個の場合、何が必要ですか。":                         "必要 compound で",
		"最大30人の会議室はどこですか。":                           "会議室 compound は",
		"1人あたりの費用はいくらですか。":                           "費用 compound は",
		"1泊の料金はいくらですか。":                              "料金 compound は",
		"電源ボタンを1回押すとどうなりますか。":                        "1 number; 電源ボタン compound を",
		"4月1日の当番は誰ですか。":                              "4 number; 1 number; 当番 compound は",
		"What is the price of 10 batteries or more?": "price noun the ",
		"What is the price of 3 days or longer?":     "price noun the ",
		"What opens between 9 and 17?":               "",
		"What is the price of 5 to 10 boxes?":        "price noun the ",
		"What is the price of 1 battery?":            "price noun the ",
	} {
		var got []string
		for _, s := range swapsOf(question) {
			got = append(got, s.word+" "+s.sort)
			if question[s.from:s.end] != s.word {
				t.Errorf("%q: %q is not at its place", question, s.word)
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%q: %q, want %q", question, strings.Join(got, "; "), want)
		}
	}
}

// Another number is never the same, has as many digits, and can be a month or a day where one stood.
func TestOtherNumber(t *testing.T) {
	p := newPCG(1, "numbers")
	for range 200 {
		for _, word := range []string{"1", "9", "19", "40", "365", "2025", "1,200", "12,345", "10,000"} {
			got := p.otherNumber(word, '円')
			if got == word || len(got) != len(word) || strings.Count(got, ",") != strings.Count(word, ",") || strings.HasPrefix(got, "0") {
				t.Fatalf("%s for %s", got, word)
			}
		}
		if got := p.otherNumber("12", '月'); got == "12" || len(got) > 2 || got > "12" && len(got) == 2 {
			t.Fatalf("month %s", got)
		}
		if got := p.otherCode("KX-200"); got == "KX-200" || !strings.HasPrefix(got, "KX-") || len(got) != 6 {
			t.Fatalf("code %s", got)
		}
	}
	for _, word := range []string{"0", "12345678901", "x"} {
		if got := p.otherNumber(word, '円'); got != "" {
			t.Errorf("%s for %s", got, word)
		}
	}
}

// A passage names a thing in any writing, and by another word for it; only what it does not name may be asked for in vain.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		text, word string
		want       bool
	}{
		{"LM-40の価格は、1,480円です。", "料金", true},
		{"LM-40の利用価格は、1,480円です。", "利用料金", true},
		{"LM-40の質量は、3.2kgです。", "料金", false},
		{"申し込みは窓口で受け付けます。", "申込", true},
		{"サーバの管理は情報課です。", "サーバー", true},
		{"荷物の重さは20kgです。", "質量", true},
		{"重要な書類は金庫に入れます。", "質量", false},
		{"KX200 の保証は2年です。", "KX-200", true},
		{"KX-210の保証は2年です。", "KX-200", false},
		{"締切は三月十日です。", "10", true},
		{"本店は月曜に休みます。", "支店", false},
		{"The battery lasts two years.", "batteries", true},
		{"The LM-40 costs 12 dollars.", "price", true},
		{"Displays are in room 4.", "display", true},
		{"Coffee is in the data room.", "charge", false},
		{"The owner is Ms. Tanaka.", "printer", false},
	} {
		if got := named(c.text, c.word); got != c.want {
			t.Errorf("%q names %q: %v", c.text, c.word, got)
		}
	}
}
