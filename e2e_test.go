//go:build torch || window

package kakoi

// The main job as a person meets it, with the programs in bin/, the real models and the sample collection.

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/resources"
)

// kakoi runs bin/kakoi on the library in data and gives both outputs and the exit code.
func kakoi(t *testing.T, data string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	program, err := filepath.Abs("bin/kakoi")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"--data", data, "--lang", "en"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v (make build comes first)", err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func must(t *testing.T, data string, args ...string) string {
	t.Helper()
	out, errs, code := kakoi(t, data, args...)
	if code != 0 {
		t.Fatalf("kakoi %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

func lines[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("not JSON: %q: %v", line, err)
		}
		all = append(all, v)
	}
	return all
}

func ask(t *testing.T, data, question string) core.Answer {
	t.Helper()
	proof := filepath.Join(t.TempDir(), "answer.kakoi-receipt")
	out, errs, code := kakoi(t, data, "--json", "ask", "--receipt", proof, question)
	if code != 0 && code != 3 {
		t.Fatalf("ask %q: exit %d\n%s%s", question, code, out, errs)
	}
	answer := lines[core.Answer](t, out)[0]
	if answer.Refused != (code == 3) {
		t.Errorf("ask %q: refused %v with exit code %d", question, answer.Refused, code)
	}
	if out, errs, code := kakoi(t, data, "receipt", "verify", proof); code != 0 {
		t.Errorf("the receipt of %q: exit %d\n%s%s", answer.Text, code, out, errs)
	}
	return answer
}

func TestFromDocumentsToCitedAnswer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	must(t, data, "add", "resources/samples")
	documents := lines[core.Document](t, must(t, data, "--json", "list"))
	kinds := map[string]bool{}
	for _, d := range documents {
		if d.State != core.DocumentReady || d.Chunks == 0 {
			t.Errorf("%s is %s with %d chunks: %s", d.Name, d.State, d.Chunks, d.Reason)
		}
		kinds[d.Kind] = true
	}
	for _, kind := range []string{"txt", "md", "html", "pdf", "docx"} {
		if !kinds[kind] {
			t.Errorf("no sample of kind %s was added", kind)
		}
	}

	questions, err := resources.Questions()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range questions {
		got := ask(t, data, want.Text)
		right := slices.ContainsFunc(want.Accept, func(s string) bool { return strings.Contains(got.Text, s) })
		switch {
		case want.Document == "":
			if !got.Refused {
				t.Errorf("%s\nanswered %q, which is not in the documents", want.Text, got.Text)
			}
		case !right:
			t.Errorf("%s\nanswered %q, want one of %q in it", want.Text, got.Text, want.Accept)
		case len(got.Citations) == 0 || got.Citations[0].Document != want.Document:
			t.Errorf("%s\ncited %+v, want %s", want.Text, got.Citations, want.Document)
		}
		for _, c := range got.Citations {
			if utf8.RuneCountInString(c.Text) != c.End-c.Start || c.Page < 1 {
				t.Errorf("%s\ncitation without a place: %+v", want.Text, c)
			}
		}
	}

	// The same files again change nothing; a removed document leaves no byte of its text behind.
	must(t, data, "add", "resources/samples")
	if again := lines[core.Document](t, must(t, data, "--json", "list")); len(again) != len(documents) {
		t.Errorf("%d documents after adding the same folder again, before %d", len(again), len(documents))
	}
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("The vault code is tamarind-4711-okapi. It is changed every Monday.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, data, "add", secret)
	if hits := must(t, data, "--json", "search", "tamarind-4711-okapi"); !strings.Contains(strings.SplitN(hits, "\n", 2)[0], "secret.txt") {
		t.Errorf("the code is not found first: %s", hits)
	}
	must(t, data, "remove", "--yes", "secret.txt")
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte("tamarind")) {
			t.Errorf("text of the removed document stands in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, data, "doctor")
}

func TestBadInputFromTheTerminal(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	empty := filepath.Join(t.TempDir(), "empty.txt")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such file":      {[]string{"add", "nowhere.txt"}, 1, "nowhere.txt"},
		"empty file":        {[]string{"add", empty}, 1, "empty.txt"},
		"unknown command":   {[]string{"serach", "x"}, 2, "search"},
		"unknown flag":      {[]string{"ask", "--nonsense", "x"}, 2, "nonsense"},
		"no question":       {[]string{"ask"}, 2, ""},
		"no such model":     {[]string{"model", "use", "nobody"}, 1, "nobody"},
		"no model folder":   {[]string{"model", "import", filepath.Dir(empty)}, 1, ""},
		"endless question":  {[]string{"ask", strings.Repeat("why ", 12_500)}, 1, ""},
		"no such document":  {[]string{"remove", "--yes", "nobody.pdf"}, 1, "document"},
		"unknown language":  {[]string{"--lang", "xx", "status"}, 2, "xx"},
		"ask before adding": {[]string{"ask", "Where is it?"}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := kakoi(t, data, c.args...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit %d, want %d; said %q, want %q in it", code, c.code, out+errs, c.says)
			}
			if strings.Contains(errs, "goroutine ") || strings.Contains(errs, "error.") {
				t.Errorf("not a sentence for people: %q", errs)
			}
		})
	}
}
