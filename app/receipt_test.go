package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/receipt"
)

// sealed is the receipt of a turn's shown answer as a file, opened again.
func (k *talk) sealed(r *app.Receipts, turn record.Turn) *receipt.File {
	k.Helper()
	g, ok := turn.Answer()
	if !ok {
		k.Fatal("no answer")
	}
	of, err := r.Of(k.Context(), turn.Conversation, turn.ID, g.ID)
	if err != nil {
		k.Fatal(err)
	}
	raw, err := r.Seal(k.Context(), of)
	if err != nil {
		k.Fatal(err)
	}
	path := filepath.Join(k.TempDir(), "a.receipt.json")
	if err := app.WriteReceipt(path, raw); err != nil {
		k.Fatal(err)
	}
	f, err := app.ReadReceipt(path)
	if err != nil {
		k.Fatal(err)
	}
	if !app.IsReceipt(path) {
		k.Error("not known for a receipt")
	}
	return f
}

func (k *talk) check(r *app.Receipts, f *receipt.File) app.ReceiptCheck {
	k.Helper()
	c, err := r.Check(k.Context(), f, nil)
	if err != nil {
		k.Fatal(err)
	}
	return c
}

func states(c app.ReceiptCheck) []string {
	var all []string
	for _, p := range c.Passages {
		all = append(all, p.State)
	}
	return slices.Compact(all)
}

func TestReceiptOfAnAnswer(t *testing.T) {
	k := newTalk(t)
	r := &app.Receipts{Conversations: k.Conversations}
	turn := k.ask("", "", "How many days of paid leave?")
	f := k.sealed(r, turn)
	of := f.Receipt
	g, _ := turn.Answer()
	if of.Question != turn.Question || of.Answer.Text != g.Answer.Text || of.Collection != app.DefaultCollection || of.ID != g.ID || len(of.Passages) == 0 || len(of.Reply.Tokens) == 0 {
		t.Errorf("receipt %+v", of)
	}
	docs, err := k.library.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if of.Passages[0].DocumentSHA256 != docs[0].SHA256 || of.Origin.Engine != "apptest" || of.Origin.SideBySide != 1 {
		t.Errorf("receipt %+v, document %+v", of, docs[0])
	}
	c := k.check(r, f)
	if !c.Authentic || c.Signer != app.SignerOwn || !slices.Equal(states(c), []string{app.StateSame}) {
		t.Errorf("checked: %+v", c)
	}
	again, err := r.Replay(t.Context(), of, nil)
	if err != nil || !again.Identical || !again.Tokens || again.Token != -1 || len(again.Causes) != 0 {
		t.Errorf("replayed: %+v, %v", again, err)
	}
	// The same key signs the next one, also after the library was opened again; another installation has another.
	own, err := r.Key(t.Context())
	if err != nil || !own.Equal(f.Key) {
		t.Errorf("key %v, %v", own, err)
	}
	second := &app.Receipts{Conversations: k.Conversations}
	if same, err := second.Key(t.Context()); err != nil || !same.Equal(own) {
		t.Errorf("key %v, %v", same, err)
	}
	elsewhere := newTalk(t)
	other := &app.Receipts{Conversations: elsewhere.Conversations}
	if c := elsewhere.check(other, f); c.Authentic || c.Signer != app.SignerUnknown || !slices.Equal(states(c), []string{app.StateSame}) {
		t.Errorf("elsewhere, where the same document lies at another place: %+v", c)
	}
	if c, err := other.Check(t.Context(), f, &own); err != nil || !c.Authentic || c.Signer != app.SignerGiven {
		t.Errorf("with the key given: %+v, %v", c, err)
	}
	foreign, err := other.Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var user *core.UserError
	if _, err := r.Check(t.Context(), f, &foreign); !errors.As(err, &user) || user.Key != "error.receipt.signer" {
		t.Errorf("with another key given: %v", err)
	}
}

