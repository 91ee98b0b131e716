//go:build torch || window

package kakoi

// From documents to an adapter, with the programs in bin/ and the real models, small.

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
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
		"--learning-rate", "2e-4", "--warmup-steps", "1", "--eval-steps", "2", "--dropout", "0.05",
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
