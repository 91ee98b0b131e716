package dataset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/core/rag"
	"kakoi/resources"
)

// shelf is a Retriever over documents whose chunks are their lines, found by the character pairs they share with the question. It uses the
// chat's own prompt code.
type shelf struct {
	*testing.T
	chunks []core.Chunk
	names  map[string]string
	narrow bool
}

func newShelf(t *testing.T, docs ...dataset.Document) *shelf {
	s := &shelf{T: t, names: map[string]string{}}
	for _, d := range docs {
		s.names[d.ID] = d.Name
		at := 0
		for _, line := range strings.SplitAfter(d.Pages[0].Text, "\n") {
			n := len([]rune(line))
			if text := strings.TrimSpace(line); text != "" {
				s.chunks = append(s.chunks, core.Chunk{Document: d.ID, Ordinal: len(s.chunks), Page: 1, Start: at, End: at + len([]rune(text)), Text: text})
			}
			at += n
		}
	}
	return s
}

func (s *shelf) Lexical(_ context.Context, text string, k int) ([]core.Hit, error) {
	rs := []rune(text)
	var hits []core.Hit
	for _, c := range s.chunks {
		score := 0.0
		for i := 0; i+2 <= len(rs); i++ {
			if strings.Contains(c.Text, string(rs[i:i+2])) {
				score++
			}
		}
		if score > 0 {
			hits = append(hits, core.Hit{Chunk: c, Name: s.names[c.Document], Lexical: score})
		}
	}
	slices.SortStableFunc(hits, func(a, b core.Hit) int { return int(b.Lexical - a.Lexical) })
	return hits[:min(k, len(hits))], nil
}

func (s *shelf) Dense(context.Context, string, core.Vector, string, int) ([]core.Hit, error) {
	return nil, nil
}
func (s *shelf) Around(_ context.Context, c core.Chunk, n int) ([]core.Chunk, error) {
	var out []core.Chunk
	for _, o := range s.chunks {
		if o.Document == c.Document && o.Ordinal != c.Ordinal && o.Ordinal >= c.Ordinal-n && o.Ordinal <= c.Ordinal+n {
			out = append(out, o)
		}
	}
	return out, nil
}
func (s *shelf) PageText(_ context.Context, document string, _ int) (string, error) {
	return "", fmt.Errorf("page of %q: %w", document, core.ErrNotFound)
}
func (s *shelf) Info() core.GeneratorInfo {
	hidden := 4096
	if s.narrow {
		hidden = 512
	}
	return core.GeneratorInfo{Name: "shelf", MaxTokens: 4096, Hidden: hidden}
}
func (s *shelf) Close() error { return nil }
func (s *shelf) CountTokens(_ context.Context, texts []string) ([]int, error) {
	out := make([]int, len(texts))
	for i, text := range texts {
		out[i] = len([]rune(text)) / 3
	}
	return out, nil
}
func (s *shelf) Generate(context.Context, []core.GenerateRequest, func(int, core.Delta) error) ([]core.Reply, error) {
	return nil, core.ErrNoModel
}

func (s *shelf) asker() rag.Asker {
	templates, err := rag.LoadTemplates(resources.Prompts)
	if err != nil {
		s.Fatal(err)
	}
	return rag.Asker{Search: s, Generator: s, Templates: templates}
}

func (s *shelf) Prepare(ctx context.Context, question string, hide []core.RowSource) (rag.Prepared, error) {
	a := s.asker()
	a.Search = dataset.Hiding(s, hide)
	return a.Prepare(ctx, question, rag.Recommended())
}

func (s *shelf) PrepareWith(ctx context.Context, question string, passages []core.Passage) (rag.Prepared, error) {
	a := s.asker()
	return a.PrepareWith(ctx, question, passages, rag.Recommended())
}

// rulesOf is a document of n leaves, each with its own days; the words differ from document to document.
func rulesOf(name string, words ...string) dataset.Document {
	var b strings.Builder
	fmt.Fprintf(&b, "%sの規則\n\n", strings.TrimSuffix(name, ".txt"))
	for i, w := range words {
		fmt.Fprintf(&b, "%s休暇は、%d日とする。\n%s手当の上限は、月額%d,%03d円とする。\n", w, 31+i*7+len(name), w, 11+i, 100+i*13+len(name))
	}
	return doc(name, b.String())
}

