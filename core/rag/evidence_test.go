package rag_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/rag"
	"kakoi/core/receipt"
)

// reader is a cross-encoder of the crudest kind: a stretch answers as far as its lines have the question's pairs of characters, the shorter the better.
type reader struct {
	texts [][]string // of each call
	err   error
	add   float64 // to each logit
	fixed map[string]float64
}

func (r *reader) Info() core.RerankerInfo { return core.RerankerInfo{ID: "e1", Name: "reader"} }
func (r *reader) Close() error            { return nil }
func (r *reader) Rerank(ctx context.Context, question string, texts []string) ([]float32, error) {
	r.texts = append(r.texts, slices.Clone(texts))
	if r.err != nil {
		return nil, r.err
	}
	asked := pairs(question)
	out := make([]float32, len(texts))
	for i, text := range texts {
		shared := 0
		before, stretch, _ := strings.Cut(text, "« ")
		stretch, after, _ := strings.Cut(stretch, " »")
		after, _, _ = strings.Cut(after, "\n")
		lines := before[strings.LastIndexByte(before, '\n')+1:] + stretch + after
		for _, p := range asked {
			if strings.Contains(strings.ToLower(lines), p) {
				shared++
			}
		}
		logit := 10*float64(shared)/float64(max(1, len(asked))) - 2 - 0.02*float64(len([]rune(stretch))) + r.add
		for part, l := range r.fixed {
			if strings.Contains(stretch, part) || strings.ContainsAny(part, "«|") && strings.Contains(text, part) {
				logit = l - 0.001*float64(len(stretch))
			}
		}
		out[i] = float32(logit)
	}
	return out, ctx.Err()
}

func newReading(t *testing.T, lang string) (*rag.Asker, *asking, *extractor, *reader) {
	t.Helper()
	a, gen, _ := newAsker(t, lang)
	gen.hidden = 512
	heard := &asking{Generator: gen}
	r := &reader{}
	a.Generator, a.Evidence = heard, r
	return a, heard, gen, r
}

// TestAskFromEvidence: a narrow model is asked once, with the stretch that answers; the answer is told when it stays, and cites that stretch. A wide one is asked as
// ever, and nothing is read for it.
func TestAskFromEvidence(t *testing.T) {
	a, heard, gen, r := newReading(t, "ja")
	gen.say = "3日です。"
	var deltas []string
	ans, err := a.Ask(t.Context(), "夏季休暇は何日ですか。", rag.Recommended(), func(d core.Delta) error {
		deltas = append(deltas, d.Text)
		return nil
	})
	if err != nil || ans.Refused || ans.Text != gen.say || !slices.Equal(deltas, []string{gen.say}) || ans.Quoted {
		t.Fatalf("%+v, %v, in pieces %q", ans, err, deltas)
	}
	if len(heard.prompts) != 1 || len(r.texts) != 3 || !strings.Contains(heard.prompts[0], "夏季休暇は3日") || strings.Contains(heard.prompts[0], "7月から9月まで") {
		t.Errorf("read %q, sent %q", r.texts, heard.prompts)
	}
	if len(ans.Passages) == 0 || !strings.Contains(ans.Passages[0].Text, "夏季休暇は3日") || len([]rune(ans.Passages[0].Text)) > 60 {
		t.Errorf("passages %+v", ans.Passages)
	}
	if len(ans.Citations) != 1 || !strings.Contains(ans.Citations[0].Text, "夏季休暇は3日") || len(ans.Unsupported) != 0 {
		t.Fatalf("citations %+v, unsupported %q", ans.Citations, ans.Unsupported)
	}
	cite := ans.Citations[0]
	if got := string([]rune(docs[cite.Document])[cite.Start:cite.End]); got != cite.Text {
		t.Errorf("document has %q at the citation's place, not %q", got, cite.Text)
	}
	e := ans.Receipt.Evidence
	if e == nil || e.ID != "e1" || e.Read != len(r.texts[0])+len(r.texts[1]) || e.Refused || e.Mode != "balanced" || e.Bound != 0.5 || ans.Receipt.Prompt != heard.prompts[0] {
		t.Fatalf("receipt %+v", e)
	}
	if !slices.ContainsFunc(r.texts[1], func(text string) bool {
		return strings.Contains(text, "取得できる。\n« 第13条　夏季休暇は3日とし、 »7月から9月までの間に取得する。\n第15条")
	}) {
		t.Errorf("of clauses it read %q", r.texts[1])
	}
	for i, s := range e.Stretches {
		if got := string([]rune(docs[s.Document])[s.Start:s.End]); got != s.Text || !strings.Contains(heard.prompts[0], s.Text) {
			t.Errorf("stretch %d %+v, document has %q", i, s, got)
		}
		read := slices.IndexFunc(r.texts[1], func(text string) bool { return strings.Contains(text, "« "+s.Text+" »") })
		logits, err := r.Rerank(t.Context(), ans.Question, r.texts[1][max(0, read):][:1])
		if err != nil || math.Abs(s.Probability-1/(1+math.Exp(-float64(logits[0])))) > 1e-6 {
			t.Errorf("stretch %d has the probability %v, the reader's logit %v", i, s.Probability, logits)
		}
	}
	if e.Answerable <= 0.5 || e.Answerable >= 1 {
		t.Errorf("answerable %v", e.Answerable)
	}
	if ans.RefusalProbability == nil || math.Abs(*ans.RefusalProbability-(1-e.Answerable)) > 1e-6 {
		t.Errorf("refusal %v of evidence %v", ans.RefusalProbability, e.Answerable)
	}

	r.texts, gen.hidden = nil, 4096
	if ans, err := a.Ask(t.Context(), "夏季休暇は何日ですか。", rag.Recommended(), nil); err != nil || r.texts != nil || ans.Receipt.Evidence != nil {
		t.Errorf("a wide model: read %q, %+v, %v", r.texts, ans.Receipt.Evidence, err)
	}
}

