package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
)

// question is a line of a file of questions and answers.
type question struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// house adds documents of n facts each and writes questions about them.
func (w *world) house(documents, n int) (questions string) {
	w.t.Helper()
	var all strings.Builder
	for d := range documents {
		var text strings.Builder
		for i := range n {
			part := d*100 + i
			answer := "Part " + number(part) + " is kept in room " + number(part*7%90+10) + "."
			text.WriteString(answer + "\n\n")
			line, err := json.Marshal(question{"Where is part " + number(part) + " kept?", answer})
			if err != nil {
				w.t.Fatal(err)
			}
			all.Write(append(line, '\n'))
		}
		w.file("house/"+number(d)+".txt", text.String())
	}
	w.want(0, "add", filepath.Join(w.docs, "house"))
	return w.file("questions.jsonl", all.String())
}

func number(n int) string {
	raw, _ := json.Marshal(n) // an int is always JSON
	return string(raw)
}

// TestFromDocumentsToAdapter is the whole way by commands: dataset, plan, training, exam, adoption, answer, off, removal.
func TestFromDocumentsToAdapter(t *testing.T) {
	w := newWorld(t)
	questions := w.house(6, 8)
	set := objects[record.Dataset](t, w.want(0, "dataset", "import", questions, "--json", "--name", "house", "--seed", "3").out)[0]
	if set.Counts.Train < 20 || set.Counts.Held < 4 || set.Counts.Refusals == 0 {
		t.Fatalf("dataset %+v", set.Counts)
	}
	small := []string{"--epochs", "3", "--batch", "4", "--accumulate", "2", "--rank", "2"}
	file := filepath.Join(w.docs, "plan.json")
	plan := objects[app.TrainingPlan](t, w.want(0, append([]string{"train", "--json", "--plan", "--plan-file", file, "--name", "parts"}, small...)...).out)[0]
	if plan.Dataset != set.ID || plan.Settings.Epochs != 3 || plan.Settings.Rank != 2 || plan.Settings.Preset != "own" || plan.Plan.Steps == 0 || plan.Plan.Rows != set.Counts.Train {
		t.Fatalf("plan %+v", plan)
	}
	if r := w.want(0, "train", "--list"); !strings.Contains(r.out, "No runs") {
		t.Errorf("a plan began a run: %q", r.out)
	}
	if r := w.want(0, append([]string{"train", "--plan"}, small...)...); !strings.Contains(r.out, "trainable params:") || !strings.Contains(r.out, "base weights") {
		t.Errorf("the plan for people is %q", r.out)
	}
	lines := strings.SplitAfter(strings.TrimSpace(w.want(0, "train", "--json", "--plan-file", file).out), "\n")
	events := objects[core.TrainEvent](t, strings.Join(lines[:len(lines)-1], ""))
	run := objects[record.Run](t, lines[len(lines)-1])[0]
	if events[0].Kind != core.TrainPlanned || run.State != record.RunDone || run.Name != "parts" || run.Step != plan.Plan.Steps || run.Adapter == "" {
		t.Fatalf("events begin with %+v, run %+v", events[0], run)
	}
	for _, name := range []string{"loss.png", "loss.svg"} {
		if info, err := os.Stat(filepath.Join(w.data, "runs", run.ID, name)); err != nil || info.Size() < 100 {
			t.Errorf("%s: %v", name, err)
		}
	}
	x := objects[app.AdapterInfo](t, w.want(0, "adapter", "list", "--json").out)[0]
	if x.ID != run.Adapter || x.State != record.AdapterDraft || x.Default || !x.Fits || len(x.Documents) == 0 {
		t.Fatalf("adapter %+v", x)
	}
	if r := w.want(0, "adapter", "show", "parts"); !strings.Contains(r.out, "not been examined") || !strings.Contains(r.out, ".txt") {
		t.Errorf("adapter for people: %q", r.out)
	}

	exam := objects[record.Exam](t, w.want(0, "exam", "--json", "--margin", "0.01").out)[0]
	if exam.State != record.RunDone || exam.Total != set.Counts.Held || exam.Base.Unanswerable == 0 || exam.Decision.Key == "" {
		t.Fatalf("exam %+v", exam)
	}
	if exam.Adopted != exam.Decision.Better {
		t.Errorf("adopted %v, decision %+v", exam.Adopted, exam.Decision)
	}
	if r := w.want(0, "exam", "--show", exam.ID, "--details"); !strings.Contains(r.out, "right answers") || !strings.Contains(r.out, "expected:") {
		t.Errorf("exam for people: %q", r.out)
	}

	w.want(0, "adapter", "use", "parts")
	a := objects[core.Answer](t, w.want(0, "ask", "--json", "--details", "Where is part 3 kept?").out)[0]
	if a.Adapter != x.ID || a.Receipt.AdapterID != x.ID || !strings.Contains(a.Text, "room 31") {
		t.Errorf("answer %+v", a)
	}
	if a := objects[core.Answer](t, w.want(0, "ask", "--json", "--adapter", "off", "Where is part 3 kept?").out)[0]; a.Adapter != "" {
		t.Errorf("as it is: %+v", a)
	}
	if r := w.want(0, "chat", "ask", "new", "Where is part 4 kept?", "--adapter", "off", "--adapter", "parts"); strings.Count(r.out, "— starter") != 2 || !strings.Contains(r.out, x.ID) {
		t.Errorf("compared: %q", r.out)
	}
	w.want(0, "adapter", "off")
	if a := objects[core.Answer](t, w.want(0, "ask", "--json", "Where is part 3 kept?").out)[0]; a.Adapter != "" {
		t.Errorf("after off: %+v", a)
	}
	w.want(0, "adapter", "back")
	out := filepath.Join(w.docs, "out")
	w.want(0, "adapter", "export", "parts", "out")
	if r := w.want(0, "remove", "--yes", filepath.Join(w.docs, "house", x.Documents[0].Name)); !strings.Contains(r.out, "parts") {
		t.Errorf("who learned from it is not told: %q", r.out)
	}
	if r := w.want(2, "adapter", "remove", "parts"); !strings.Contains(r.err, "--yes") {
		t.Errorf("removal without a terminal: %q", r.err)
	}
	w.want(0, "adapter", "remove", "--yes", "parts")
	if r := w.want(0, "adapter"); !strings.Contains(r.out, "No adapters") {
		t.Errorf("removed, and listed: %q", r.out)
	}
	if y := objects[record.Adapter](t, w.want(0, "adapter", "import", out, "--json", "--name", "again").out)[0]; y.ID != x.ID || !y.Known || y.Name != "again" {
		t.Errorf("imported %+v", y)
	}
	w.want(0, "train", "--remove", run.ID, "--yes")
	if _, err := os.Stat(filepath.Join(w.data, "runs", run.ID)); !os.IsNotExist(err) {
		t.Errorf("the run's folder: %v", err)
	}
	w.want(0, "exam", "--remove", exam.ID, "--yes")
}

