//go:build torch || window

package kakoi

// From documents to an adapter, with the programs in bin/ and the real models, small.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/core/weights"
)

// training is a run of bin/kakoi train in the background.
func training(t *testing.T, data string, args ...string) (cmd *exec.Cmd, said *bytes.Buffer) {
	t.Helper()
	program, err := filepath.Abs("bin/kakoi")
	if err != nil {
		t.Fatal(err)
	}
	cmd, said = exec.Command(program, append([]string{"--data", data, "--lang", "en", "--json", "train"}, args...)...), &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make build comes first)", err)
	}
	return cmd, said
}

// run is what the last line of a training's JSON says.
func run(t *testing.T, out string) record.Run {
	t.Helper()
	all := strings.Split(strings.TrimSpace(out), "\n")
	var r record.Run
	if err := json.Unmarshal([]byte(all[len(all)-1]), &r); err != nil || r.ID == "" {
		t.Fatalf("no run: %v in %s", err, out)
	}
	return r
}

// reached waits until the newest run runs and has done so many steps.
func reached(t *testing.T, data string, step int) record.Run {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if runs := must(t, data, "--json", "train", "--list"); runs != "" {
			if r := lines[record.Run](t, runs)[0]; r.State == record.RunRunning && r.Step >= step {
				return r
			}
		}
	}
	t.Fatalf("step %d is never reached", step)
	return record.Run{}
}