// TestEvidenceRefuses: what no stretch answers is refused without the model; the closest places are told. With bounds of the same evidence, those decide; with those of
// other evidence, or of none, the usual one does. With the mode off the model is asked, and decides.
func TestEvidenceRefuses(t *testing.T) {
	record := func(evidence string, bound float64) *calibrate.Record {
		b := calibrate.Bounds{calibrate.Balanced: {Bound: bound}}
		return &calibrate.Record{Evidence: evidence, Languages: map[string]calibrate.Language{"ja": {Refusal: "資料には記載がありません。", Bounds: b}}}
	}
	for _, c := range []struct {
		name    string
		add     float64
		bounds  *calibrate.Record
		mode    calibrate.Mode
		refused bool
		bound   float64
	}{
		{"likely", 3, nil, calibrate.Balanced, false, 0.5},
		{"unlikely", -9, nil, calibrate.Balanced, true, 0.5},
		{"bound of this evidence", -9, record("e1", 0.99999), calibrate.Balanced, false, 0.99999},
		{"low bound of this evidence", 3, record("e1", 0.00001), calibrate.Balanced, true, 0.00001},
		{"of other evidence", -9, record("e2", 0.99999), calibrate.Balanced, true, 0.5},
		{"of none", -9, record("", 0.99999), calibrate.Balanced, true, 0.5},
		{"off", -9, nil, calibrate.Off, false, 0},
		{"no mode", -9, record("e1", 0.00001), "", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, heard, gen, r := newReading(t, "ja")
			r.add, gen.say = c.add, "3日です。"
			opt := rag.Recommended()
			opt.Refusal, opt.Bounds = c.mode, c.bounds
			var streamed strings.Builder
			ans, err := a.Ask(t.Context(), "夏季休暇は何日ですか。", opt, func(d core.Delta) error { streamed.WriteString(d.Text); return nil })
			if err != nil {
				t.Fatal(err)
			}
			e := ans.Receipt.Evidence
			if ans.Refused != c.refused || e == nil || e.Refused != c.refused || e.Bound != c.bound || streamed.String() != ans.Text {
				t.Fatalf("%+v, %+v, streamed %q", ans, e, streamed.String())
			}
			if c.refused && (len(heard.prompts) != 0 || ans.Receipt.Prompt != "" || ans.Text != "資料には記載がありません。" || len(ans.Passages) < 2) {
				t.Errorf("refused %+v, sent %q", ans, heard.prompts)
			}
			if !c.refused && (len(heard.prompts) != 1 || len(ans.Citations) != 1) {
				t.Errorf("answered %+v, sent %q", ans, heard.prompts)
			}
			q := heard.refusals
			if !c.refused && (len(q) != 1 || q[0] == nil || q[0].Decide != (e.Mode != "off") || q[0].Decide && q[0].Bound != 1) {
				t.Errorf("refusal asked for as %+v", q)
			}
		})
	}
}