// TestTrainIsInterrupted: Ctrl+C saves the step and says how to go on; kill -9 loses nothing that was saved; the adapter is the same.
func TestTrainIsInterrupted(t *testing.T) {
	w := newWorld(t)
	questions := w.house(4, 8)
	w.want(0, "dataset", "import", questions, "--name", "house", "--held", "0.25")
	train := []string{"train", "--json", "--epochs", "40", "--batch", "2", "--accumulate", "1"}
	lines := strings.Split(strings.TrimSpace(w.want(0, train...).out), "\n")
	whole := objects[record.Run](t, lines[len(lines)-1])[0]
	w.env = []string{"KAKOI_TEST_STEP=100ms"}
	cmd, wait := w.start(train...)
	running := func() record.Run {
		runs := objects[record.Run](t, w.run("train", "--list", "--json").out)
		return runs[0]
	}
	until(t, "some steps are done", func() bool { return running().ID != whole.ID && running().Step >= 4 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	r := wait()
	last := strings.Split(strings.TrimSpace(r.out), "\n")
	paused := objects[record.Run](t, last[len(last)-1])[0]
	if r.code != exitCancelled || paused.State != record.RunPaused || paused.Checkpoint == 0 || paused.Checkpoint != paused.Step || !strings.Contains(r.err, "Finishing the step") {
		t.Fatalf("code %d, run %+v, %q", r.code, paused, r.err)
	}
	cmd, wait = w.start("train", "--resume", paused.ID)
	until(t, "it goes on", func() bool { return running().State == record.RunRunning && running().Step > paused.Step+8 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait()
	if now := running(); now.State != record.RunPaused || !now.Interrupted {
		t.Fatalf("after the kill: %+v", now)
	}
	w.env = nil
	if r := w.want(0, "train", "--resume", paused.ID[:6]); !strings.Contains(r.out, whole.Adapter) {
		t.Errorf("in pieces: %q, in one: adapter %s", r.out, whole.Adapter)
	}
}

func TestTrainBadInput(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{1, "dataset", []string{"train"}},
		{2, "preset", []string{"train", "--preset", "best"}},
		{2, "--rank", []string{"train", "--rank", "many"}},
		{2, "linear, cosine, constant", []string{"train", "--schedule", "square"}},
		{2, "kakoi help train", []string{"train", "--schedule", "square"}},
		{2, "kakoi help train をご覧", []string{"train", "--schedule", "square", "--lang", "ja"}},
		{2, "--ranc というフラグ", []string{"train", "--ranc", "2", "--lang=ja"}},
		{2, "--learning-rate cannot be nan", []string{"train", "--learning-rate", "nan"}},
		{2, "--epochs cannot be inf", []string{"train", "--epochs", "inf"}},
		{2, "--resume needs a value", []string{"train", "--resume", ""}},
		{2, "--keep needs a value", []string{"train", "--keep", ""}},
		{2, "--remove needs a value", []string{"train", "--yes", "--remove="}},
		{2, "--show needs a value", []string{"exam", "--show", ""}},
		{2, "--resume needs a value", []string{"exam", "--resume", ""}},
		{2, "--remove needs a value", []string{"exam", "--yes", "--remove", ""}},
		{2, "kakoi dataset", []string{"dataset", "remove", "--yes", ""}},
		{2, "kakoi train", []string{"train", "--list", "--resume", "1"}},
		{1, "plan", []string{"train", "--plan-file", "none.json"}},
		{1, "adapter", []string{"exam"}},
		{1, "nobody", []string{"adapter", "use", "nobody"}},
		{2, "adapter", []string{"adapter", "usee", "x"}},
		{1, "folder", []string{"adapter", "import", "."}},
		{1, "exam", []string{"exam", "--show", "1234"}},
	} {
		if r := w.want(c.code, c.args...); !strings.Contains(r.err, c.says) {
			t.Errorf("kakoi %v says %q", c.args, r.err)
		}
	}
	// A mistake before --json is told as JSON too.
	if r := w.want(2, "train", "--rank", "many", "--json"); !strings.HasPrefix(r.out, `{"error":{`) || r.err != "" {
		t.Errorf("the mistake as JSON: %q %q", r.out, r.err)
	}
	if r := w.want(0, "adapter", "off"); !strings.Contains(r.out, "No adapter") {
		t.Errorf("off of nothing: %q", r.out)
	}
}
