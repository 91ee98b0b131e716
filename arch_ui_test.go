package kakoi

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A screen's model is plain Go: state and commands that are tested without a window. And the window stands on the
// use-cases: it reaches neither the store nor the engine by itself.
func TestScreensAreOfTwoParts(t *testing.T) {
	fyne := regexp.MustCompile(`"fyne\.io/`)
	below := []string{"kakoi/index", "kakoi/core/engine", "kakoi/core/neox", "kakoi/core/bert", "kakoi/core/train"}
	models := 0
	for name, p := range list(t, "./ui/...") {
		for _, imported := range p.Imports {
			for _, b := range below {
				if under(imported, b) {
					t.Errorf("%s imports %s: the window is above the use-cases", name, imported)
				}
			}
		}
		for _, file := range p.GoFiles {
			if !strings.HasPrefix(file, "model") && !strings.HasSuffix(file, "_model.go") {
				continue
			}
			models++
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if fyne.Match(text) {
				t.Errorf("%s/%s imports Fyne: what a screen knows and does is tested without a window", name, file)
			}
		}
	}
	if models < 10 {
		t.Errorf("only %d files are models of screens: the search is broken", models)
	}
}