// TestEvidenceInsists: where the evidence says that there is an answer it is quoted, although the model refuses; where the model decides, it has refused, also when it gets
// around the refusal that it may not begin with.
func TestEvidenceInsists(t *testing.T) {
	for _, say := range []string{"The The documents do not say.", "The documents do not say."} {
		a, _, gen, r := newReading(t, "en")
		gen.say = say
		r.fixed = map[string]float64{"hotel limit is": 5, "Parking": -9}
		opt := rag.Recommended()
		ans, err := a.Ask(t.Context(), "What is the hotel limit per night?", opt, nil)
		if err != nil || ans.Refused || !ans.Quoted || !strings.Contains(ans.Text, "The hotel limit is $180") || len(ans.Citations) != 1 || ans.Receipt.Reply != say {
			t.Errorf("%q: %+v, %v", say, ans, err)
		}
		opt.Refusal = calibrate.Off
		ans, err = a.Ask(t.Context(), "What is the hotel limit per night?", opt, nil)
		if err != nil || !ans.Refused || ans.Text != "The documents do not say." || ans.Receipt.Evidence.Refused || ans.Receipt.Prompt == "" {
			t.Errorf("%q, the model decides: %+v, %v", say, ans, err)
		}
	}
}

// TestEvidenceVerified: an answer that is not in the sentence, or answers clearly worse than its clause, gives way to the clause, behind the yes or no that it began
// with; one that is about as good stays. The reply is in the receipt as the model gave it.
func TestEvidenceVerified(t *testing.T) {
	const clause = "The hotel limit is $180 per night,"
	text := "Travel is paid by card. " + clause + " and breakfast is never paid at all."
	given := []core.Passage{{Document: "x", Name: "x.txt", Page: 1, Start: 5, End: 5 + len([]rune(text)), Text: text}}
	for _, c := range []struct {
		say, want string
		logit     float64 // of the answer
		quoted    bool
	}{
		{"$180.", "$180.", 3, false},
		{"$180 per night", "$180 per night", 1.6, false},                                        // worse by less than its brevity is worth
		{"The hotel limit is $180 per night.", "The hotel limit is $180 per night.", -9, false}, // the clause itself
		{"The hotel.", "The hotel limit is $180 per night.", 1, true},
		{"$1800.", "The hotel limit is $180 per night.", 9, true},
		{"$90.", "The hotel limit is $180 per night.", 9, true},
		{"Yes, $90.", "Yes, the hotel limit is $180 per night.", 9, true},
		{"No.", "No, the hotel limit is $180 per night.", 9, true},
		{"No, $180 per night.", "No, $180 per night.", 3, false},
		{"Yes, $180 per night.", "No, the hotel limit is $180 per night.", 3, true}, // the other side
		{"Yes, $180 per night.", "The hotel limit is $180 per night.", 3, true},     // no side is asked for
		{"no, $90.", "Yes, the hotel limit is $180 per night.", 9, true},
		{"Nobody.", "The hotel limit is $180 per night.", 9, true},
	} {
		t.Run(c.say, func(t *testing.T) {
			a, heard, gen, r := newReading(t, "en")
			_, rest, lead := strings.Cut(c.say, ", ")
			if !lead {
				rest = c.say
			}
			gen.say = c.say
			r.add, r.fixed = -4, map[string]float64{"« " + clause + " »": 3, "« " + strings.TrimRight(rest, ".") + " »": c.logit}
			if strings.HasPrefix(clause, rest[:len(rest)-1]) && c.logit < 0 {
				delete(r.fixed, "« "+strings.TrimRight(rest, ".")+" »")
			}
			r.fixed["« Travel is paid by card. »"] = -9
			side, _, _ := strings.Cut(strings.TrimRight(c.want, "."), ",")
			r.fixed[side+" |"] = 8 // the yes or no that the sentence says
			opt := rag.Recommended()
			opt.Given = given
			var told []string
			question := "What is the hotel limit per night?"
			if side == "Yes" || side == "No" {
				question = "Is the hotel limit per night higher?"
			}
			ans, err := a.Ask(t.Context(), question, opt, func(d core.Delta) error { told = append(told, d.Text); return nil })
			if err != nil || ans.Text != c.want || ans.Quoted != c.quoted || !slices.Equal(told, []string{c.want}) || len(heard.prompts) != 1 {
				t.Fatalf("%+v, %v, told %q", ans, err, told)
			}
			if len(ans.Citations) != 1 || len(ans.Unsupported) != 0 || ans.Citations[0].Sentence != c.want || ans.Citations[0].Text != clause || ans.Citations[0].Start != 29 {
				t.Errorf("citations %+v, unsupported %q", ans.Citations, ans.Unsupported)
			}
			if problems := receipt.Of(ans).Check(); ans.Receipt.Reply != c.say || len(problems) > 0 {
				t.Errorf("reply %q, receipt %+v", ans.Receipt.Reply, problems)
			}
		})
	}
}

