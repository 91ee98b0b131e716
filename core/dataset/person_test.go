package dataset_test

import (
	"context"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/dataset"
)

// A file's questions get the chat's prompts; answers in a person's own words are kept, passages of the file are used instead of found ones,
// and a refusal sentence makes a refusal row.
func TestFileRows(t *testing.T) {
	docs := library()
	file := "question,answer,context\n夏季休暇は何日ですか。,41日です。,\n結婚休暇の考え方は何ですか。,社員の希望を尊重します。,\n育児手当は誰がもらえますか。,資料には記載がありません。,\n予備の鍵はどこですか。,金庫の中です。,鍵は金庫の中にあります。\n"
	table, err := dataset.ReadTable(t.Context(), "a.csv", []byte(file), dataset.Columns{})
	if err != nil {
		t.Fatal(err)
	}
	r := build(t, dataset.Params{Settings: dataset.Settings{Held: 0.3}, Documents: docs, NoRules: true, Drafts: table.Drafts()})
	if len(r.Rows) != 4 {
		t.Fatalf("%d rows, left %v", len(r.Rows), r.Left)
	}
	for _, row := range r.Rows {
		switch {
		case strings.HasPrefix(row.Question, "夏季"):
			if row.Gold == 0 || row.Source == nil || row.Source.Name != "東京.txt" || row.Origin != core.RowFile {
				t.Errorf("%+v", row)
			}
		case strings.HasPrefix(row.Question, "結婚"):
			if row.Gold != 0 || row.Answer != "社員の希望を尊重します。" || !strings.Contains(row.Inputs, "結婚休暇は、") {
				t.Errorf("%+v", row)
			}
		case strings.HasPrefix(row.Question, "育児"):
			if !row.Refusal || row.Labels != "資料には記載がありません。" {
				t.Errorf("%+v", row)
			}
		default:
			if !strings.Contains(row.Inputs, "\n鍵は金庫の中にあります。\n") || strings.Contains(row.Inputs, "休暇") || row.Gold != 1 {
				t.Errorf("%+v", row)
			}
		}
	}
}

// Corrections of chats: the right answer, that there is none, and the place.
func TestCorrections(t *testing.T) {
	docs := library()
	text := docs[0].Pages[0].Text
	at := len([]rune(text[:strings.Index(text, "結婚休暇")]))
	end := at + len([]rune("結婚休暇は、48日とする。"))
	place := &core.RowSource{Document: docs[0].ID, Name: docs[0].Name, Page: 1, Start: at, End: end}
	var drafts []dataset.Draft
	for _, c := range []dataset.Correction{
		{Question: "夏季休暇はいつ取れますか。", Answer: "夏のあいだに37日です。"},
		{Question: "忌引休暇の書類はどこですか。", Absent: true},
		{Question: "結婚休暇の日数を教えて。", Place: place, Text: string([]rune(text)[at:end])},
	} {
		d, ok := c.Draft()
		if !ok {
			t.Fatalf("%+v gives no draft", c)
		}
		drafts = append(drafts, d)
	}
	if _, ok := (dataset.Correction{Question: "x"}).Draft(); ok {
		t.Error("a correction that says nothing is a draft")
	}
	r := build(t, dataset.Params{Documents: docs, NoRules: true, Drafts: drafts})
	if len(r.Rows) != 3 {
		t.Fatalf("%d rows, left %v", len(r.Rows), r.Left)
	}
	for _, row := range r.Rows {
		if row.Origin != core.RowCorrection {
			t.Errorf("%+v", row)
		}
		switch {
		case strings.HasPrefix(row.Question, "結婚"):
			if row.Answer != "結婚休暇は、48日とする。" || row.Gold == 0 || *row.Source != *place {
				t.Errorf("%+v", row)
			}
		case strings.HasPrefix(row.Question, "忌引"):
			if !row.Refusal {
				t.Errorf("%+v", row)
			}
		}
	}
}

// writer answers with what it is told to, for each chunk.
type writer struct {
	*shelf
	say  func(prompt string) string
	reqs []core.GenerateRequest
}

func (w *writer) Generate(_ context.Context, reqs []core.GenerateRequest, _ func(int, core.Delta) error) ([]core.Reply, error) {
	w.reqs = append(w.reqs, reqs...)
	out := make([]core.Reply, len(reqs))
	for i, r := range reqs {
		out[i].Text = w.say(r.Prompt)
	}
	return out, nil
}

// What a model drafts counts only when the answer stands in the passage and the question is one about it.
func TestAskModel(t *testing.T) {
	text := "夏季休暇は3日とし、7月から9月までの間に取得する。申請は総務課で受け付ける。休暇の前日までに届けること。"
	d := doc("規則.txt", text)
	d.Chunks = []core.Chunk{{Document: d.ID, Page: 1, Start: 0, End: len([]rune(text)), Text: text}}
	for reply, want := range map[string]string{
		"夏季休暇の申請はどこで受け付けますか。\n答え：総務課":     "総務課です。",
		" 夏季休暇は何日ですか。\n答え：「３日」です。":        "3日です。",
		"夏季休暇は何日ですか。\n答え：5日":              "", // stands nowhere
		"夏季休暇は総務課で受け付けます。\n答え：総務課":        "", // no question
		"夏季休暇の申請は総務課ですか。\n答え：総務課":         "", // gives the answer away
		"社員食堂の営業時間はいつまでですか。\n答え：7月から9月まで": "", // about something else
		"Where is it?\n答え：総務課":            "",
		"総務課":                             "",
	} {
		w := &writer{shelf: newShelf(t, d), say: func(string) string { return reply }}
		drafts, dropped, err := dataset.Ask(t.Context(), w, []dataset.Document{d}, 10, 1, nil)
		if err != nil || len(w.reqs) != 1 || !strings.Contains(w.reqs[0].Prompt, text) {
			t.Fatal(err, w.reqs)
		}
		if want == "" {
			if len(drafts) != 0 || dropped != 1 {
				t.Errorf("%q was taken: %+v", reply, drafts)
			}
			continue
		}
		if len(drafts) != 1 || drafts[0].Answer != want || drafts[0].Origin != core.RowModel {
			t.Errorf("%q gives %+v", reply, drafts)
			continue
		}
		s := drafts[0].Source
		if at := string([]rune(text)[s.Start:s.End]); at != drafts[0].Core {
			t.Errorf("%q: %q stands at the place of %q", reply, at, drafts[0].Core)
		}
	}
}