func library() []dataset.Document {
	return []dataset.Document{
		rulesOf("東京.txt", "夏季", "結婚", "忌引", "病気"), rulesOf("大阪支社.txt", "育児", "介護", "看護", "生理"), rulesOf("名古屋営業所.txt", "慶弔", "転勤", "災害", "罹災"),
		rulesOf("福岡第二営業所.txt", "裁判員", "骨髄", "永年", "誕生日"),
	}
}

func build(t *testing.T, p dataset.Params) dataset.Result {
	t.Helper()
	if p.Retriever == nil {
		p.Retriever = newShelf(t, p.Documents...)
	}
	r, err := dataset.Build(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every answerable row has its answer at its source and in the prompt, and no prompt repeats a passage. Of refusal rows neither the prompt nor
// anything in it holds the answer that was taken out.
func TestBuild(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		docs := library()
		s := newShelf(t, docs...)
		s.narrow = narrow
		r := build(t, dataset.Params{Settings: dataset.Settings{Share: 0.25, Held: 0.2, Seed: 7}, Documents: docs, Retriever: s})
		byQuestion := map[string]core.Row{}
		refusals, focused := 0, 0
		for _, row := range r.Rows {
			if !row.Refusal {
				byQuestion[row.Question] = row
			}
		}
		for _, row := range r.Rows {
			if !strings.HasSuffix(row.Inputs, "質問→"+row.Question+"\nシステム:") || row.Labels != row.Answer || row.ID != core.RowID(row.Inputs, row.Labels) || row.Language != "ja" {
				t.Errorf("row %+v", row)
			}
			context := strings.Split(row.Inputs, "-----------")[1]
			seen := map[string]bool{}
			for _, line := range strings.Split(strings.TrimSpace(context), "\n") {
				if line != "" && seen[line] {
					t.Errorf("%q stands twice in the prompt of %q", line, row.Question)
				}
				seen[line] = true
			}
			if p, err := s.Prepare(t.Context(), row.Question, nil); err != nil || !row.Refusal && row.Inputs != p.Prompt && row.Inputs != p.Focused {
				t.Errorf("%q has another prompt than the chat: %v", row.Question, err)
			}
			if strings.Count(context, "\n") <= 3 {
				focused++
			}
			if !row.Refusal {
				if !dataset.Holds(context, row.Answer) || row.Gold < 1 || row.Source == nil {
					t.Errorf("answer of %q is not in its prompt: %+v", row.Question, row)
				}
				continue
			}
			refusals++
			twin, ok := byQuestion[row.Question]
			if !ok || row.Origin != core.RowWithout || dataset.Holds(context, twin.Answer) || row.Answer != "資料には記載がありません。" || row.Held != twin.Held || row.Gold != 0 {
				t.Errorf("refusal %+v of %+v", row, twin)
			}
		}
		if len(byQuestion) < 24 || refusals != (len(byQuestion)+1)/3 {
			t.Errorf("%d answers, %d refusals; left %v, short %d", len(byQuestion), refusals, r.Left, r.Short)
		}
		if narrow != (focused > 4) {
			t.Errorf("narrow %v: %d rows with one sentence", narrow, focused)
		}
	}
}

// A third of the refusals are questions with a word changed: the passage that answered the question is shown, and none that has the new word.
func TestContrast(t *testing.T) {
	var docs []dataset.Document
	for i, name := range []string{"本店", "支店", "倉庫", "工場"} {
		var b strings.Builder
		fmt.Fprintf(&b, "%sの案内\n\n", name)
		for j := range 6 {
			code := fmt.Sprintf("%c%c-%d", 'A'+i, 'K'+j, 110+37*i+j)
			fmt.Fprintf(&b, "%sの価格は、%d,%d80円です。\n%sの質量は、%d.%dkgです。\n", code, 2+i, j, code, 3+j, i)
		}
		docs = append(docs, doc(name+".txt", b.String()))
	}
	s := newShelf(t, docs...)
	r := build(t, dataset.Params{Settings: dataset.Settings{Share: 0.5, Held: 0.25, Seed: 2}, Documents: docs, Retriever: s})
	asked, n, without := map[string]core.Row{}, 0, 0
	for _, row := range r.Rows {
		if !row.Refusal {
			asked[row.Question] = row
		}
	}
	for _, row := range r.Rows {
		if row.Origin == core.RowWithout {
			without++
		}
		if row.Origin != core.RowContrast {
			continue
		}
		n++
		context := strings.Split(row.Inputs, "-----------")[1]
		rs := []rune(docs[slices.IndexFunc(docs, func(d dataset.Document) bool { return d.ID == row.Source.Document })].Pages[0].Text)
		answer := string(rs[row.Source.Start:row.Source.End])
		if _, ok := asked[row.Question]; ok || !row.Refusal || row.Answer != "資料には記載がありません。" || !dataset.Holds(context, answer) {
			t.Errorf("row %+v", row)
		}
		for _, other := range asked { // its twin is of the same document, and held when it is
			if *other.Source == *row.Source && (other.Held != row.Held || strings.Contains(context, strings.SplitN(row.Question, "の", 2)[0]+"の")) {
				t.Errorf("%q of %q: held %v and %v, in %q", row.Question, other.Question, row.Held, other.Held, context)
			}
		}
	}
	if n < len(asked)/4 || without < n {
		t.Errorf("%d questions changed and %d without their answer, of %d; left %v, short %d", n, without, len(asked), r.Left, r.Short)
	}
}

// The same input and seed give the same bytes; another seed another choice. The order of the documents does not matter.
func TestBuildIsRepeatable(t *testing.T) {
	bytesOf := func(seed uint64, turn bool) []byte {
		docs := library()
		if turn {
			slices.Reverse(docs)
		}
		s := newShelf(t, library()...)
		raw, err := json.Marshal(build(t, dataset.Params{Settings: dataset.Settings{Share: 0.3, Held: 0.25, Rows: 20, Seed: seed}, Documents: docs, Retriever: s}).Rows)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	one := bytesOf(1, false)
	if !bytes.Equal(one, bytesOf(1, false)) || !bytes.Equal(one, bytesOf(1, true)) {
		t.Error("the same seed gives other rows")
	}
	if bytes.Equal(one, bytesOf(2, false)) {
		t.Error("another seed gives the same rows")
	}
}

// Rows are held back by whole documents, about as many as asked for.
func TestHeldByDocument(t *testing.T) {
	docs := library()
	for seed := range uint64(8) {
		r := build(t, dataset.Params{Settings: dataset.Settings{Share: 0.25, Held: 0.25, Seed: seed}, Documents: docs})
		held := map[string]map[bool]int{}
		n := 0
		for _, row := range r.Rows {
			if held[row.Source.Document] == nil {
				held[row.Source.Document] = map[bool]int{}
			}
			held[row.Source.Document][row.Held]++
			if row.Held {
				n++
			}
		}
		for id, of := range held {
			if len(of) != 1 {
				t.Errorf("seed %d: document %s is in both parts: %v", seed, id, of)
			}
		}
		if share := float64(n) / float64(len(r.Rows)); share < 0.15 || share > 0.4 {
			t.Errorf("seed %d: %d of %d held", seed, n, len(r.Rows))
		}
	}
	one := build(t, dataset.Params{Settings: dataset.Settings{Held: 0.2}, Documents: docs[:1]})
	for _, row := range one.Rows {
		if row.Held {
			t.Fatalf("the only document is held back: %+v", row)
		}
	}
}

// A refusal is not made of a question that another passage answers too, with the same answer or in the same words.
func TestNoRefusalWhereAnotherPassageAnswers(t *testing.T) {
	docs := []dataset.Document{
		doc("a.txt", "本社の規則\n\n夏季休暇は、３日とする。\n交通費の上限は、月額30,000円とする。\n"),
		doc("b.txt", "案内\n\n夏季休暇について、今年も三日を予定しています。\n交通費の上限についての資料は総務課にあります。\n"),
	}
	r := build(t, dataset.Params{Settings: dataset.Settings{Share: 0.5, Seed: 1}, Documents: docs})
	for _, row := range r.Rows {
		if row.Refusal && strings.Contains(row.Question, "夏季休暇") {
			t.Errorf("refused though %q holds the answer", row.Inputs)
		}
	}
	if r.Left[dataset.LeftElsewhere] == 0 {
		t.Errorf("nothing was counted: %v", r.Left)
	}
}

// The same question with two answers is asked with the title of its document, and not at all where that is the same.
func TestAmbiguousQuestions(t *testing.T) {
	a, b := doc("a.txt", "東京支社の規則\n\n夏季休暇は、3日とする。\n"), doc("b.txt", "大阪支社の規則\n\n夏季休暇は、5日とする。\n")
	r := build(t, dataset.Params{Documents: []dataset.Document{a, b}})
	var asked []string
	for _, row := range r.Rows {
		asked = append(asked, row.Question)
	}
	all := strings.Join(asked, "\n")
	if !strings.Contains(all, "「東京支社の規則」では、夏季休暇") || !strings.Contains(all, "「大阪支社の規則」では、夏季休暇") {
		t.Errorf("asked %q", asked)
	}
	same := doc("c.txt", "東京支社の規則\n\n夏季休暇は、4日とする。\n")
	r = build(t, dataset.Params{Documents: []dataset.Document{a, same}})
	if len(r.Rows) != 0 || r.Left[dataset.LeftAmbiguous] != 2 {
		t.Errorf("%d rows, left %v", len(r.Rows), r.Left)
	}
}

// Questions of other collections are refused, unless these documents may answer them.
func TestElsewhere(t *testing.T) {
	other := doc("祭り.txt", "秋祭りの報告\n\n講習手当の件数は612件でした。\n夏季休暇の長さは9日です。\n通信手当の件数は24件です。\n抽選の休暇券は50枚です。\n太鼓の演奏は3回です。\n")
	docs := library()
	r := build(t, dataset.Params{Settings: dataset.Settings{Share: 0.3, Seed: 3}, Documents: docs, Elsewhere: []dataset.Document{other}})
	n := 0
	for _, row := range r.Rows {
		if row.Origin != core.RowElsewhere {
			continue
		}
		n++
		if !row.Refusal || row.Source.Document != other.ID || strings.Contains(row.Question, "夏季休暇") || slices.Contains(row.Shown, other.ID) {
			t.Errorf("row %+v", row)
		}
	}
	if n == 0 {
		t.Errorf("no question of the other collection; left %v", r.Left)
	}
}

// Near-duplicates go, rows that differ in a number or a code stay.
func TestNearDuplicates(t *testing.T) {
	given := func(question, answer string) dataset.Draft {
		return dataset.Draft{Question: question, Answer: answer, Origin: core.RowFile, Free: true}
	}
	r := build(t, dataset.Params{Documents: library(), NoRules: true, Drafts: []dataset.Draft{
		given("夏季休暇は何日ですか。", "夏季休暇は38日とする決まりです。"), given("夏季休暇は何日ですか？", "夏季休暇は38日とする決まりです"),
		given("夏季休暇は何日ですか。", "夏季休暇は39日とする決まりです。"), given("結婚休暇は何日ですか。", "結婚休暇は38日とする決まりです。"),
	}})
	if len(r.Rows) != 3 || r.Left[dataset.LeftTwice] != 1 {
		t.Errorf("%d rows, left %v", len(r.Rows), r.Left)
	}
}

// Numbers out of range are told before anything is done.
func TestSettings(t *testing.T) {
	for _, s := range []dataset.Settings{{Share: 1}, {Share: -0.1}, {Held: 0.95}, {Rows: -1}, {Rows: dataset.MaxRows + 1}} {
		if _, err := dataset.Build(t.Context(), dataset.Params{Settings: s}); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
}
