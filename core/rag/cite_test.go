package rag_test

import (
	"context"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
)

// rules is a page as the readers give it; the passages begin inside it, so that offsets are not those of the passage.
const rules = "就業規則（抜粋）\n\n第11条　入社後6か月を経過した社員には、10日の年次有給休暇を与える。年次有給休暇は、1時間単位で取得できる。\n" +
	"第13条　夏季休暇は3日とし、7月から9月までの間に取得する。\n第15条　忌引休暇は、配偶者が死亡したとき7日、祖父母が死亡したとき3日とする。\n" +
	"新幹線の普通席は利用できます。グリーン車は利用できません。\n" +
	"第31条　自己の都合で退職するときは、退職を希望する日の30日前までに\n退職届を提出する。\n"

const catalog = "# 価格表\n\n品番: KX-200 | 品名: 卓上加湿器 | 価格: 8,980円\n品番: KX-300 | 品名: 大型加湿器 | 価格: 14,800円\n" +
	"品番: FL-21 | 品名: 交換フィルター | 価格: 1,320円\n\n最低注文金額は5,000円です。10,000円以上のご注文は送料無料です。\n"

const guide = "Office guide\n\nThe hotel limit is $180 per night. Parking costs $40 per month.\n" +
	"The move takes place on Saturday, 14 March 2026. The lamp is not waterproof.\nPhone calls are not allowed at quiet desks. Smoking is allowed on the roof.\n"

func cut(page, from, name, id string) core.Passage {
	before, _, _ := strings.Cut(page, from)
	start := len([]rune(before))
	return core.Passage{Document: id, Name: name, Page: 2, Start: start, End: len([]rune(page)), Text: string([]rune(page)[start:])}
}

var citePages = map[string]string{"r": rules, "c": catalog, "g": guide}

func citePassages() []core.Passage {
	return []core.Passage{
		cut(rules, "第11条", "就業規則.docx", "r"), cut(catalog, "品番: KX-200", "価格表.html", "c"), cut(guide, "The hotel", "guide.md", "g"),
	}
}

func TestCite(t *testing.T) {
	for _, c := range []struct {
		name, question, answer string
		want                   []string // per sentence: in the support's text; "" for unsupported
	}{
		{"whole sentence", "", "入社後6か月を経過した社員には、10日の年次有給休暇を与えます。", []string{"10日の年次有給休暇"}},
		{"short, told apart by the question", "年次有給休暇は何日ですか。", "10日です。", []string{"10日の年次有給休暇"}},
		{"number in two places", "夏季休暇は何日ですか。", "3日です。", []string{"夏季休暇は3日"}},
		{"number in two places, the other", "祖父母が死亡したときの忌引休暇は何日ですか。", "3日です。", []string{"祖父母が死亡したとき3日"}},
		{"lone value", "KX-200の価格はいくらですか。", "8,980円", []string{"KX-200"}},
		{"full width", "KX-200の価格はいくらですか。", "８，９８０円です。", []string{"KX-200"}},
		{"value of another row", "KX-200の価格はいくらですか。", "14,800円です。", []string{""}},
		{"value of another row, named", "", "KX-200の価格は14,800円です。", []string{""}},
		{"number that is not there", "年次有給休暇は何日ですか。", "20日です。", []string{""}},
		{"number inside another", "最低注文金額はいくらですか。", "500円です。", []string{""}},
		{"kanji number", "夏季休暇は何日ですか。", "夏季休暇は三日です。", []string{"夏季休暇は3日"}},
		{"other leave, same number", "", "有給は3日です。", []string{""}},
		{"negated verb", "", "グリーン車は利用できます。", []string{""}},
		{"negated verb, right", "", "グリーン車は利用できません。", []string{"グリーン車は利用できません。"}},
		{"positive verb, right", "", "新幹線の普通席は利用できます。", []string{"普通席"}},
		{"positive verb denied", "", "新幹線の普通席は利用できません。", []string{""}},
		{"wrapped line", "", "退職を希望する日の30日前までに退職届を提出します。", []string{"30日前までに\n退職届を提出する。"}},
		{"nothing of it", "", "社員食堂は地下にあります。", []string{""}},
		{"two sentences, one without support", "", "夏季休暇は3日です。社長は山田です。", []string{"夏季休暇は3日", ""}},
		{"two sentences, two places", "", "夏季休暇は3日です。最低注文金額は5,000円です。", []string{"夏季休暇は3日", "最低注文金額は5,000円"}},
		{"english value", "What is the hotel limit per night?", "$180 per night.", []string{"$180 per night"}},
		{"english value of something else", "How much does express delivery to Canada take?", "$40.", []string{""}},
		{"english date", "When does the move take place?", "Saturday, 14 March 2026.", []string{"14 March 2026"}},
		{"english wrong date", "When does the move take place?", "15 March 2026.", []string{""}},
		{"english negation dropped", "", "The lamp is waterproof.", []string{""}},
		{"english negation kept", "", "The lamp is not waterproof.", []string{"The lamp is not waterproof."}},
		{"english denial", "", "Smoking is not allowed on the roof.", []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			passages := citePassages()
			cites, unsupported, err := rag.CiteAnswer(context.Background(), c.question, c.answer, passages, nil)
			if err != nil {
				t.Fatal(err)
			}
			var want, missing []string
			for _, w := range c.want {
				if w == "" {
					missing = append(missing, w)
				} else {
					want = append(want, w)
				}
			}
			if len(cites) != len(want) || len(unsupported) != len(missing) {
				t.Fatalf("cites %+v, unsupported %q", cites, unsupported)
			}
			for i, cite := range cites {
				if !strings.Contains(cite.Text, want[i]) {
					t.Errorf("sentence %q cites %q, want %q", cite.Sentence, cite.Text, want[i])
				}
				if cite.Score < 0.6 || cite.Score > 1 {
					t.Errorf("score %v", cite.Score)
				}
				page := []rune(citePages[cite.ID])
				if got := string(page[cite.Start:cite.End]); got != cite.Text {
					t.Errorf("page has %q at %d to %d, citation says %q", got, cite.Start, cite.End, cite.Text)
				}
			}
		})
	}
}

