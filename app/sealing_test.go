package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/vault"
	"kakoi/resources"
)

// testKey is a key of files that all processes of a test have.
func testKey(t testing.TB, text string) *vault.Key {
	t.Helper()
	k, err := vault.FromFiles(bytes.Repeat([]byte(text), 12))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// filesOf are the files of the folders that are encrypted with a data folder, as they stand on the disk, by their paths below it.
func filesOf(t testing.TB, data string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, item := range []string{"adapters", "runs", "prompts", "logs", "repaired.json"} {
		err := filepath.WalkDir(filepath.Join(data, item), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(data, path)
			if err != nil {
				return err
			}
			all[rel], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// textOf is what a file says, under a key or none.
func textOf(t testing.TB, key *vault.Key, data, name string) []byte {
	t.Helper()
	read := key.ReadFile
	if strings.HasPrefix(name, "logs"+string(filepath.Separator)) {
		read = key.ReadAppended
	}
	text, err := read(filepath.Join(data, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFilesUnderKey: adapters, runs, prompts, logs and what a repair had to tell are encrypted after the turn, serve as before, go out plain, and are as they were after the
// turn back.
func TestFilesUnderKey(t *testing.T) {
	c := newCourse(t)
	one := c.train("one")
	const question = "Where does the employee park each night?"
	prompts := app.Prompts{Dir: filepath.Join(c.dir, "prompts"), Shipped: resources.Prompts}
	const mine = "# refusal: Zinnoberrot.\n{question}\n{context}\nanswer:"
	keep := app.Keep{Data: c.dir}
	log := filepath.Join(c.dir, "logs", "kakoi.log")
	if err := errors.Join(prompts.Save("en", mine), keep.Note(app.RepairNotice{Places: 1, Names: []string{"Zinnoberrot.txt"}, Lost: []app.Failure{}}),
		os.Mkdir(filepath.Dir(log), 0o700), os.WriteFile(log, []byte("first Zinnoberrot\nsecond\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(c.dir, "runs", one.ID, "losses.csv.part")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := filesOf(t, c.dir)
	delete(before, filepath.Join("runs", one.ID, "losses.csv.part"))
	if len(before) < 8 {
		t.Fatalf("only %d files", len(before))
	}

	key, sealed := testKey(t, "one "), app.Sealed{Data: c.dir}
	var told core.Update
	if err := sealed.EncryptFiles(t.Context(), key, func(u core.Update) { told = u }); err != nil {
		t.Fatal(err)
	}
	if told.Stage != "encrypt" || told.Done != told.Total || told.Total == 0 {
		t.Errorf("told %+v", told)
	}
	if _, there, err := sealed.Waiting(); there || err != nil {
		t.Errorf("the mark stays: %v", err)
	}
	after := filesOf(t, c.dir)
	if len(after) != len(before) {
		t.Errorf("%d files, were %d", len(after), len(before))
	}
	for name, raw := range after {
		for _, word := range []string{"Zinnoberrot", "house", "lora_A", "query_key_value", "svg"} {
			if bytes.Contains(raw, []byte(word)) {
				t.Errorf("%s says %q", name, word)
			}
		}
		if got := textOf(t, key, c.dir, name); !bytes.Equal(got, before[name]) {
			t.Errorf("%s is of %d bytes, was of %d", name, len(got), len(before[name]))
		}
	}
	if err := sealed.EncryptFiles(t.Context(), testKey(t, "two "), nil); !errors.Is(err, vault.ErrOther) {
		t.Errorf("under another key: %v", err)
	}
	if err := sealed.EncryptFiles(t.Context(), key, nil); err != nil {
		t.Errorf("a second time: %v", err)
	}
	for name, raw := range filesOf(t, c.dir) {
		if !bytes.Equal(raw, after[name]) {
			t.Errorf("%s was written again", name)
		}
	}

	c.adapters.Key, c.training.Key, c.client.Key, prompts.Key, keep.Key = key, key, key, key, key
	if text, own, err := prompts.Text("en"); err != nil || !own || text != mine {
		t.Errorf("prompt %q, own %v, %v", text, own, err)
	}
	if raw, err := fs.ReadFile(prompts.Layers()[0], "en.tmpl"); err != nil || string(raw) != mine {
		t.Errorf("the chat reads %q, %v", raw, err)
	}
	if _, err := fs.ReadFile(prompts.Layers()[0], "ja.tmpl"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without an own one: %v", err)
	}
	if n, there, err := keep.Notice(); err != nil || !there || len(n.Names) != 1 {
		t.Errorf("notice %+v, %v", n, err)
	}
	if a, err := c.chat.Ask(t.Context(), question, app.AskOptions{Adapter: "one"}, nil, nil); err != nil || !a.Refused {
		t.Errorf("asked with the adapter: %+v, %v", a, err)
	}
	other := quick()
	other.Rank = 3 // the same rows and settings give the same adapter
	made, err := c.training.Create(t.Context(), app.TrainingPlan{Name: "two", Settings: other})
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.training.Run(t.Context(), made.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if _, err := c.adapters.Export(t.Context(), "two", out); err != nil {
		t.Fatal(err)
	}
	if a, err := lora.Read(out); err != nil || a.ID != two.Adapter {
		t.Errorf("exported: %+v, %v", a, err)
	}
	if err := c.adapters.Remove(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	if back, err := c.adapters.Import(t.Context(), out, app.AdapterImport{Name: "again"}); err != nil || back.ID != two.Adapter || back.Run != two.ID {
		t.Errorf("imported: %+v, %v", back, err)
	}
	for name := range filesOf(t, c.dir) {
		if enc, err := vault.Encrypted(filepath.Join(c.dir, name)); err != nil || !enc {
			t.Errorf("%s is plain, %v", name, err)
		}
	}

	if err := sealed.DecryptFiles(t.Context(), key, nil); err != nil {
		t.Fatal(err)
	}
	if to, there, err := sealed.Waiting(); to != app.SealingOff || !there || err != nil {
		t.Errorf("mark %q, %v", to, err)
	}
	plain := filesOf(t, c.dir)
	for name, raw := range before {
		if !bytes.Equal(plain[name], raw) {
			t.Errorf("%s is of %d bytes, was of %d", name, len(plain[name]), len(raw))
		}
	}
	c.adapters.Key, c.training.Key, c.client.Key = nil, nil, nil
	if a, err := c.chat.Ask(t.Context(), question, app.AskOptions{Adapter: "one"}, nil, nil); err != nil || !a.Refused {
		t.Errorf("asked again: %+v, %v", a, err)
	}
}

// sealWord makes the test's program turn the files of the folder after it, and say so.
const sealWord = "KAKOI_TEST_SEAL"

// sealFiles is that program.
func sealFiles(data, to string) error {
	key, err := vault.FromFiles(bytes.Repeat([]byte("one "), 12))
	if err != nil {
		return err
	}
	turn := app.Sealed{Data: data}.EncryptFiles
	if to == app.SealingOff {
		turn = app.Sealed{Data: data}.DecryptFiles
	}
	return turn(context.Background(), key, func(u core.Update) { fmt.Println(u.Done) })
}

// TestKilledTurn kills the turn to encrypted files and back at random moments: what there is can be read at any moment, the next try finishes, and no half file and no plain
// copy stays.
func TestKilledTurn(t *testing.T) {
	data, key := t.TempDir(), testKey(t, "one ")
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
	want := map[string][]byte{}
	for i := range 24 {
		name := filepath.Join([]string{"adapters/0011223344556677", "runs/0011223344556677/checkpoints", "logs", "prompts"}[i%4], fmt.Sprintf("f%d.log", i))
		text := bytes.Repeat([]byte(fmt.Sprintf("Zinnoberrot %d of a line\n", i)), 1+r.IntN(40000))
		want[name] = text
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(data, name)), 0o700), os.WriteFile(filepath.Join(data, name), text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	turn := func(to string, kill time.Duration) bool {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), sealWord+"="+to+":"+data)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if kill > 0 {
			defer time.AfterFunc(kill, func() { _ = cmd.Process.Kill() }).Stop()
		}
		err := cmd.Wait()
		if err != nil && kill == 0 {
			t.Fatal(err)
		}
		return err != nil
	}
	killed := 0
	for round := range 16 {
		to := []string{app.SealingOn, app.SealingOff}[r.IntN(2)]
		if turn(to, time.Duration(10+r.IntN(120))*time.Millisecond) {
			killed++
		}
		for name, text := range want {
			enc, err := vault.Encrypted(filepath.Join(data, name))
			if err != nil {
				t.Fatal(err)
			}
			var k *vault.Key
			if enc {
				k = key
			}
			if got := textOf(t, k, data, name); !bytes.Equal(got, text) {
				t.Fatalf("round %d: %s is of %d bytes, was of %d", round, name, len(got), len(text))
			}
		}
	}
	t.Logf("%d of 16 killed", killed)
	turn(app.SealingOn, 0)
	if _, there, err := (app.Sealed{Data: data}).Waiting(); there || err != nil {
		t.Errorf("the mark stays: %v", err)
	}
	all := filesOf(t, data)
	if len(all) != len(want) {
		t.Errorf("%d files, want %d", len(all), len(want))
	}
	for name, raw := range all {
		if bytes.Contains(raw, []byte("Zinnoberrot")) {
			t.Errorf("%s is plain", name)
		}
	}
	if err := (app.Sealed{Data: data}).DecryptFiles(t.Context(), key, nil); err != nil {
		t.Fatal(err)
	}
	if all := filesOf(t, data); len(all) != len(want) {
		t.Errorf("%d files, want %d", len(all), len(want))
	} else {
		for name, text := range want {
			if !bytes.Equal(all[name], text) {
				t.Errorf("%s is of %d bytes, was of %d", name, len(all[name]), len(text))
			}
		}
	}
}

// TestFreshTemporary: what a killed process left goes, what the engine keeps stays, and temporary files are made inside from then on.
func TestFreshTemporary(t *testing.T) {
	data := t.TempDir()
	t.Setenv("TMPDIR", "/nowhere")
	own := filepath.Join(data, "cache", "engine")
	for _, name := range []string{filepath.Join(app.TemporaryDir(data), "kakoi-ocr-1", "page"), filepath.Join(own, "kakoi", "kernels", "x.cubin"), filepath.Join(own, "pymp-1", "x"), filepath.Join(own, "loose")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.FreshTemporary(data); err != nil {
		t.Fatal(err)
	}
	made, err := os.MkdirTemp("", "x")
	if err != nil || filepath.Dir(made) != app.TemporaryDir(data) {
		t.Errorf("made %s, %v", made, err)
	}
	for dir, want := range map[string]int{app.TemporaryDir(data): 1, own: 1, filepath.Join(own, "kakoi", "kernels"): 1} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("in %s are %v, %v", dir, entries, err)
		}
	}
}