// TestEvidenceCodes: what has the code of the question goes before what answers better without; where nothing has it, an answer is less likely.
func TestEvidenceCodes(t *testing.T) {
	a, heard, _, r := newReading(t, "en")
	given := []core.Passage{
		{Document: "x", Name: "x.txt", Page: 1, End: 26, Text: "The KX-200 weighs 12 kilos."},
		{Document: "y", Name: "y.txt", Page: 1, End: 26, Text: "The KX-300 weighs 19 kilos."},
	}
	for i := range given {
		given[i].End = len([]rune(given[i].Text))
	}
	opt := rag.Recommended()
	opt.Given = given
	r.fixed = map[string]float64{"KX-200": 2, "KX-300": 3}
	ans, err := a.Ask(t.Context(), "How much does the KX-200 weigh?", opt, nil)
	if err != nil || ans.Refused || !strings.Contains(ans.Text, "12 kilos") || strings.Contains(heard.prompts[0], "KX-300") {
		t.Fatalf("%+v, %v, sent %q", ans, err, heard.prompts)
	}
	likely := ans.Receipt.Evidence.Answerable
	r.texts = nil
	ans, err = a.Ask(t.Context(), "How much does the KX-900 weigh?", opt, nil)
	if err != nil || ans.Receipt.Evidence.Answerable >= likely || len(r.texts[0]) != 2 {
		t.Errorf("%+v, %v", ans.Receipt.Evidence, err)
	}
}

// TestEvidenceOfGivenPassages: what is given is read as what was found is, and its stretches keep their places. The heading above a stretch is read
// with it.
func TestEvidenceOfGivenPassages(t *testing.T) {
	a, heard, gen, r := newReading(t, "en")
	text := "■ Travel\n\nThe hotel limit is $180 per night.\nA taxi is paid after ten at night.\n\n■ Cards\n\nA replacement card costs $15.\n"
	given := []core.Passage{
		{Document: "y", Name: "y.txt", Page: 1, Start: 7, End: 37, Text: "A lost card is the hotel's one"},
		{Document: "x", Name: "x.txt", Page: 3, Start: 100, End: 100 + len([]rune(text)), Text: text},
	}
	r.add, r.fixed = -6, map[string]float64{"$180": 2, "lost card": 1.5}
	gen.say = "The hotel limit is $180."
	opt := rag.Recommended()
	opt.Given, opt.PromptTokens = given, 1<<30
	ans, err := a.Ask(t.Context(), "What is the hotel limit per night?", opt, nil)
	if err != nil || len(ans.Passages) != 1 || ans.Passages[0].Text != "The hotel limit is $180 per night." || ans.Passages[0].Start != 110 || ans.Passages[0].Page != 3 {
		t.Fatalf("%+v, %v", ans, err)
	}
	if h := ans.Receipt.Evidence.Stretches[0].Heading; !strings.Contains(h, "Travel") || !strings.Contains(heard.prompts[0], "-\n"+h+"\nThe hotel limit is $180 per night.\n-") {
		t.Errorf("heading %q, sent %q", h, heard.prompts[0])
	}
	if !slices.Contains(r.texts[0], "■ Travel\n\nThe hotel limit is $180 per night.\nA taxi is paid after ten at night.\n\n■ Cards\n\n« A replacement card costs $15. »\n") || !slices.Contains(r.texts[0], "« A lost card is the hotel's one »") {
		t.Errorf("read %q", r.texts)
	}
	// A heading that has no room is left out.
	opt.PromptTokens = ans.PromptTokens - 5
	if ans, err = a.Ask(t.Context(), "What is the hotel limit per night?", opt, nil); err != nil || len(heard.prompts) != 2 || !strings.Contains(heard.prompts[1], "-\nThe hotel limit") {
		t.Errorf("sent %q, %v", heard.prompts, err)
	}
}

