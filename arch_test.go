// Package kakoi holds no code: this test keeps the import table of docs/decisions/0001-house.md.
package kakoi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type listed struct {
	ImportPath string
	Imports    []string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
}

func list(t *testing.T, args ...string) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Dir,GoFiles,CgoFiles"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	packages := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[strings.TrimPrefix(p.ImportPath, "kakoi/")] = p
	}
}

// only says who may import a package (by prefix) directly, and why nobody else.
var only = []struct {
	imported string
	by       []string
	reason   string
}{
	{"github.com/sugarme/gotch", []string{"core/internal/torch"}, "handles are freed by Scope alone"},
	{"github.com/daulet/tokenizers", []string{"core/token"}, "one place for token ids"},
	{"github.com/dgraph-io/badger", []string{"index/store"}, "one place for keys, CRCs and erasure"},
	{"github.com/klippa-app/go-pdfium", []string{"core/ingest"}, "hostile files stay behind one door"},
	{"net/http", []string{"core/closed"}, "no network code of our own"},
	{"google.golang.org/grpc", []string{"core/engine"}, "the process border is the engine's business"},
	{"kakoi/core/internal", []string{"core/internal", "core/neox", "core/bert", "core/lora", "core/train", "cmd/kakoi-engine"}, "libtorch lives in the engine process"},
	{"kakoi/index/store", []string{"index", "app/record"}, "only the index and the records know the store"},
	{"kakoi/core/engine/server", []string{"cmd/kakoi-engine"}, "the service runs in the engine process only"},
	{"kakoi/core/neox", []string{"cmd/kakoi-engine", "core/train"}, "native models run in the engine process only"},
	{"kakoi/core/bert", []string{"cmd/kakoi-engine", "core/bert"}, "native models run in the engine process only"},
	{"kakoi/app", []string{"app", "ui", "cmd/kakoi"}, "use-cases are above the core"},
	{"kakoi/ui", []string{"ui", "cmd/kakoi"}, "the window is above the use-cases"},
	{"fyne.io", []string{"ui", "cmd/kakoi"}, "no window types below the window"},
}

// never says what a package must not reach, even through others. bare rules hold for the builds without the tag torch:
// bin/kakoi is one of them, with the tag x11.
var never = []struct {
	bare     bool
	packages []string
	reached  string
	reason   string
}{
	{false, []string{"core/ingest", "core/rag", "core/dataset", "core/quant", "core/weights", "core/engine", "index", "app", "ui", "cmd/kakoi"}, "github.com/sugarme/gotch", "the user's process runs without libtorch"},
	{true, []string{"core/ingest", "core/rag", "core/dataset", "core/quant", "core/weights", "core/engine", "index", "app", "ui", "cmd/kakoi"}, "github.com/daulet/tokenizers", "the user's process runs without the tokenizer library"},
	{false, []string{"core/engine/server", "cmd/kakoi-engine", "core/neox", "core/bert"}, "github.com/dgraph-io/badger", "the engine process never sees the library"},
	{false, []string{"core/engine/server", "cmd/kakoi-engine", "core/neox", "core/bert"}, "kakoi/core/ingest", "the engine process never sees documents"},
}

func under(pkg, prefix string) bool { return pkg == prefix || strings.HasPrefix(pkg, prefix+"/") }

func TestImports(t *testing.T) {
	for _, tags := range []string{"", "x11", "torch"} {
		ours := list(t, "-tags", tags, "./...")
		if len(ours) < 10 {
			t.Fatalf("go list names only %d packages", len(ours))
		}
		for name, p := range ours {
			for _, imported := range p.Imports {
				for _, rule := range only {
					if !under(imported, rule.imported) || under("kakoi/"+name, rule.imported) {
						continue
					}
					allowed := false
					for _, by := range rule.by {
						allowed = allowed || under(name, by)
					}
					if !allowed {
						t.Errorf("%s imports %s (tags %q): %s", name, imported, tags, rule.reason)
					}
				}
				if name == "core" && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
					t.Errorf("core imports %s: the vocabulary uses the standard library only", imported)
				}
				if name == "core" && strings.HasPrefix(imported, "kakoi/") {
					t.Errorf("core imports %s: the vocabulary stands below everything", imported)
				}
			}
		}
		all := list(t, "-tags", tags, "-deps", "./...")
		for _, rule := range never {
			if rule.bare && tags == "torch" {
				continue
			}
			for name := range ours {
				for _, from := range rule.packages {
					if !under(name, from) {
						continue
					}
					if path := reach(all, name, rule.reached, map[string]bool{}); path != "" {
						t.Errorf("%s reaches %s (tags %q): %s", name, path, tags, rule.reason)
					}
				}
			}
		}
	}
}

// reach gives the chain of imports from a package to one under the prefix target, or "".
func reach(all map[string]listed, from, target string, seen map[string]bool) string {
	if seen[from] {
		return ""
	}
	seen[from] = true
	for _, imported := range all[from].Imports {
		if under(imported, target) {
			return imported
		}
		if rest := reach(all, strings.TrimPrefix(imported, "kakoi/"), target, seen); rest != "" {
			return imported + " -> " + rest
		}
	}
	return ""
}

// Habits that a compiler does not hold.
var forbidden = []struct {
	pattern *regexp.Regexp
	where   string // prefix of the package; "" for all
	except  string
	reason  string
}{
	{regexp.MustCompile(`\bts\.Must|\.Must[A-Z]\w*\(`), "core/internal", "", "gotch's Must* end the process"},
	{regexp.MustCompile(`\blog\.Fatal`), "", "cmd", "libraries return errors"},
	{regexp.MustCompile(`\bos\.Exit\(`), "", "cmd", "libraries return errors"},
	{regexp.MustCompile(`net\.Listen\("tcp|net\.Dial\("tcp|net\.Listen\("udp`), "", "", "no network code of our own"},
}

// below are the commands that lie below their library: tools of the set-up and of maintainers.
var below = []string{"convert", "random", "prepare", "kernels"}

func TestHabits(t *testing.T) {
	for name, p := range list(t, "-tags", "torch,x11", "./...") {
		for _, file := range append(p.GoFiles, p.CgoFiles...) {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range forbidden {
				if !strings.HasPrefix(name, rule.where) || rule.except != "" && under(name, rule.except) {
					continue
				}
				if slices.Contains(below, path.Base(name)) {
					continue
				}
				if at := rule.pattern.FindIndex(text); at != nil {
					line := 1 + bytes.Count(text[:at[0]], []byte("\n"))
					t.Errorf("%s/%s:%d: %s", name, file, line, rule.reason)
				}
			}
		}
	}
}
