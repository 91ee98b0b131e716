package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
)

func TestCorrections(t *testing.T) {
	k := newTalk(t)
	turn := k.ask("", "", "有給休暇は何日ですか。")
	g, _ := turn.Answer()
	docs, err := k.library.List(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	at := record.Correction{Conversation: turn.Conversation, Turn: turn.ID, Given: g.ID}
	wrong := at
	wrong.Kind = record.CorrectAnswer
	if _, err := k.Correct(t.Context(), wrong); !errors.Is(err, core.ErrUsage) {
		t.Errorf("an empty answer: %v", err)
	}
	wrong.Kind, wrong.Place = record.CorrectPlace, &record.Place{Document: docs[0].ID, Page: 9}
	if _, err := k.Correct(t.Context(), wrong); err == nil {
		t.Error("a page that is not there")
	}
	if g, _ := k.open(turn.Conversation).All[0].Answer(); g.Verdict != record.Unjudged {
		t.Errorf("refused corrections judged the answer: %+v", g)
	}
	right := at
	right.Kind, right.Answer = record.CorrectAnswer, " 10日です。 "
	first, err := k.Correct(t.Context(), right)
	if err != nil || first.Answer != "10日です。" || first.Question != turn.Question || first.Collection != "main" || first.At.IsZero() {
		t.Fatalf("%+v, %v", first, err)
	}
	place := at
	start := len([]rune(houseRules[:strings.Index(houseRules, "年次")]))
	place.Kind, place.Place = record.CorrectPlace, &record.Place{Document: docs[0].ID, Page: 1, Start: start, End: start + 6}
	second, err := k.Correct(t.Context(), place)
	if err != nil || second.Place.Text != "年次有給休暇" || second.Place.Name != "規則.txt" || second.ID != first.ID {
		t.Fatalf("%+v %+v, %v: want the one before it replaced", second, second.Place, err)
	}
	if all, damaged, err := k.Corrections(t.Context()); err != nil || len(all) != 1 || len(damaged) != 0 || all[0].Kind != record.CorrectPlace {
		t.Errorf("%+v, %v", all, err)
	}
	if g, _ := k.open(turn.Conversation).All[0].Answer(); g.Verdict != record.Wrong {
		t.Errorf("a corrected answer is %q", g.Verdict)
	}
	if err := k.Judge(t.Context(), turn.Conversation, turn.ID, g.ID, record.Right); err != nil {
		t.Fatal(err)
	}
	if g, _ := k.open(turn.Conversation).All[0].Answer(); g.Verdict != record.Right {
		t.Errorf("judged %q", g.Verdict)
	}
	if err := k.RemoveCorrection(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	if err := k.RemoveCorrection(t.Context(), second.ID); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

// left says whether a file of the library holds a text.
func (k *talk) left(text string) bool {
	k.Helper()
	found := false
	err := filepath.WalkDir(filepath.Join(k.dir, "library"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		found = found || strings.Contains(string(raw), text)
		return err
	})
	if err != nil {
		k.Fatal(err)
	}
	return found
}

func TestDelete(t *testing.T) {
	k := newTalk(t)
	gone := k.ask("", "", "What is tamarind-4711 about paid leave?")
	kept := k.ask("", "", "What is okapi-12 about the office?")
	for _, turn := range []record.Turn{gone, kept} {
		g, _ := turn.Answer()
		if _, err := k.Correct(t.Context(), record.Correction{Conversation: turn.Conversation, Turn: turn.ID, Given: g.ID, Kind: record.CorrectAbsent}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Delete(t.Context(), gone.Conversation, true); err != nil {
		t.Fatal(err)
	}
	if k.left("tamarind-4711") || !k.left("okapi-12") {
		t.Error("bytes of the deleted conversation are left, or others gone")
	}
	if _, err := k.Open(t.Context(), gone.Conversation); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("opened: %v", err)
	}
	if err := k.Delete(t.Context(), kept.Conversation, false); err != nil {
		t.Fatal(err)
	}
	if all, _, err := k.Corrections(t.Context()); err != nil || len(all) != 1 || all[0].Question != kept.Question {
		t.Errorf("corrections %+v, %v", all, err)
	}
	if err := k.Delete(t.Context(), "none", false); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
}

// What comes for a conversation that was deleted meanwhile is not stored anywhere.
func TestDeletedWhileAnswering(t *testing.T) {
	k := newTalk(t)
	var id string
	var once sync.Once
	k.client.Answering = func(string, int) (err error) {
		once.Do(func() { err = k.Delete(t.Context(), id, true) })
		return err
	}
	_, err := k.Ask(t.Context(), app.AskTurn{Question: "How many days of tamarind-4711 leave?"}, func(e app.Event) {
		if e, ok := e.(app.TurnStarted); ok {
			id = e.Conversation.ID
		}
	})
	if !errors.Is(err, core.ErrNotFound) || k.left("tamarind-4711") {
		t.Errorf("error %v, bytes left %v", err, k.left("tamarind-4711"))
	}
}

func TestRename(t *testing.T) {
	k := newTalk(t)
	turn := k.ask("", "", strings.Repeat("長い質問", 40))
	if title := k.open(turn.Conversation).Title; len([]rune(title)) > 60 || !strings.HasSuffix(title, "…") {
		t.Errorf("title %q", title)
	}
	if err := k.Rename(t.Context(), turn.Conversation, " 休暇の\n件 "); err != nil || k.open(turn.Conversation).Title != "休暇の 件" {
		t.Errorf("renamed %q, %v", k.open(turn.Conversation).Title, err)
	}
	if err := k.Rename(t.Context(), turn.Conversation, " "); !errors.Is(err, core.ErrUsage) {
		t.Errorf("no title: %v", err)
	}
}

func TestSearchConversations(t *testing.T) {
	k := newTalk(t)
	first := k.ask("", "", "ＡＢＣ商会の有給休暇は何日ですか。")
	second := k.ask("", "", "When does the OFFICE open, please, in the year after the next one that comes?")
	third := k.ask(second.Conversation, second.ID, "交通費はいつ支払われますか。")
	for text, want := range map[string]struct {
		turn  string
		given int
		mark  string
	}{
		"abc商会":         {first.ID, -1, "ＡＢＣ商会"},
		"商会 有給":         {first.ID, -1, "商会"},
		"office please": {second.ID, -1, "OFFICE"},
		"10日与え":         {first.ID, 0, "10日与え"},
		"月末":            {third.ID, 0, "月末"},
	} {
		found, err := k.Search(t.Context(), text, 10)
		if err != nil || len(found) != 1 || found[0].Turn != want.turn || found[0].Given != want.given {
			t.Errorf("%s: %+v, %v", text, found, err)
			continue
		}
		f := found[0]
		if mark := string([]rune(f.Snippet)[f.Start:f.End]); mark != want.mark || strings.ContainsAny(f.Snippet, "\n") {
			t.Errorf("%s: %q marked in %q", text, mark, f.Snippet)
		}
	}
	if found, err := k.Search(t.Context(), "tamarind", 10); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	k.ask(first.Conversation, first.ID, "tamarind?") // after a search, with its texts kept
	if found, err := k.Search(t.Context(), "TAMARIND", 10); err != nil || len(found) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := k.Search(t.Context(), " 　", 10); !errors.Is(err, core.ErrUsage) {
		t.Errorf("nothing to search for: %v", err)
	}
	if found, err := k.Search(t.Context(), "の", 1); err != nil || len(found) > 1 {
		t.Errorf("at most one: %+v, %v", found, err)
	}
}