// TestEvidenceBudget: of too many stretches those with the question's words are compared, in the order in which they stand.
func TestEvidenceBudget(t *testing.T) {
	a, _, gen, r := newReading(t, "en")
	gen.say = "$180."
	var text strings.Builder
	for i := range 140 {
		fmt.Fprintf(&text, "Nothing of use stands in line %d of it.\n", i)
		if i == 60 {
			text.WriteString("The hotel limit is $180 per night.\n")
		}
	}
	opt := rag.Recommended()
	opt.Given = []core.Passage{{Document: "x", Name: "x.txt", Page: 1, End: len([]rune(text.String())), Text: text.String()}}
	ans, err := a.Ask(t.Context(), "What is the hotel limit per night?", opt, nil)
	if err != nil || len(r.texts[0]) != 120 || len(ans.Citations) != 1 {
		t.Fatalf("%d stretches: %+v, %v", len(r.texts[0]), ans, err)
	}
	at := 0
	for _, s := range r.texts[0] {
		_, s, _ = strings.Cut(s, "« ")
		s, _, _ = strings.Cut(s, " »")
		i := strings.Index(text.String()[at:], s)
		if i < 0 {
			t.Fatalf("%q does not stand behind the one before it", s)
		}
		at += i
	}
	if !slices.ContainsFunc(r.texts[0], func(text string) bool { return strings.Contains(text, "« The hotel limit is $180 per night. »") }) {
		t.Error("the sentence that answers is not compared")
	}
}

// TestEvidenceFails: a cross-encoder that fails costs no answer, it is as without; the end of ctx ends.
func TestEvidenceFails(t *testing.T) {
	question := "夏季休暇は何日ですか。"
	plain, gen, _ := newAsker(t, "ja")
	gen.hidden = 512
	want, err := plain.Ask(t.Context(), question, rag.Recommended(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, _, _, r := newReading(t, "ja")
	r.err = core.ErrOutOfMemory
	got, err := a.Ask(t.Context(), question, rag.Recommended(), nil)
	if err != nil || len(r.texts) != 1 || got.Text != want.Text || got.Receipt.Prompt != want.Receipt.Prompt || got.Receipt.Evidence != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	r.err = nil
	r.fixed = map[string]float64{"休暇": math.NaN()}
	if got, err = a.Ask(t.Context(), question, rag.Recommended(), nil); err != nil || got.Receipt.Evidence != nil || got.Receipt.Prompt != want.Receipt.Prompt {
		t.Errorf("scores that are no numbers: %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.err = context.Canceled
	cancel()
	if _, err = a.Ask(ctx, question, rag.Recommended(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPrepareEvidence: what Prepare builds first is all that Ask sends.
func TestPrepareEvidence(t *testing.T) {
	a, heard, _, _ := newReading(t, "ja")
	for _, question := range []string{"夏季休暇は何日ですか。", "最低注文金額はいくらですか。"} {
		heard.prompts = nil
		p, err := a.Prepare(t.Context(), question, rag.Recommended())
		if err != nil || p.Evidence != "e1" || len(p.FocusPassages) == 0 || p.Prompt == "" || len(heard.prompts) != 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		ans, err := a.Ask(t.Context(), question, rag.Recommended(), nil)
		if err != nil || !slices.Equal(heard.prompts, []string{p.Focused}) || ans.Receipt.Evidence.Answerable != p.Answerable {
			t.Errorf("sent %q, prepared %+v, %v", heard.prompts, p, err)
		}
		with, err := a.PrepareWith(t.Context(), question, p.Found, rag.Recommended())
		if err != nil || with.Evidence != "e1" || with.Focused == "" || len(with.FocusPassages) == 0 {
			t.Errorf("with passages of a file: %+v, %v", with, err)
		}
	}
}

// TestEvidenceLanes: one that the evidence's bound refuses is not asked; the other answers under its own place.
func TestEvidenceLanes(t *testing.T) {
	a, heard, _, _ := newReading(t, "ja")
	strict := &calibrate.Record{Evidence: "e1", Languages: map[string]calibrate.Language{"ja": {Refusal: "資料には記載がありません。", Bounds: calibrate.Bounds{calibrate.Balanced: {Bound: 0}}}}}
	var streamed [2]strings.Builder
	answers, err := a.AskEach(t.Context(), "夏季休暇は何日ですか。", rag.Recommended(), []rag.Lane{{Adapter: "a", Bounds: strict}, {}}, func(i int, d core.Delta) error {
		streamed[i].WriteString(d.Text)
		return nil
	})
	if err != nil || !answers[0].Refused || answers[1].Refused || len(heard.prompts) != 1 || streamed[0].String() != answers[0].Text || streamed[1].String() != answers[1].Text || answers[1].Text == answers[0].Text {
		t.Errorf("%+v, %v, sent %q", answers, err, heard.prompts)
	}
}
