package app_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/lora"
)

func TestAdapterAnswersByDefault(t *testing.T) {
	c := newCourse(t)
	x := c.train("one")
	// What is not in the documents: the model answers all the same, and the adapter has learned to refuse.
	const question = "Where does the employee park each night?"
	base, err := c.chat.Ask(t.Context(), question, app.AskOptions{}, nil, nil)
	if err != nil || base.Refused || base.Adapter != "" || base.Receipt.AdapterID != "" {
		t.Fatalf("the model as it is: %+v, %v", base, err)
	}
	named, err := c.chat.Ask(t.Context(), question, app.AskOptions{Adapter: x.Adapter[:6]}, nil, nil)
	if err != nil || !named.Refused || named.Adapter != x.Adapter || named.Receipt.AdapterID != x.Adapter {
		t.Fatalf("with the adapter: %+v, %v", named, err)
	}
	if _, ok := c.adapters.Default(t.Context(), ""); ok {
		t.Error("a draft is the default")
	}
	used, err := c.adapters.Use(t.Context(), "one")
	if err != nil || used.State != record.AdapterReady || used.Why != nil {
		t.Fatalf("%+v, %v", used, err)
	}
	turn := c.ask("", "", question)
	g, ok := turn.Answer()
	if !ok || g.Mode != record.ModeAdapter || g.Adapter != x.Adapter || g.AdapterName != "one" || !g.Answer.Refused {
		t.Errorf("in a conversation: %+v", g)
	}
	var exported strings.Builder
	if err := c.Export(t.Context(), turn.Conversation, &exported, "md", "en"); err != nil || !strings.Contains(exported.String(), "starter + one ("+x.Adapter+")") {
		t.Errorf("exported: %s, %v", exported.String(), err)
	}
	if again, err := c.Replay(t.Context(), turn.Conversation, turn.ID, g.ID, nil); err != nil || !again.Identical {
		t.Errorf("replayed: %+v, %v", again, err)
	}
	if off, err := c.chat.Ask(t.Context(), question, app.AskOptions{Adapter: app.NoAdapter}, nil, nil); err != nil || off.Refused {
		t.Errorf("as it is: %+v, %v", off, err)
	}
	if was, err := c.adapters.Off(t.Context(), ""); err != nil || was.ID != x.Adapter {
		t.Errorf("off: %+v, %v", was, err)
	}
	if after, err := c.chat.Ask(t.Context(), question, app.AskOptions{}, nil, nil); err != nil || after.Refused {
		t.Errorf("after it: %+v, %v", after, err)
	}
	if now, err := c.adapters.Back(t.Context(), ""); err != nil || now.ID != x.Adapter {
		t.Errorf("back: %+v, %v", now, err)
	}
	if now, err := c.adapters.Back(t.Context(), ""); err != nil || now.ID != "" {
		t.Errorf("back again: %+v, %v", now, err)
	}
}

// TestCompareInOneBatch: the model and its adapter answer the same prompt in one generation, and both answers are kept with what answered.
func TestCompareInOneBatch(t *testing.T) {
	c := newCourse(t)
	x := c.train("one")
	calls := len(c.client.Batches())
	var places []int
	turn, err := c.Ask(t.Context(), app.AskTurn{Question: "Where does the employee park each night?", Adapters: []string{app.NoAdapter, "one"}}, func(e app.Event) {
		if d, ok := e.(app.Delta); ok && !slices.Contains(places, d.Given) {
			places = append(places, d.Given)
		}
	})
	if err != nil || len(turn.Answers) != 2 || len(places) != 2 {
		t.Fatalf("%+v, %v, places %v", turn, err, places)
	}
	if sizes := c.client.Batches()[calls:]; !slices.Equal(sizes, []int{2}) {
		t.Errorf("generations of %v requests", sizes)
	}
	base, tuned := turn.Answers[0], turn.Answers[1]
	if base.Mode != record.ModeCompare || tuned.Mode != record.ModeCompare || base.Group == "" || base.Group != tuned.Group || base.Adapter != "" || tuned.Adapter != x.Adapter {
		t.Errorf("answers %+v, %+v", base, tuned)
	}
	if base.Answer.Refused || !tuned.Answer.Refused || base.Answer.Receipt.PromptSHA256 != tuned.Answer.Receipt.PromptSHA256 || base.Answer.Receipt.AdapterID != "" || tuned.Answer.Receipt.AdapterID != x.Adapter || base.Answer.Receipt.ModelID == "" {
		t.Errorf("receipts %+v, %+v", base.Answer.Receipt, tuned.Answer.Receipt)
	}
	stored := c.open(turn.Conversation)
	if n := len(stored.Path[0].Answers); n != 2 {
		t.Errorf("%d answers are stored", n)
	}
	for _, ask := range []app.AskTurn{
		{Question: "q", Adapters: []string{"one", "one", "one"}}, {Question: "q", Models: []string{"starter", "other"}, Adapters: []string{"one", "off"}},
	} {
		if _, err := c.Ask(t.Context(), ask, nil); !errors.Is(err, core.ErrUsage) {
			t.Errorf("%+v: %v", ask, err)
		}
	}
	turn, err = c.Ask(t.Context(), app.AskTurn{Question: "Where?", Adapters: []string{app.NoAdapter, "nobody"}}, nil)
	wantError(t, err, "error.adapter.unknown", core.ErrNotFound)
	if len(turn.Answers) != 2 || turn.Answers[0].Failure == nil || turn.Answers[1].Failure == nil {
		t.Errorf("what failed is not told: %+v", turn.Answers)
	}
}

