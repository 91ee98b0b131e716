//go:build torch || window

package kakoi

// A library under a passphrase, from its first document to an adapter, with the programs in bin/ and the real models.

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/index/store/storetest"
)

// secrets are looked for in every file and name below a folder, as they may be written there.
type secrets map[string][][]byte

func (s secrets) plant(t *testing.T, word string) string {
	t.Helper()
	if len(word) < 9 {
		t.Fatal("too short to be told from noise")
	}
	all := [][]byte{[]byte(strings.ToLower(word))}
	for _, w := range storetest.Writings(t, word) {
		all = append(all, w)
	}
	s[word] = all
	return word
}

// found are the words that stand somewhere below the folders, each once, with where.
func (s secrets) found(t *testing.T, places ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, place := range places {
		err := filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			data := []byte(d.Name() + "\n")
			if d.Type().IsRegular() {
				content, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				data = append(data, content...)
			}
			for word, writings := range s {
				if slices.ContainsFunc(writings, func(w []byte) bool { return bytes.Contains(data, w) }) {
					out[word] = path
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestPassphraseFromDocumentsToAdapter: what was read, asked, taught and learned under a passphrase is nowhere on the disk to be read, but in what
// a person exports, and all of it works as without one.
func TestPassphraseFromDocumentsToAdapter(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "data"), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pass, wrong := file("pass", "seven grey cats\n"), file("wrong", "seven grey dogs\n")
	words := secrets{}
	under := func(args ...string) string {
		t.Helper()
		return must(t, data, append([]string{"--unlock-file", pass}, args...)...)
	}

	// Without a passphrase a word of a document stands in the folder: the look finds what is there.
	before := secrets{}
	must(t, data, "add", file("plain.txt", "The code of the east gate is "+before.plant(t, "Qolvexandrit")+".\n"))
	if got := before.found(t, data); len(got) != 1 {
		t.Fatalf("a word of a plain library is not found: %v", got)
	}
	must(t, data, "passphrase", "set", "--yes", "--passphrase-file", pass)
	if got := before.found(t, data); len(got) != 0 {
		t.Errorf("encrypted later, to be read: %v", got)
	}

	code := words.plant(t, "Brezmontukal")
	under("add", file(words.plant(t, "鶴見川帳簿")+".txt", "The code of the west gate is "+code+". It is changed every Monday.\n"), "resources/samples/経費精算の手引き.txt")
	question := "What is the code of the " + words.plant(t, "west gate") + "?"
	out, errs, exit := kakoi(t, data, "--unlock-file", wrong, "ask", question)
	if exit == 0 || out != "" || !strings.Contains(errs, "not the passphrase") {
		t.Errorf("with a wrong passphrase: exit %d\n%s%s", exit, out, errs)
	}
	answer := lines[record.Turn](t, under("--json", "chat", "ask", "new", question))[0].Answers[0].Answer
	if answer.Refused || !strings.Contains(answer.Text, code) || len(answer.Citations) == 0 {
		t.Errorf("%s\nanswered %+v, want %s", question, answer, code)
	}

	rows := ""
	thing := words.plant(t, "Tuvalkiprond")
	for i := range 12 {
		rows += fmt.Sprintf("{\"question\":\"Where is part %d of %s?\",\"answer\":\"In room %d.\"}\n", i, thing, i*7)
	}
	under("dataset", "import", file("rows.jsonl", rows), "--name", words.plant(t, "Mordwexel set"), "--seed", "3")
	r := run(t, under("--json", "train", "--epochs", "1", "--batch", "4", "--rank", "2", "--max-tokens", "400", "--name", words.plant(t, "Zelkuvarno run")))
	if r.State != record.RunDone || r.Adapter == "" {
		t.Fatalf("run %+v", r)
	}
	words.plant(t, "lora_A.weight") // of the weights' own names
	under("log")

	exports := filepath.Join(dir, "exports")
	if err := os.Mkdir(exports, 0o700); err != nil {
		t.Fatal(err)
	}
	seal := file("seal", "twelve green bottles\n")
	capsule, backup := filepath.Join(exports, "all.kakoi-capsule"), filepath.Join(exports, "library.kakoi-backup")
	under("capsule", "export", "--passphrase-file", seal, capsule)
	under("backup", backup)
	if got := words.found(t, data, exports); len(got) != 0 {
		t.Errorf("to be read: %v", got)
	}
	plain := t.TempDir()
	under("dataset", "export", filepath.Join(plain, "rows.jsonl"))
	under("adapter", "export", "Zelkuvarno run", filepath.Join(plain, "adapter"))
	if got := words.found(t, plain); got[thing] == "" || got["lora_A.weight"] == "" {
		t.Errorf("what a person exports: %v", got)
	}

	// Elsewhere the capsule gives the same answer without the model reading anything again.
	elsewhere := filepath.Join(t.TempDir(), "data")
	must(t, elsewhere, "capsule", "import", "--passphrase-file", seal, capsule)
	if got := ask(t, elsewhere, question); got.Text != answer.Text {
		t.Errorf("from the capsule the answer is %q, before %q", got.Text, answer.Text)
	}
	if x := lines[app.AdapterInfo](t, must(t, elsewhere, "--json", "adapter", "list")); len(x) != 1 || x[0].ID != r.Adapter {
		t.Errorf("adapters of the capsule: %+v, want %s", x, r.Adapter)
	}
	if all := lines[core.Document](t, must(t, elsewhere, "--json", "list")); len(all) != 3 {
		t.Errorf("%d documents in the capsule", len(all))
	}
}