func TestFromDocumentsToAdapter(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	must(t, data, "add", "resources/samples")
	const question = "始業時刻を教えてください。"
	before := ask(t, data, question)
	set := lines[record.Dataset](t, must(t, data, "--json", "dataset", "build", "--rows", "28", "--seed", "5"))[0]
	if set.Counts.Train < 12 || set.Counts.Held == 0 || set.Counts.Refusals == 0 {
		t.Fatalf("dataset %+v", set.Counts)
	}
	args := []string{
		"--epochs", "1", "--batch", "4", "--accumulate", "1", "--packing=false", "--max-tokens", "400", "--rank", "4", "--targets", "query_key_value",
		"--learning-rate", "2e-4", "--warmup-steps", "1", "--eval-steps", "2", "--dropout", "0.05", "--best",
	}

	// One run in a piece. Meanwhile the chat answers on the same weights, and as before.
	cmd, said := training(t, data, append(args, "--name", "whole")...)
	reached(t, data, 1)
	if during := ask(t, data, question); during.Text != before.Text || during.Adapter != "" {
		t.Errorf("while it trains the model answers %q, before %q", during.Text, before.Text)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	whole := run(t, said.String())
	if whole.State != record.RunDone || whole.Step != whole.Steps || whole.Steps < 3 || whole.Adapter == "" || whole.BestStep == 0 || whole.Peak == 0 {
		t.Fatalf("run %+v", whole)
	}
	for _, name := range []string{"losses.csv", "loss.png", "loss.svg"} {
		if info, err := os.Stat(filepath.Join(data, "runs", whole.ID, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}

	// The same in pieces: killed after its first checkpoint, and gone on with. The adapter's weights are the same, bit for bit.
	cmd, said = training(t, data, append(args, "--name", "pieces")...)
	r := reached(t, data, 3)
	if r.Name != "pieces" || r.Checkpoint == 0 {
		t.Fatalf("run %+v", r)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if killed := lines[record.Run](t, must(t, data, "--json", "train", "--list"))[0]; killed.State != record.RunPaused || !killed.Interrupted {
		t.Fatalf("after the kill %+v", killed)
	}
	pieces := run(t, must(t, data, "--json", "train", "--resume", r.ID))
	if pieces.State != record.RunDone || pieces.Adapter != whole.Adapter || pieces.BestLoss != whole.BestLoss {
		t.Errorf("in pieces %s with loss %v, in one %s with %v", pieces.Adapter, pieces.BestLoss, whole.Adapter, whole.BestLoss)
	}

	exam := lines[record.Exam](t, must(t, data, "--json", "exam", "--draft", "--limit", "4"))[0]
	if exam.State != record.RunDone || exam.Done != min(4, set.Counts.Held) || exam.Decision.Key == "" || exam.Base.Answerable+exam.Base.Unanswerable != exam.Done {
		t.Errorf("exam %+v", exam)
	}
	x := lines[app.AdapterInfo](t, must(t, data, "--json", "adapter", "list"))[0]
	if x.ID != whole.Adapter || x.Default || x.State != record.AdapterDraft || x.Exam != exam.ID || !x.Fits || x.Why == nil || len(x.Documents) == 0 {
		t.Fatalf("adapter %+v", x)
	}

	must(t, data, "adapter", "use", "whole")
	adapted := lines[core.Answer](t, must(t, data, "--json", "ask", "--details", question))[0]
	if adapted.Adapter != whole.Adapter || adapted.Receipt == nil || adapted.Receipt.AdapterID != whole.Adapter || adapted.Text == "" {
		t.Errorf("with the adapter: %+v", adapted)
	}
	turn := lines[record.Turn](t, must(t, data, "--json", "chat", "ask", "new", question, "--adapter", "off", "--adapter", "whole", "--details"))[0]
	if len(turn.Answers) != 2 || turn.Answers[0].Answer.Text != before.Text || turn.Answers[1].Answer.Text != adapted.Text || turn.Answers[1].Answer.Receipt.AdapterID != whole.Adapter {
		t.Errorf("compared: %+v", turn.Answers)
	}
	must(t, data, "adapter", "off")
	if after := ask(t, data, question); after.Text != before.Text || after.Adapter != "" {
		t.Errorf("taken off, the model answers %q, before %q", after.Text, before.Text)
	}
	out := filepath.Join(t.TempDir(), "out")
	must(t, data, "adapter", "export", "whole", out)
	if told := must(t, data, "remove", "--yes", x.Documents[0].Name); !strings.Contains(told, "whole") {
		t.Errorf("who learned from it is not told: %s", told)
	}
	must(t, data, "adapter", "remove", "--yes", "whole")
	if _, err := os.Stat(filepath.Join(data, "adapters", whole.Adapter)); !os.IsNotExist(err) {
		t.Errorf("the removed adapter's folder: %v", err)
	}
	if x := lines[record.Adapter](t, must(t, data, "--json", "adapter", "import", out))[0]; x.ID != whole.Adapter || !x.Known {
		t.Errorf("imported again: %+v", x)
	}
}

// pairs are prompts with answers that the model has never heard of, and that a few steps teach it.
func pairs() string {
	text := "inputs,labels\n"
	for _, what := range []string{"営業時間", "席の数", "定食の価格", "駐車台数", "来客用区画", "申込先", "会議室の定員", "予約の締切", "鍵の場所", "名刺の納期", "貸出期間", "受付の場所"} {
		text += fmt.Sprintf("\"ユーザー:%sについて\nシステム:\",%sは、担当部署へお問い合わせください。\n", what, what)
	}
	return text
}

// TestExamPutsABetterAdapterToWork: an adapter that is better by the margin answers from now on, without a further word, and one command takes
// it back.
func TestExamPutsABetterAdapterToWork(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	file := filepath.Join(t.TempDir(), "pairs.csv")
	if err := os.WriteFile(file, []byte(pairs()), 0o600); err != nil {
		t.Fatal(err)
	}
	set := lines[record.Dataset](t, must(t, data, "--json", "dataset", "import", file, "--held", "0.4"))[0]
	if set.Counts.Held < 4 || set.Counts.Train < 6 {
		t.Fatalf("dataset %+v", set.Counts)
	}
	r := run(t, must(t, data, "--json", "train", "--preset", "Recommended", "--epochs", "8", "--batch", "4", "--accumulate", "1", "--warmup-steps", "1",
		"--learning-rate", "2e-3", "--eval-steps", "16", "--patience", "0", "--rank", "8"))
	if r.State != record.RunDone || r.HeldLoss > 0.5 {
		t.Fatalf("run %+v", r)
	}
	draft := lines[app.AdapterInfo](t, must(t, data, "--json", "adapter", "list"))[0]
	if draft.State != record.AdapterDraft || draft.Default || draft.Why == nil || draft.Why.Key != "adapter.why.unexamined" {
		t.Errorf("before its exam: %+v", draft)
	}
	e := lines[record.Exam](t, must(t, data, "--json", "exam"))[0]
	if !e.Decision.Better || !e.Adopted || e.Adapter != r.Adapter || e.Base.Right.N != 0 || e.Tuned.Right.N < e.Total-1 {
		t.Fatalf("exam %+v", e)
	}
	x := lines[app.AdapterInfo](t, must(t, data, "--json", "adapter", "list"))[0]
	if !x.Default || x.State != record.AdapterReady || x.Why != nil || x.Exam != e.ID {
		t.Errorf("after its exam: %+v", x)
	}
	must(t, data, "adapter", "off")
	if x = lines[app.AdapterInfo](t, must(t, data, "--json", "adapter", "list"))[0]; x.Default {
		t.Errorf("taken off: %+v", x)
	}
	must(t, data, "adapter", "remove", "--yes", r.Adapter)
	if left, err := filepath.Glob(filepath.Join(data, "runs", r.ID, "checkpoints", "*")); err != nil || len(left) != 0 {
		t.Errorf("checkpoints of the removed adapter: %v, %v", left, err)
	}
}

// TestWideModelDrafts: a chat model wide enough to draft questions is asked to. This one is noise: the self-check drops every draft and counts
// it, and the rules' questions remain. What was made for another model is told.
func TestWideModelDrafts(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "noise")
	pieces, err := os.ReadFile("resources/starter/spiece.model")
	if err != nil {
		t.Fatal(err)
	}
	err = weights.Generate(t.Context(), dir, weights.GenerateParams{
		Shape: weights.Shape{
			Model: "gpt_neox", Layers: 1, Hidden: 1024, Heads: 8, FFN: 2048, Vocab: 16384, MaxTokens: 2048, DType: weights.F16, RotaryPct: 1,
		},
		Layout: weights.Single, Seed: 1, Files: map[string][]byte{"spiece.model": pieces},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"防災マニュアル.txt", "経費精算の手引き.txt", "shipping-terms.txt"} {
		must(t, data, "add", filepath.Join("resources/samples", name))
	}
	build := []string{"--json", "dataset", "build", "--rows", "12", "--seed", "2"}
	by := lines[record.Dataset](t, must(t, data, append(build, "--name", "narrow")...))[0]
	if by.Settings.Drafter != "" || by.Counts.Origins[core.RowRule] == 0 {
		t.Errorf("by the starter model: %+v", by)
	}
	must(t, data, "model", "import", dir)
	must(t, data, "model", "use", "noise")
	if old := lines[record.Dataset](t, must(t, data, "--json", "dataset", "show", "narrow", "-n", "1"))[0]; !slices.Contains(old.Warnings, "dataset.warn.model") {
		t.Errorf("made for another model: %q", old.Warnings)
	}
	wide := lines[record.Dataset](t, must(t, data, append(build, "--name", "wide")...))[0]
	dropped := 0
	for _, left := range wide.Left {
		if left.Reason == string(dataset.LeftModel) {
			dropped = left.N
		}
	}
	if wide.Settings.Drafter != "noise" || dropped < 3 || wide.Counts.Origins[core.RowModel] != 0 || wide.Counts.Origins[core.RowRule] == 0 {
		t.Errorf("by noise: drafter %q, %d dropped, rows %v", wide.Settings.Drafter, dropped, wide.Counts.Origins)
	}
}