func TestCiteSaysNothingOfYes(t *testing.T) {
	cites, unsupported, err := rag.Cite(context.Background(), "はい。夏季休暇は3日です。", citePassages(), nil)
	if err != nil || len(cites) != 1 || len(unsupported) != 0 {
		t.Fatalf("cites %+v, unsupported %q, %v", cites, unsupported, err)
	}
	cites, unsupported, err = rag.Cite(context.Background(), "はい。", citePassages(), nil)
	if err != nil || len(cites) != 0 || len(unsupported) != 1 {
		t.Fatalf("cites %+v, unsupported %q, %v", cites, unsupported, err)
	}
	cites, unsupported, err = rag.Cite(context.Background(), "夏季休暇は3日です。", nil, nil)
	if err != nil || cites == nil || len(cites) != 0 || len(unsupported) != 1 {
		t.Fatalf("without passages: cites %+v, unsupported %q, %v", cites, unsupported, err)
	}
}

func TestSentences(t *testing.T) {
	for text, want := range map[string][]string{
		"一つ目です。二つ目です！三つ目？":                           {"一つ目です。", "二つ目です！", "三つ目？"},
		"「はい。」と答えた。次へ。":                              {"「はい。」と答えた。", "次へ。"},
		"終わり。」次。":                                    {"終わり。」", "次。"},
		"重さは3.5kgです。価格は1,200円。":                      {"重さは3.5kgです。", "価格は1,200円。"},
		"It costs 3.5 dollars. See file.txt now.":    {"It costs 3.5 dollars.", "See file.txt now."},
		"Ask Mr. Smith, e.g. by mail. He knows.":     {"Ask Mr. Smith, e.g. by mail.", "He knows."},
		"Open from 7:30 a.m. to 8 p.m. on weekdays.": {"Open from 7:30 a.m. to 8 p.m. on weekdays."},
		"It closes at 8 p.m. Visitors leave.":        {"It closes at 8 p.m.", "Visitors leave."},
		"1. The move is on Monday. 2. It ends.":      {"1. The move is on Monday.", "2. It ends."},
		"He said \"Stop.\" Then he left.":            {"He said \"Stop.\"", "Then he left."},
		"Really?! Yes!":                              {"Really?!", "Yes!"},
		"行1\n  行2  \n\n行3":                           {"行1", "行2", "行3"},
		"":                                           nil,
		" \n ":                                       nil,
		"Version v1.2.3 is out. バージョンは2.0です.次は3.0です.": {"Version v1.2.3 is out.", "バージョンは2.0です.", "次は3.0です."},
	} {
		rs := []rune(text)
		var got []string
		for _, s := range rag.Sentences(text) {
			got = append(got, string(rs[s.Start:s.End]))
		}
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzSentences(f *testing.F) {
	f.Add("一つ目です。二つ目（注。）です！ 3.5 and e.g. this. End")
	f.Fuzz(func(t *testing.T, text string) {
		rs := []rune(text)
		last := 0
		for _, s := range rag.Sentences(text) {
			if s.Start < last || s.End <= s.Start || s.End > len(rs) {
				t.Fatalf("span %v after %d in %q", s, last, text)
			}
			if strings.TrimSpace(string(rs[last:s.Start])) != "" {
				t.Fatalf("text between sentences in %q", text)
			}
			last = s.End
		}
		if strings.TrimSpace(string(rs[last:])) != "" {
			t.Fatalf("text after the last sentence of %q", text)
		}
	})
}
