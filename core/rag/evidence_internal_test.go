package rag

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
)

func TestClauses(t *testing.T) {
	for text, want := range map[string][]string{
		"申請は総務課で受け付け、受付時間は平日の9時から17時までです。":                                     {"申請は総務課で受け付け、", "受付時間は平日の9時から17時までです。"},
		"会議室（定員は12名までとする）は、前日までに予約します。":                                        {"会議室（定員は12名までとする）", "は、前日までに予約します。"},
		"項目: 容量 | KX-200: 2.4L | KX-300: 4.0L":                                 {"項目: 容量", "KX-200: 2.4L", "KX-300: 4.0L"},
		"手数料は1,200円です。":                                                        {"手数料は1,200円です。"},
		"返却する。\n遅れた場合は1日につき100円です。":                                            {"返却する。", "遅れた場合は1日につき100円です。"},
		"Cards cost $1,200 a year, payable in advance; renewals are free.":     {"Cards cost $1,200 a year,", "payable in advance;", "renewals are free."},
		"Bring the form, pay, and wait at the desk.":                           {"Bring the form, pay,", "and wait at the desk."},
		"The office opens at nine and the shop on the ground floor at eleven.": {"The office opens at nine", "the shop on the ground floor at eleven."},
		"Salt and pepper are on the table.":                                    {"Salt and pepper are on the table."},
		"乙は、承諾なく物件を転貸し、または増改築してはならない。":                                         {"乙は、承諾なく物件を転貸し、または増改築してはならない。"},
		"ペットを館内に持ち込み、廊下を走ってはならない。":                                             {"ペットを館内に持ち込み、廊下を走ってはならない。"},
		"申請書を窓口に出し、総務課が受け付ける。":                                                 {"申請書を窓口に出し、", "総務課が受け付ける。"},
		"Tenants must not sublet the rooms or change the walls of them.":       {"Tenants must not sublet the rooms or change the walls of them."},
		"Pets are not allowed inside but they may be kept in the yard.":        {"Pets are not allowed inside", "they may be kept in the yard."},
		"": nil,
	} {
		var got []string
		for _, s := range clauses(text) {
			got = append(got, string([]rune(text)[s.Start:s.End]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestPreferred: one sentence goes before several unless these are clearly better.
func TestPreferred(t *testing.T) {
	of := func(lines int, logit float64) candidate {
		return candidate{stretch: stretch{lines: lines}, logit: logit}
	}
	for i, c := range []struct {
		all  []candidate
		want float64
	}{
		{[]candidate{of(1, 1), of(1, 2), of(2, 3)}, 2},
		{[]candidate{of(1, 1), of(3, 4), of(1, 2)}, 4},
		{[]candidate{of(2, 1), of(3, 0)}, 1},
		{[]candidate{of(1, 2), of(1, 2)}, 2},
	} {
		if got := preferred(c.all, 1.5); got.logit != c.want {
			t.Errorf("%d: %v, want %v", i, got.logit, c.want)
		}
	}
}

// TestBriefest: of clauses that answer about as well the shorter goes before, by characters and not bytes; one that answers better by more than its length costs stays.
func TestBriefest(t *testing.T) {
	of := func(text string, logit float64) candidate {
		return candidate{stretch: stretch{text: text}, logit: logit}
	}
	for i, c := range []struct {
		all  []candidate
		want string
	}{
		{[]candidate{of("受付時間は平日の9時から17時までとし、", 3), of("9時から17時まで", 2.6)}, "9時から17時まで"},
		{[]candidate{of("受付時間は平日の9時から17時までとし、", 3), of("9時から17時まで", 2.4)}, "受付時間は平日の9時から17時までとし、"},
		{[]candidate{of("ten days", 1), of("十日間の有給休暇", 1)}, "ten days"},
		{[]candidate{of("十日間の有給休暇", 1), of("ten days", 1)}, "十日間の有給休暇"},
		{[]candidate{of("only", -8)}, "only"},
	} {
		if got := briefest(c.all, reading.perRune); got.stretch.text != c.want {
			t.Errorf("%d: %q, want %q", i, got.stretch.text, c.want)
		}
	}
	before := reading
	defer func() { reading = before }()
	reading.perRune = 0.25
	if got := of("十日間", 2).worth(0.25); got != 1.25 {
		t.Errorf("three characters at a quarter: %v, want 1.25", got)
	}
	reading.perRune = 0
	if got := briefest([]candidate{of("ten days", 1), of("ten days of paid leave", 1.1)}, reading.perRune); got.logit != 1.1 {
		t.Errorf("where length costs nothing: %+v", got)
	}
}

// scored is a cross-encoder that gives what the parts of a text say.
type scored map[string]float32

func (s scored) Info() core.RerankerInfo { return core.RerankerInfo{ID: "s"} }
func (s scored) Close() error            { return nil }
func (s scored) Rerank(_ context.Context, _ string, texts []string) ([]float32, error) {
	out := make([]float32, len(texts))
	for i, text := range texts {
		out[i] = -9
		if side, _, ok := strings.Cut(text, " | "); ok {
			out[i] = s[side]
		} else if l, ok := s[between(text)]; ok {
			out[i] = l
		}
	}
	return out, nil
}

// between is the marked part of a text.
func between(text string) string {
	_, after, _ := strings.Cut(text, markOpen)
	stretch, _, _ := strings.Cut(after, markClose)
	return stretch
}

// TestEvidenceReadsOn: of what a search found the first passages are read, and the others where these do not answer well; what was found better wins while it is not
// much worse. Passages that are given are all read, and their order and scores mean nothing.
func TestEvidenceReadsOn(t *testing.T) {
	enough, ofHit := float32(reading.enough), float32(reading.ofHit)
	last := reading.first
	for i, c := range []struct {
		first, last float32 // logits
		found       bool
		read, want  int
	}{
		{enough, 9, true, last, 0},
		{enough - 0.1, 9, true, last + 1, last},
		{1, 1 + 0.3*ofHit, true, last + 1, 0},
		{1, 1 + 0.9*ofHit, true, last + 1, last},
		{enough, 9, false, last + 1, last},
		{1, 1 + 0.3*ofHit, false, last + 1, last},
	} {
		s := scored{}
		var passages []core.Passage
		for k := range last + 1 {
			text := fmt.Sprintf("The permit of kind %d costs ten dollars.", k)
			passages = append(passages, core.Passage{Document: text, Text: text, Score: 1 - 0.8*float64(k)/float64(last)})
		}
		s[passages[0].Text], s[passages[last].Text] = c.first, c.last
		e, err := (&Asker{Evidence: s}).evidenceIn(t.Context(), "How much is it?", passages, c.found)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.shownPassages(); len(e.passages) != c.read || e.read != c.read || got[0].Text != passages[c.want].Text {
			t.Errorf("%d: %d passages, %d stretches, %q", i, len(e.passages), e.read, got[0].Text)
		}
	}
}

// TestEvidenceForeign: what a search found in the other language has to answer better than what it found in the question's own, and to be surer that there is an answer; where there is
// nothing in its own, or the passages are given, nothing is taken off.
func TestEvidenceForeign(t *testing.T) {
	const ja, en, other = "申請は毎月15日に払い戻します。", "Claims are paid within seven days of it.", "The office is closed on Sundays."
	for i, c := range []struct {
		question string
		logit    float32 // of the English one; the Japanese one's is 1
		texts    []string
		found    bool
		want     string
		less     float64 // what is taken off the logit of it
	}{
		{"立て替えたお金はいつ戻りますか。", 1 + float32(reading.foreign)*0.9, []string{en, ja}, true, ja, 0},
		{"立て替えたお金はいつ戻りますか。", 1 + float32(reading.foreign)*1.1, []string{en, ja}, true, en, reading.foreign},
		{"立て替えたお金はいつ戻りますか。", 1.1, []string{en, ja}, false, en, 0},
		{"立て替えたお金はいつ戻りますか。", 1.1, []string{en, other}, true, en, 0},
		{"When are claims paid?", 1 - float32(reading.foreign)*0.9, []string{en, ja}, true, en, 0},
	} {
		s := scored{ja: 1, en: c.logit}
		var passages []core.Passage
		for _, text := range c.texts {
			passages = append(passages, core.Passage{Document: text, Text: text, Score: 1})
		}
		e, err := (&Asker{Evidence: s}).evidenceIn(t.Context(), c.question, passages, c.found)
		if err != nil {
			t.Fatal(err)
		}
		logit := float64(s[c.want]) - c.less
		best := fromOdds((reading.ofStretch+reading.ofClause)*logit + reading.plus)
		if got := e.shownPassages(); got[0].Text != c.want || math.Abs(e.best-best) > 1e-6 {
			t.Errorf("%d: %q, %.4f, want %q, %.4f", i, got[0].Text, e.best, c.want, best)
		}
	}
}

// TestEvidenceChosen: the clause that answers is read, of the better sentence; a sentence whose clauses are much worse is read whole; where several
// stretches may be read, the ones of other places that are not much less likely.
func TestEvidenceChosen(t *testing.T) {
	passages := []core.Passage{{Document: "x", Text: "The permit costs twelve dollars a month, and is valid for one car only. Visitors park behind the house, which is free of charge."}}
	read := func(s scored) []string {
		t.Helper()
		e, err := (&Asker{Evidence: s}).evidenceIn(t.Context(), "How much is it?", passages, false)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for i, p := range e.shownPassages() {
			if text := string([]rune(passages[0].Text)[p.Start:p.End]); text != p.Text || e.chosen[i].stretch.text != p.Text {
				t.Errorf("%q stands at the place of %q", text, p.Text)
			}
			out = append(out, p.Text)
		}
		return out
	}
	permit, visitors, free := "The permit costs twelve dollars a month, and is valid for one car only.", "Visitors park behind the house, which is free of charge.", "which is free of charge."
	if got := read(scored{permit: 2, "The permit costs twelve dollars a month,": 2.5, visitors: 1}); !slices.Equal(got, []string{"The permit costs twelve dollars a month,"}) {
		t.Errorf("read %q", got)
	}
	if got := read(scored{permit: 5, "The permit costs twelve dollars a month,": 2.5}); !slices.Equal(got, []string{permit}) {
		t.Errorf("with clauses that are worse %q", got)
	}
	if got := read(scored{permit: 1, visitors: 0.5, free: 4}); !slices.Equal(got, []string{free}) {
		t.Errorf("with a clause of the second sentence %q", got)
	}
	before := reading
	defer func() { reading = before }()
	reading.shown = 3
	if got := read(scored{permit: 2, "The permit costs twelve dollars a month,": 2.5, visitors: 1}); len(got) != 2 || got[1] != visitors {
		t.Errorf("up to three: %q", got)
	}
	if got := read(scored{permit: 2, "The permit costs twelve dollars a month,": 2.5, visitors: -1}); len(got) != 1 {
		t.Errorf("beside one that is unlikely: %q", got)
	}
}

// TestEvidenceRefusal: without a weight the model's own refusal has no say; with one, its bound is where the sum of both is at the bound.
func TestEvidenceRefusal(t *testing.T) {
	for _, p := range []float64{0, 0.2, 0.5, 0.9, 1} {
		if got := EvidenceRefusal(p, 0.99); math.Abs(got-(1-p)) > 1e-6 {
			t.Errorf("%v: refusal %v", p, got)
		}
		if own, refuse := ownBound(p, 0.5); own != 1 || refuse != (p < 0.5) {
			t.Errorf("%v: bound %v, refuse %v", p, own, refuse)
		}
	}
	before := reading
	defer func() { reading = before }()
	reading.ofOdds, reading.ofOwnOdds = 0.8, 0.5
	for _, p := range []float64{0.2, 0.5, 0.9} {
		for _, bound := range []float64{0.3, 0.5, 0.8} {
			own, refuse := ownBound(p, bound)
			if got := EvidenceRefusal(p, own); refuse || math.Abs(got-bound) > 1e-6 {
				t.Errorf("%v: at the bound %v of its own the refusal is %v, want %v", p, own, got, bound)
			}
		}
	}
}

// TestTrims: words go off the end or the beginning; Japanese ones end where the script changes, marks at the new ends go, too.
func TestTrims(t *testing.T) {
	for text, want := range map[string][]string{
		"in at most ten days, or": {"in", "in at", "in at most", "in at most ten", "in at most ten days", "at most ten days, or", "most ten days, or", "ten days, or", "days, or", "or"},
		"apply the coat of paint": {"apply", "apply the coat", "the coat of paint", "coat of paint", "of paint", "paint"},
		"受付は平日の9時まで。":             {"受付", "受付は", "受付は平日", "受付は平日の", "受付は平日の9時", "受付は平日の9時まで", "平日の9時まで", "9時まで"},
		"部屋は 3号館":                 {"部屋", "部屋は", "3号館"},
		"カード（再発行）":                {"カード", "カード（", "カード（再発行", "（再発行）", "再発行）"},
		"入れないでくだ\nさい":             nil,
		"total":                   nil,
		"":                        nil,
	} {
		var got []string
		for _, s := range trims(text) {
			got = append(got, string([]rune(text)[s.Start:s.End]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestTrimmed: words are taken off a long clause as long as what is left answers about as well, in as many rounds as there are; a short one stays.
func TestTrimmed(t *testing.T) {
	before := reading
	defer func() { reading = before }()
	reading.longEn = 12
	text := []rune("Cards are for all. The card costs ten euros a month and is free for children.")
	c := candidate{stretch: stretch{span: Span{19, len(text)}, text: string(text[19:])}, of: text}.part(Span{0, 32})
	s := scored{"The card costs ten euros a month": 3, "The card costs ten euros": 3, "ten euros": 3, "card costs ten euros": 2.9, "euros": 2, "ten": -1}
	for _, step := range []struct {
		rounds, long int
		want         string
	}{{3, 12, "ten euros"}, {1, 12, "The card costs ten euros"}, {0, 12, "The card costs ten euros a month"}, {3, 32, "The card costs ten euros a month"}} {
		reading.trims, reading.longEn = step.rounds, step.long
		got, err := (&Asker{Evidence: s}).trimmed(t.Context(), "How much is it?", logits{}, c)
		if err != nil || got.within != c.within || got.stretch.text != step.want {
			t.Errorf("%d rounds while longer than %d: %+v, %v, want %q", step.rounds, step.long, got, err, step.want)
		}
	}
	s["The card costs ten euros"] = 1
	reading.trims, reading.longEn = 3, 12
	if got, err := (&Asker{Evidence: s}).trimmed(t.Context(), "How much is it?", logits{}, c); err != nil || got.stretch.text == "The card costs ten euros" {
		t.Errorf("a worse one: %+v, %v", got, err)
	}
}

// TestSided: the yes or no of an answer is the one that the sentence says, in the question's language; an answer without one gets none.
func TestSided(t *testing.T) {
	s := scored{"Yes": -1, "No": 2, "はい": 4, "いいえ": 1}
	for _, c := range []struct{ question, lead, want string }{
		{"May I?", "Yes", "No"}, {"May I?", "no", "No"}, {"よいですか", "いいえ", "はい"}, {"May I?", "", "No"}, {"It says so.", "", ""}, {"休めますか", "", "はい"}, {"料金は？", "", ""},
		{"Who is it?", "Yes", ""}, {"鍵はどこですか", "はい", ""}, {"応募できるのはどんな人ですか", "いいえ", ""}, {"Is it said who pays?", "Yes", ""}, {"For guests, When is it open?", "No", ""}, {"Is it held, when it rains, in the hall?", "Yes", "No"},
		{"May I now?", "yes", ""}, {"May I now?", "", ""}, {"いまは休めますか", "はい", "はい"}, {"May I, near?", "No", ""},
	} {
		s := s
		if strings.Contains(c.question, "now") {
			s = scored{}
		} else if strings.Contains(c.question, "near") {
			s = scored{"Yes": 2.2, "No": 0}
		}
		text := []rune("It is forbidden.")
		got, err := (&Asker{Evidence: s}).sided(t.Context(), c.question, logits{}, c.lead, candidate{stretch: stretch{span: Span{0, len(text)}, text: string(text)}, of: text})
		if err != nil || got != c.want {
			t.Errorf("%q, %q: %q, %v, want %q", c.question, c.lead, got, err, c.want)
		}
	}
}

// TestAsksSide: questions that ask for a yes or no are told from those that ask for a thing, or for one of two.
func TestAsksSide(t *testing.T) {
	for question, want := range map[string]bool{
		"Can I bring a dog?": true, "If it rains, is the tour held?": true, "And do I pay for it?": true, "The material is oak, right?": true, "Must visitors sign in?": true,
		"Is it red or blue?": false, "Can you tell me when it opens?": false, "What is it?": false, "the opening hours": false, "If it rains, what happens?": false,
		"犬を連れて行けますか": true, "雨でも開催されますか？": true, "土曜も開いてる?": true, "領収書は必要でしょうか。": true, "前払いなの？": true,
		"Would I lose my place when I am away?": true, "Do I have to explain why?": true, "The text is too long; is it cut?": true, "A stranger sent us a patch. Is it built?": true, "My line is busy. Who rings back?": false,
		"In which case is it paid?": false, "Do you know how much it costs?": false, "With snow, will you come?": true, "Is it free, or do I pay?": false,
		"いつでも使えますか": true, "何度でも相談できますか。": true, "誰でも見に行ってよいですか？": true, "診断書がないと何も返ってきませんか": true, "どこで働いてもいいですか": true, "見せるかどうかを分けられますか": true, "コース外でも無料?": true, "誰かが直したのですか": true,
		"何か月かかりますか": false, "いくらかかりますか": false, "誰から借りますか": false, "いつから使えますか": false, "どこでもらえますか": false, "何をもらえますか": false, "どうしたら使えますか": false, "どうしても行けないときは何をしますか": false,
		"料金は？": false, "締切はいつですか": false, "現金ですか、カードですか": false, "連絡先を教えて": false, "定員は何人ですか": false, "担当者": false,
	} {
		if got := asksSide(question); got != want {
			t.Errorf("%s: %v", question, got)
		}
	}
}

// TestQuote: a clause becomes a sentence of its own: without the marks before it and the comma behind, in one line.
func TestQuote(t *testing.T) {
	for _, c := range []struct{ lead, clause, want string }{
		{"", "・受付は9時から、", "受付は9時から。"}, {"", ": 1km 16円", "1km 16円。"}, {"はい", "入れないでくだ\nさい。", "はい、入れないでください。"}, {"No", "- it is\n closed;", "No, it is closed."}, {"", "-18℃以下とする。", "-18℃以下とする。"}, {"", "Is it?", "Is it?"},
	} {
		if got := quote(c.lead, c.clause); got != c.want {
			t.Errorf("%q: %q, want %q", c.clause, got, c.want)
		}
	}
}

// TestFinished: a model's answer ends as its words do.
func TestFinished(t *testing.T) {
	for said, want := range map[string]string{
		"The test takes 30 minutesです。": "The test takes 30 minutes.", "はい、it is closed on Sundaysです。": "はい、it is closed on Sundays.", "Winter barleyです。": "Winter barleyです。", "契約電力は2kVAです。": "契約電力は2kVAです。",
		"昨年は4件.": "昨年は4件。", "then goes on alone,.": "then goes on alone.", "No, Cost: 310;.": "No, Cost: 310.", "1.4 kg.": "1.4 kg.", "Until 7 p.m..": "Until 7 p.m.", "50分": "50分", "そのほか...": "そのほか...", "Yes.": "Yes.", "。": "。", "": "",
	} {
		if got := finished(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

// TestUnderOther: what stands under another code of a list is not of the code that is asked for; a code within a line heads nothing, and where the asked one
// heads no line nothing is left out.
func TestUnderOther(t *testing.T) {
	list := "E1 No water.\nRemedy: fill the tank.\n- Error code Ｅ３: it leans.\nRemedy: level ground.\nE10 Broken.\nRemedy: call the shop, unless E3 came before.\nAsk us."
	inLine := "The KX-200 is white.\nIt differs from the KX-300 in its tank.\nIt takes 100 volts."
	for _, c := range []struct {
		question, text string
		left           []string // one-line stretches that are left out
	}{
		{"What to do at E3?", list, []string{"E1 No water.", "Remedy: fill the tank.", "E10 Broken.", "Remedy: call the shop, unless E3 came before.", "Ask us."}},
		{"What to do at E2?", list, nil},
		{"E1 or E10?", list, []string{"- Error code Ｅ３: it leans.", "Remedy: level ground."}},
		{"What to do?", list, nil},
		{"Which voltage has the KX-200?", inLine, nil},
	} {
		all := stretchesFor(0, core.Passage{Text: c.text})
		other := underOther(all, newProfile(c.question).codes)
		var left []string
		for i, s := range all {
			if s.lines == 1 && other[i] {
				left = append(left, s.stretch.text)
			}
		}
		if !slices.Equal(left, c.left) {
			t.Errorf("%s: left out %q, want %q", c.question, left, c.left)
		}
	}
}

// TestAsDated: a question's years are read as the passages write them, in either direction, and stay where these name them so or not at all.
func TestAsDated(t *testing.T) {
	for _, c := range [][3]string{
		{"令和7年の来場者は何人?", "開催日: 2025年10月18日", "2025年の来場者は何人?"},
		{"令和七年度の予算は?", "Budget of 2025 and 2026", "2025年度の予算は?"},
		{"2026年に何が変わりますか。", "この規則は令和8年4月1日から施行する。", "令和8年に何が変わりますか。"},
		{"What changes in 2026?", "この規則は令和8年4月1日から施行する。", "What changes in 令和8年?"},
		{"令和7年と平成30年を比べて", "2025年は5件、2018年は3件", "2025年と2018年を比べて"},
		{"令和7年は?", "令和7年(2025年)は5件", "令和7年は?"},
		{"令和6年は?", "2025年は5件", "令和6年は?"},
		{"何年ですか。", "2025年", "何年ですか。"},
	} {
		if got := asDated(c[0], []core.Passage{{Text: c[1]}}); got != c[2] {
			t.Errorf("%s beside %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