func TestAdapterGoesOutAndComesIn(t *testing.T) {
	c := newCourse(t)
	x := c.train("one")
	out := filepath.Join(c.dir, "out")
	if _, err := c.adapters.Export(t.Context(), "one", out); err != nil {
		t.Fatal(err)
	}
	if a, err := lora.Read(out); err != nil || a.ID != x.Adapter {
		t.Errorf("exported: %+v, %v", a, err)
	}
	_, err := c.adapters.Export(t.Context(), "one", out)
	wantError(t, err, "error.adapter.exists", core.ErrBusy)
	if err := c.adapters.Remove(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	back, err := c.adapters.Import(t.Context(), out, app.AdapterImport{Name: "again"})
	if err != nil || back.ID != x.Adapter || back.Name != "again" || !back.Imported || !back.Known || back.State != record.AdapterDraft || back.Run != x.ID || back.Rows != 48 || len(back.Documents) != 1 || back.Settings.Epochs != 4 || back.Versions["kakoi"] != "test" {
		t.Fatalf("imported: %+v, %v", back, err)
	}
	// The same weights once more are the same adapter.
	if same, err := c.adapters.Import(t.Context(), out, app.AdapterImport{Name: "third"}); err != nil || same.Name != "again" {
		t.Errorf("once more: %+v, %v", same, err)
	}
	if all, err := c.adapters.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := c.adapters.Rename(t.Context(), "again", "良い"); err != nil {
		t.Error(err)
	}
	wantError(t, c.adapters.Rename(t.Context(), "良い", "off"), "error.adapter.name", core.ErrUsage)
	// From elsewhere, without a lineage: the shapes alone say that it fits.
	if err := os.Remove(filepath.Join(out, "lineage.json")); err != nil {
		t.Fatal(err)
	}
	if err := c.adapters.Remove(t.Context(), "良い"); err != nil {
		t.Fatal(err)
	}
	if back, err = c.adapters.Import(t.Context(), out, app.AdapterImport{}); err != nil || back.Known || back.Name != "out" || back.ModelID != x.ModelID {
		t.Errorf("without a lineage: %+v, %v", back, err)
	}
}

// TestAdapterOfAnotherBase is refused by the base's hash, and by its shapes; put in the place of its base, the model answers without it.
func TestAdapterOfAnotherBase(t *testing.T) {
	c := newCourse(t)
	x := c.train("one")
	out := filepath.Join(c.dir, "out")
	_, err := c.adapters.Export(t.Context(), "one", out)
	if _, uerr := c.adapters.Use(t.Context(), "one"); err != nil || uerr != nil {
		t.Fatal(err, uerr)
	}
	c.model("other", `{"model_type":"gpt_neox","num_hidden_layers":1,"hidden_size":4,"intermediate_size":17}`)
	_, err = c.adapters.Import(t.Context(), out, app.AdapterImport{Model: "other"})
	wantError(t, err, "error.adapter.base", core.ErrUnsupported)
	_, err = c.chat.Ask(t.Context(), "Where?", app.AskOptions{Model: "other", Adapter: "one"}, nil, nil)
	wantError(t, err, "error.adapter.base", core.ErrUnsupported)
	if err := os.Remove(filepath.Join(out, "lineage.json")); err != nil {
		t.Fatal(err)
	}
	c.model("wide", `{"model_type":"gpt_neox","num_hidden_layers":1,"hidden_size":8,"intermediate_size":32}`)
	_, err = c.adapters.Import(t.Context(), out, app.AdapterImport{Model: "wide"})
	wantError(t, err, "error.lora.model", core.ErrCorrupt)
	_, err = c.adapters.Import(t.Context(), c.dir, app.AdapterImport{})
	wantError(t, err, "error.lora.folder", core.ErrNotFound)
	if all, err := c.adapters.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("what was refused is there: %+v, %v", all, err)
	}
	config := filepath.Join(c.dir, "bundled", "starter", "config.json")
	if err := os.WriteFile(config, []byte(`{"model_type":"gpt_neox","num_hidden_layers":1,"hidden_size":4,"intermediate_size":18}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.models.Engine.Release()
	a, err := c.chat.Ask(t.Context(), "How many days of paid leave does an employee have?", app.AskOptions{}, nil, nil)
	if err != nil || a.Adapter != "" || a.Refused {
		t.Errorf("the default of the earlier base: %+v, %v", a, err)
	}
	if info, err := c.adapters.Find(t.Context(), x.Adapter); err != nil || info.Fits {
		t.Errorf("it fits: %+v, %v", info, err)
	}
	_, err = c.adapters.Use(t.Context(), "one")
	wantError(t, err, "error.adapter.base", core.ErrUnsupported)
}

// TestRemovedAdapterIsGone: its folder, what is known of it, and that a model answers with it.
func TestRemovedAdapterIsGone(t *testing.T) {
	c := newCourse(t)
	x := c.train("one")
	if _, err := c.adapters.Use(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	docs, err := c.library.List(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	if q, err := c.Quoting(t.Context(), docs[0].ID); err != nil || len(q.Adapters) != 1 || q.Adapters[0].ID != x.Adapter {
		t.Errorf("who learned from the document: %+v, %v", q.Adapters, err)
	}
	if q, err := c.Quoting(t.Context(), "another"); err != nil || len(q.Adapters) != 0 {
		t.Errorf("who learned from another one: %+v, %v", q.Adapters, err)
	}
	wider := quick()
	wider.Rank++
	other, err := c.training.Create(t.Context(), app.TrainingPlan{Name: "other", Settings: wider})
	if err == nil {
		other, err = c.training.Run(t.Context(), other.ID, nil)
	}
	if err != nil || other.Adapter == x.Adapter {
		t.Fatalf("another adapter: %+v, %v", other, err)
	}
	if err := c.adapters.Remove(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.adapters.Default(t.Context(), ""); ok {
		t.Error("it is the default")
	}
	// Its weights are gone from its run, which is remembered; those of another run stay.
	for _, name := range []string{"checkpoints", "adapter"} {
		if _, err := os.Stat(filepath.Join(c.training.Folder(x.ID), name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of the removed adapter: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(c.training.Folder(other.ID), name)); err != nil {
			t.Errorf("%s of another one: %v", name, err)
		}
	}
	if points, err := c.training.Losses(t.Context(), x.ID); err != nil || len(points) == 0 {
		t.Errorf("losses of its run: %v, %v", points, err)
	}
	if err := c.adapters.Remove(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(c.adapters.Dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	_, err = c.adapters.Find(t.Context(), "one")
	wantError(t, err, "error.adapter.unknown", core.ErrNotFound)
	if a, err := c.chat.Ask(t.Context(), "How many days of paid leave does an employee have?", app.AskOptions{}, nil, nil); err != nil || !strings.Contains(a.Text, "twenty") {
		t.Errorf("%+v, %v", a, err)
	}
	for _, name := range []string{".import-1", ".removed-2"} {
		if err := os.MkdirAll(filepath.Join(c.adapters.Dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.adapters.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(c.adapters.Dir); len(entries) != 0 {
		t.Errorf("not swept: %v", entries)
	}
}
