package dataset

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kakoi/core"
	"kakoi/core/rag"
)

// Drafting by a chat model: it is shown a passage and one worked example, and writes a question and its answer. What it writes counts only
// when it keeps to the rules: the answer stands in the passage letter for letter, and the question asks without giving it away.

var askPrompts = map[string]struct {
	before, between string
	question        string
	answer          string
	stop            []string
}{
	"ja": {
		before: "ユーザー:文章を読んで、その文章だけから答えられる質問を一つ作り、答えも書いてください。答えは文章の言葉をそのまま短く抜き出してください。\n\n" +
			"文章：会議室の予約は、前日の午後5時までに総務課へ申し込みます。キャンセル料はかかりません。\nシステム:質問：会議室の予約はどこへ申し込みますか。\n答え：総務課\n" +
			"ユーザー:同じように、次の文章の質問と答えを書いてください。\n\n文章：",
		between: "\nシステム:質問：", question: "質問：", answer: "答え：", stop: []string{"\nユーザー", "\n\n", "ユーザー:"},
	},
	"en": {
		before: "User: Read the text and write one question that the text alone answers, and its answer. Copy the answer from the text, word for word and short.\n\n" +
			"Text: Meeting rooms are booked at the front desk by 5 p.m. on the day before. There is no fee for cancelling.\nSystem: Question: Where are meeting rooms booked?\nAnswer: at the front desk\n" +
			"User: Do the same for this text.\n\nText: ",
		between: "\nSystem: Question:", question: "Question:", answer: "Answer:", stop: []string{"\nUser", "\n\n", "User:"},
	},
}

const (
	// minChunkChars is a chunk too short to ask about.
	minChunkChars = 40
	askBatch      = 8
	askTokens     = 96
)

// Ask has a chat model draft questions from chunks of the documents, at most so many chunks, chosen by seed. What it writes is dropped
// and counted unless it keeps the rules. Progress has the stage "ask".
func Ask(ctx context.Context, model core.Generator, documents []Document, most int, seed uint64, progress core.Progress) ([]Draft, int, error) {
	type piece struct {
		doc   Document
		chunk core.Chunk
	}
	var pieces []piece
	for _, d := range documents {
		for _, c := range d.Chunks {
			if utf8.RuneCountInString(c.Text) >= minChunkChars {
				pieces = append(pieces, piece{d, c})
			}
		}
	}
	newPCG(seed, "ask").shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
	pieces = pieces[:min(most, len(pieces))]
	var out []Draft
	dropped := 0
	for at := 0; at < len(pieces); at += askBatch {
		progress.Report(core.Update{Stage: "ask", Done: int64(at), Total: int64(len(pieces))})
		batch := pieces[at:min(at+askBatch, len(pieces))]
		reqs := make([]core.GenerateRequest, len(batch))
		for i, p := range batch {
			t := askPrompts[rag.Language(p.chunk.Text)]
			reqs[i] = core.GenerateRequest{
				Prompt:   t.before + strings.Join(strings.Fields(p.chunk.Text), " ") + t.between,
				Sampling: core.Sampling{MaxNewTokens: askTokens, Stop: t.stop},
			}
		}
		replies, err := model.Generate(ctx, reqs, func(int, core.Delta) error { return nil })
		if err != nil {
			return nil, 0, fmt.Errorf("draft %d questions: %w", len(batch), err)
		}
		if len(replies) != len(batch) {
			return nil, 0, fmt.Errorf("draft %d questions: %d replies: %w", len(batch), len(replies), core.ErrCorrupt)
		}
		for i, r := range replies {
			if d, ok := readDraft(batch[i].doc, batch[i].chunk, r.Text); ok {
				out = append(out, d)
			} else {
				dropped++
			}
		}
	}
	return out, dropped, nil
}

// readDraft reads "a question, a line end, Answer: its answer" and holds it against the chunk.
func readDraft(doc Document, c core.Chunk, text string) (Draft, bool) {
	lang := rag.Language(c.Text)
	t := askPrompts[lang]
	question, answer, ok := strings.Cut(text, t.answer)
	if !ok {
		return Draft{}, false
	}
	question = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(question), t.question))
	answer, _, _ = strings.Cut(strings.TrimSpace(answer), "\n")
	answer = strings.Trim(bareAnswer(answer), " 「」\"“”")
	if strings.ContainsAny(question, "\n") || !asks(question, lang) || rag.Language(question) != lang {
		return Draft{}, false
	}
	from, end, ok := locate([]rune(c.Text), answer)
	if !ok {
		return Draft{}, false
	}
	core0 := strings.Join(strings.Fields(string([]rune(c.Text)[from:end])), " ")
	d := Draft{
		Question: question, Core: core0, Origin: core.RowModel, Kind: KindModel, Language: lang, title: titleOf(doc),
		Source: core.RowSource{Document: doc.ID, Name: doc.Name, Page: c.Page, Start: c.Start + from, End: c.Start + end},
	}
	if lang == "ja" {
		d.Answer = d.Core + tailOf(d.Core)
	} else {
		d.Answer = capital(d.Core) + stopOf(d.Core)
	}
	// The question has to be about this passage: half of what it asks for stands there.
	if covered(contentOf(question), oneSentence(c.Text)) < 0.5 {
		return Draft{}, false
	}
	return d, d.fit()
}

// oneSentence is a text that counts as one.
func oneSentence(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("。．.!?！？\n\r", r) {
			return ' '
		}
		return r
	}, s)
}

// asks says whether a text has the form of a question.
func asks(s, lang string) bool {
	if lang == "ja" {
		return strings.HasSuffix(s, "か。") || strings.HasSuffix(s, "か？") || strings.HasSuffix(s, "か?") || strings.HasSuffix(s, "ください。")
	}
	return strings.HasSuffix(s, "?") && strings.Count(s, "?") == 1
}

// locate finds an answer in a text, whatever the widths, the case and the white space of both. from and end are characters.
func locate(text []rune, answer string) (from, end int, ok bool) {
	var flat []rune
	var at []int
	for i, r := range text {
		if unicode.IsSpace(r) {
			continue
		}
		for _, n := range strings.ToLower(norm.NFKC.String(string(r))) {
			flat, at = append(flat, n), append(at, i)
		}
	}
	var want []rune
	for _, r := range strings.ToLower(norm.NFKC.String(answer)) {
		if !unicode.IsSpace(r) {
			want = append(want, r)
		}
	}
	if len(want) == 0 {
		return 0, 0, false
	}
search:
	for i := 0; i+len(want) <= len(flat); i++ {
		for j, r := range want {
			if flat[i+j] != r {
				continue search
			}
		}
		last := i + len(want) - 1
		if i > 0 && continues(flat[i-1], want[0]) || last+1 < len(flat) && continues(want[len(want)-1], flat[last+1]) {
			continue
		}
		return at[i], at[last] + 1, true
	}
	return 0, 0, false
}
