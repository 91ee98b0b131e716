package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/resources"
)

// talk is a bench with two documents and conversations about them.
type talk struct {
	*bench
	*app.Conversations
}

const houseRules = "Every employee has twenty days of paid leave each year.\n\nThe office opens at nine o'clock.\n\n" +
	"年次有給休暇は入社半年後に10日与えられます。\n\n交通費は月末に支払われます。\n"

func newTalk(t *testing.T) *talk {
	t.Helper()
	b := open(t, nil)
	b.client.Wide = true
	dir := filepath.Join(b.dir, "docs")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "規則.txt"), []byte(houseRules), 0o600)); err != nil {
		t.Fatal(err)
	}
	if s, err := b.add(dir); err != nil || s.Added != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	return &talk{b, b.talk()}
}

// talk gives a bench conversations.
func (b *bench) talk() *app.Conversations {
	b.chat.Prompts = append(b.chat.Prompts, resources.Prompts)
	return &app.Conversations{Store: b.store, Chat: b.chat, Bus: &app.Bus{}, Text: resources.Format}
}

// ask asks at a place of a conversation; nothing may go wrong.
func (k *talk) ask(conversation, parent, question string) record.Turn {
	k.Helper()
	turn, err := k.Ask(k.Context(), app.AskTurn{Conversation: conversation, Parent: parent, Question: question}, nil)
	if err != nil {
		k.Fatal(err)
	}
	return turn
}

func (k *talk) open(id string) app.Transcript {
	k.Helper()
	t, err := k.Open(k.Context(), id)
	if err != nil {
		k.Fatal(err)
	}
	return t
}

// model makes a second chat model.
func (k *talk) model(name, config string) {
	k.Helper()
	dir := filepath.Join(k.dir, "models", name)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600)); err != nil {
		k.Fatal(err)
	}
}