// What changes in the library is told; the receipt stays what it is.
func TestReceiptAfterChanges(t *testing.T) {
	k := newTalk(t)
	r := &app.Receipts{Conversations: k.Conversations}
	f := k.sealed(r, k.ask("", "", "How many days of paid leave?"))
	path := filepath.Join(k.dir, "docs", "規則.txt")
	for _, c := range []struct{ text, state string }{
		{"A line before.\n\n" + houseRules, app.StateMoved},
		{"Nothing of it is left.\n", app.StateChanged},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.add(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		if got := k.check(r, f); !got.Authentic || got.Here || !slices.Equal(states(got), []string{c.state}) {
			t.Errorf("want %s: %+v", c.state, got)
		}
	}
	docs, err := k.library.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.store.Remove(t.Context(), collectionID(t, k.bench), docs[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := k.check(r, f); !slices.Equal(states(got), []string{app.StateGone}) {
		t.Errorf("removed: %+v", got)
	}
	if again, err := r.Replay(t.Context(), f.Receipt, nil); err != nil || !again.Identical {
		t.Errorf("replayed without the document: %+v, %v", again, err)
	}
}

func collectionID(t *testing.T, b *bench) string {
	t.Helper()
	c, err := b.library.Collection(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// Answers that were stopped, refused by the search, or judged and corrected by a person.
func TestReceiptsOfOtherAnswers(t *testing.T) {
	k := newTalk(t)
	r := &app.Receipts{Conversations: k.Conversations}
	ctx, cancel := context.WithCancel(t.Context())
	k.client.Answering = func(_ string, piece int) error {
		if piece == 3 {
			cancel()
		}
		return nil
	}
	turn, err := k.Ask(ctx, app.AskTurn{Question: "How many days of paid leave?"}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	k.client.Answering = nil
	f := k.sealed(r, turn)
	if !f.Receipt.Answer.Stopped || f.Receipt.Answer.Text == "" || f.Receipt.Origin.Engine != "apptest" {
		t.Errorf("stopped: %+v", f.Receipt)
	}
	if again, err := r.Replay(t.Context(), f.Receipt, nil); err != nil || !again.Identical || !again.Partial {
		t.Errorf("stopped, replayed: %+v, %v", again, err)
	}
	refused := k.ask(turn.Conversation, "", "ゾウの平均体重は？")
	f = k.sealed(r, refused)
	if a := f.Receipt.Answer; !a.Refused || a.RefusedBy != receipt.RefusedBySearch || f.Receipt.Request != nil || f.Receipt.Reply != nil {
		t.Errorf("refused by the search: %+v", f.Receipt)
	}
	var user *core.UserError
	if _, err := r.Replay(t.Context(), f.Receipt, nil); !errors.As(err, &user) || user.Key != "error.chat.replay.noprompt" {
		t.Errorf("refused by the search, replayed: %v", err)
	}
	wrong := k.ask(turn.Conversation, "", "When does the office open?")
	g, _ := wrong.Answer()
	fix := record.Correction{Conversation: wrong.Conversation, Turn: wrong.ID, Given: g.ID, Kind: record.CorrectAnswer, Answer: "At ten."}
	if _, err := k.Correct(t.Context(), fix); err != nil {
		t.Fatal(err)
	}
	if of := k.sealed(r, wrong).Receipt; of.Answer.Text != g.Answer.Text || of.Verdict != "wrong" || of.Correction == nil || of.Correction.Answer != "At ten." {
		t.Errorf("corrected: %+v", of)
	}
}

// An answer with other tokens is told with the place and with what is another now.
func TestReceiptReplayDiffers(t *testing.T) {
	k := newTalk(t)
	r := &app.Receipts{Conversations: k.Conversations}
	of := k.sealed(r, k.ask("", "", "How many days of paid leave?")).Receipt
	of.Reply.Text = strings.Replace(of.Reply.Text, "twenty", "thirty", 1)
	of.Reply.Tokens = slices.Clone(of.Reply.Tokens)
	of.Reply.Tokens[2]++
	of.Origin.Engine = "of yesterday"
	again, err := r.Replay(t.Context(), of, nil)
	if err != nil || again.Identical || again.Token != 2 || again.Character != strings.Index(of.Reply.Text, "hirty") {
		t.Errorf("%+v, %v", again, err)
	}
	if len(again.Causes) != 1 || again.Causes[0] != (receipt.Cause{What: "engine", Then: "of yesterday", Now: "apptest"}) {
		t.Errorf("causes %+v", again.Causes)
	}
}

// The secret key lies in a record of the library, and in no exported file.
func TestReceiptKeyStaysHere(t *testing.T) {
	k := newTalk(t)
	r := &app.Receipts{Conversations: k.Conversations}
	g := k.ask("", "", "How many days of paid leave?")
	f := k.sealed(r, g)
	raw, err := k.store.Record(t.Context(), "receipt.key", "1")
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(stored.Secret), "\n")
	secret := lines[len(lines)-1]
	if len(secret) < 100 {
		t.Fatalf("a secret of %d characters", len(secret))
	}
	content, signature, public := f.Split()
	for _, part := range [][]byte{content, signature, public} {
		if bytes.Contains(part, []byte(secret)) || bytes.Contains(part, []byte(secret[60:100])) {
			t.Error("a part of a receipt has the secret key")
		}
	}
}