func TestAskIsTold(t *testing.T) {
	k := newTalk(t)
	var told []string
	var text strings.Builder
	stop := k.Bus.Subscribe(func(topic app.Topic) {
		if topic != app.TopicConversations {
			t.Errorf("topic %s", topic)
		}
	})
	defer stop()
	turn, err := k.Ask(t.Context(), app.AskTurn{Question: "How many days of paid leave does an employee have?"}, func(e app.Event) {
		name := strings.TrimPrefix(fmt.Sprintf("%T", e), "app.")
		if len(told) == 0 || told[len(told)-1] != name {
			told = append(told, name)
		}
		switch e := e.(type) {
		case app.TurnStarted: // the question is safe before the model is asked
			if got := k.open(e.Conversation.ID); len(got.All) != 1 || got.All[0].Question != e.Turn.Question || len(got.All[0].Answers) != 0 {
				t.Errorf("stored at the start: %+v", got)
			}
		case app.PassagesFound:
			if len(e.Passages) == 0 || e.Passages[0].Name != "規則.txt" {
				t.Errorf("passages %+v", e.Passages)
			}
		case app.Delta:
			text.WriteString(e.Text)
		case app.Answered:
			heads, _, err := k.List(t.Context())
			if err != nil || len(k.open(heads[0].ID).All[0].Answers) != 1 {
				t.Error("told before it was stored", err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"TurnStarted", "Loading", "PassagesFound", "Delta", "Answered", "Finished"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	g, ok := turn.Answer()
	if !ok || !strings.Contains(g.Answer.Text, "twenty days") || strings.TrimSpace(text.String()) != g.Answer.Text || g.Mode != record.ModeModel || g.Model != "starter" || g.Group != "" {
		t.Fatalf("given %+v, streamed %q", g, text.String())
	}
	if r := g.Answer.Receipt; r == nil || !strings.Contains(r.Prompt, "twenty days") || r.ModelID == "" || r.EmbedderID == "" {
		t.Errorf("receipt %+v", r)
	}
	kept := k.open(turn.Conversation)
	if fmt.Sprint(kept.All[0].Answers[0].Answer.Citations) != fmt.Sprint(g.Answer.Citations) || kept.Title != turn.Question || kept.Turns != 1 || kept.Leaf != turn.ID || kept.Collection != "main" {
		t.Errorf("kept %+v", kept)
	}
}

func TestBranches(t *testing.T) {
	k := newTalk(t)
	first := k.ask("", "", "When does the office open?")
	id := first.Conversation
	second := k.ask(id, first.ID, "How many days of paid leave?")
	third := k.ask(id, second.ID, "有給休暇は何日ですか。")
	edited := k.ask(id, first.ID, "交通費はいつ支払われますか。") // instead of the second question
	at := func() (path []string, branches string) {
		for _, s := range k.open(id).Path {
			path = append(path, s.ID)
			branches += fmt.Sprintf("%d/%d ", s.Branch, len(s.Siblings))
		}
		return path, branches
	}
	if path, branches := at(); !slices.Equal(path, []string{first.ID, edited.ID}) || branches != "1/1 2/2 " {
		t.Errorf("after the edit: %v %s", path, branches)
	}
	if err := k.Show(t.Context(), id, second.ID); err != nil {
		t.Fatal(err)
	}
	if path, branches := at(); !slices.Equal(path, []string{first.ID, second.ID, third.ID}) || branches != "1/1 1/2 1/1 " {
		t.Errorf("back again: %v %s", path, branches)
	}
	if all := k.open(id).All; len(all) != 4 || k.open(id).Turns != 4 {
		t.Errorf("%d turns", len(all))
	}
	for _, wrong := range []app.AskTurn{
		{Conversation: "none", Question: "x"}, {Conversation: id, Parent: "none", Question: "x"}, {Parent: first.ID, Question: "x"},
		{Question: " \n"}, {Question: "x", Collection: "none"}, {Question: strings.Repeat("長", 20_001)}, {Question: "x", Models: []string{"a", "b", "c"}},
	} {
		if _, err := k.Ask(t.Context(), wrong, nil); err == nil {
			t.Errorf("%+v was asked", wrong)
		}
	}
	if err := k.Show(t.Context(), id, "none"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("show what is not there: %v", err)
	}
	if heads, _, _ := k.List(t.Context()); len(heads) != 1 || k.open(id).Turns != 4 {
		t.Errorf("refused questions were stored: %+v", heads)
	}
}

func TestStopKeepsWhatCame(t *testing.T) {
	k := newTalk(t)
	ctx, cancel := context.WithCancel(t.Context())
	k.client.Answering = func(_ string, piece int) error {
		if piece == 9 {
			cancel()
		}
		return nil
	}
	turn, err := k.Ask(ctx, app.AskTurn{Question: "How many days of paid leave does an employee have?"}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	g, _ := k.open(turn.Conversation).All[0].Answer()
	if !g.Stopped || g.Failure != nil || g.Answer.Text != "Every employee has twenty days of pa" || len(g.Answer.Citations) != 1 || len(g.Answer.Unsupported) != 0 {
		t.Errorf("kept %+v", g)
	}
	k.client.Answering = nil
	// The stopped answer is the beginning of what the model says.
	r, err := k.Replay(t.Context(), turn.Conversation, turn.ID, g.ID, nil)
	if err != nil || !r.Identical || !strings.HasPrefix(r.Text, g.Answer.Text) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestLostEngineIsRemembered(t *testing.T) {
	k := newTalk(t)
	k.client.Answering = func(_ string, piece int) error {
		if piece == 3 {
			return fmt.Errorf("generate: %w", core.ErrEngine)
		}
		return nil
	}
	turn, err := k.Ask(t.Context(), app.AskTurn{Question: "How many days of paid leave?"}, nil)
	if !errors.Is(err, core.ErrEngine) {
		t.Fatal(err)
	}
	g, _ := k.open(turn.Conversation).All[0].Answer()
	if g.Stopped || g.Failure == nil || g.Answer.Text != "Every employ" {
		t.Fatalf("kept %+v", g)
	}
	want, _ := resources.ErrorText("ja", core.ErrEngine)
	if sentence, hint := resources.ErrorText("ja", g.Failure.Err()); sentence != want || hint == "" {
		t.Errorf("said again: %q", sentence)
	}
	k.client.Answering = nil
	again, err := k.Again(t.Context(), turn.Conversation, turn.ID, nil, app.AskOptions{}, nil)
	if err != nil || len(again.Answers) != 2 || again.Shown != 1 || again.Answers[1].Failure != nil || k.client.Sampling().Temperature != 0 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestAgainAndShowAnswer(t *testing.T) {
	k := newTalk(t)
	turn := k.ask("", "", "How many days of paid leave?")
	again, err := k.Again(t.Context(), turn.Conversation, turn.ID, nil, app.AskOptions{}, nil)
	if err != nil || len(again.Answers) != 2 || again.Shown != 1 {
		t.Fatalf("%+v, %v", again, err)
	}
	if s := k.client.Sampling(); s.Temperature == 0 || s.Seed == 0 {
		t.Errorf("asked again with %+v: greedy decoding repeats itself", s)
	}
	if err := k.ShowAnswer(t.Context(), turn.Conversation, turn.ID, 0); err != nil {
		t.Fatal(err)
	}
	if got := k.open(turn.Conversation).All[0]; got.Shown != 0 || len(got.Answers) != 2 {
		t.Errorf("%+v", got)
	}
	if err := k.ShowAnswer(t.Context(), turn.Conversation, turn.ID, 2); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("an answer that is not there: %v", err)
	}
}

func TestCompare(t *testing.T) {
	k := newTalk(t)
	k.model("other", `{"model_type":"gpt_neox","other":true}`)
	k.client.Answering = func(model string, piece int) error {
		if piece == 2 { // what gives memory back does not take a model away from who uses it
			return k.models.Use(t.Context(), map[string]string{"starter": "other", "other": "starter"}[model])
		}
		return nil
	}
	var order []int
	turn, err := k.Ask(t.Context(), app.AskTurn{Question: "How many days of paid leave?", Models: []string{"starter", "other"}, Options: app.AskOptions{Seed: 5}}, func(e app.Event) {
		if d, ok := e.(app.Delta); ok && (len(order) == 0 || order[len(order)-1] != d.Given) {
			order = append(order, d.Given)
		}
	})
	if err != nil || len(turn.Answers) != 2 {
		t.Fatalf("%+v, %v", turn, err)
	}
	a, b := turn.Answers[0], turn.Answers[1]
	if a.Group == "" || a.Group != b.Group || a.Mode != record.ModeCompare || a.Model != "starter" || b.Model != "other" || !slices.Equal(order, []int{0, 1}) {
		t.Errorf("%+v\n%+v\n%v", a, b, order)
	}
	ra, rb := a.Answer.Receipt, b.Answer.Receipt
	if ra.ModelID == rb.ModelID || ra.Sampling.Seed != 5 || rb.Sampling.Seed != 5 || ra.PromptSHA256 != rb.PromptSHA256 {
		t.Errorf("receipts %+v %+v", ra, rb)
	}
	k.client.Answering = nil
	loads := k.client.Loads()
	k.ask(turn.Conversation, turn.ID, "When does the office open?")
	if k.client.Loads() != loads {
		t.Error("the model in use was loaded anew")
	}
	if _, err := k.Ask(t.Context(), app.AskTurn{Question: "When?", Models: []string{"multilingual-e5-small"}}, nil); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("an embedder was asked: %v", err)
	}
}

func TestReplay(t *testing.T) {
	k := newTalk(t)
	turn := k.ask("", "", "How many days of paid leave?")
	g, _ := turn.Answer()
	if r, err := k.Replay(t.Context(), turn.Conversation, turn.ID, g.ID, nil); err != nil || !r.Identical || r.Text != g.Answer.Text {
		t.Errorf("%+v, %v", r, err)
	}
	refused := k.ask(turn.Conversation, turn.ID, "ゾウの平均体重は？")
	r, _ := refused.Answer()
	var user *core.UserError
	if _, err := k.Replay(t.Context(), turn.Conversation, refused.ID, r.ID, nil); !errors.As(err, &user) || user.Key != "error.chat.replay.noprompt" {
		t.Errorf("nothing was asked: %v", err)
	}
	// Another model of that name is not taken for the first.
	k.model("other", `{"model_type":"gpt_neox","n":1}`)
	byOther, err := k.Ask(t.Context(), app.AskTurn{Question: "When does the office open?", Models: []string{"other"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.model("other", `{"model_type":"gpt_neox","n":2}`)
	k.ask(turn.Conversation, "", "When does it open?") // gives the first one back
	if _, err := k.Replay(t.Context(), byOther.Conversation, byOther.ID, byOther.Answers[0].ID, nil); !errors.As(err, &user) || user.Key != "error.chat.replay.model" {
		t.Errorf("another model: %v", err)
	}
}

func TestNotReadyIsToldFromNothingFound(t *testing.T) {
	k := newTalk(t)
	if g, _ := k.ask("", "", "ゾウの平均体重は？").Answer(); !g.Answer.Refused || g.Pending != 0 {
		t.Errorf("nothing found: %+v", g)
	}
	if err := os.WriteFile(filepath.Join(k.dir, "docs", "elephants.txt"), []byte(strings.Repeat("ゾウの平均体重は5トンです。\n", 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := false
	k.client.Before = func(texts []string) error {
		if asked || !strings.Contains(texts[0], "5トン") {
			return nil
		}
		asked = true
		if g, _ := k.ask("", "", "クジラの寿命は？").Answer(); !g.Answer.Refused || g.Pending == 0 {
			t.Errorf("while a document is on its way: %+v", g)
		}
		return nil
	}
	if _, err := k.add(filepath.Join(k.dir, "docs")); err != nil || !asked {
		t.Fatal(asked, err)
	}
	if g, _ := k.ask("", "", "クジラの寿命は？").Answer(); !g.Answer.Refused || g.Pending != 0 {
		t.Errorf("afterwards: %+v", g)
	}
}

// An empty library is asked without a word of the model, and the conversation goes on once there are documents.
func TestConversationBeforeTheFirstDocument(t *testing.T) {
	b := open(t, nil)
	k := &talk{b, b.talk()}
	first := k.ask("", "", "有給休暇は何日ですか。")
	if g, _ := first.Answer(); !g.Answer.Refused || g.Failure != nil || first.Collection != "" {
		t.Fatalf("%+v", first)
	}
	if _, err := b.add(b.files(1, 5)); err != nil {
		t.Fatal(err)
	}
	if second := k.ask(first.Conversation, first.ID, "In which room is the part with number 3 kept?"); second.Collection != "main" {
		t.Errorf("%+v", second)
	}
}
