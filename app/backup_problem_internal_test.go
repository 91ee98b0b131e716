package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/resources"
)

// TestProblemsNameNothing: what is remembered of backups is plain, and holds no text of an error; what earlier versions wrote there goes at the first look.
func TestProblemsNameNothing(t *testing.T) {
	named := fmt.Errorf("document secret-name.pdf: %w", core.ErrCorrupt)
	for _, key := range []string{triedProblem(named), provedProblem(named), triedProblem(core.ErrNoSpace), triedProblem(core.ErrUsage), triedProblem(core.ErrNotFound), triedProblem(core.ErrEngine), provedProblem(core.ErrUnsupported)} {
		for _, lang := range resources.Languages {
			if text, ok := resources.Text(lang, key); !ok || strings.Contains(text, "%") {
				t.Errorf("%s has no text in %s", key, lang)
			}
		}
	}
	dir := t.TempDir()
	set, err := settings.Open(filepath.Join(dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, backupsName)
	old := `{"library":"0a","problem":"document secret-name.pdf","proved":{"a":{"bytes":1,"problem":"passage of secret-name.pdf"},"b":{"bytes":2}}}`
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &Backups{Backup: &Backup{Data: dir}, Settings: set}
	s, err := b.state()
	if err != nil || s.Problem != ProblemOther || s.Proved["a"].Problem != ProblemDamaged || s.Proved["b"].Problem != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "secret-name") {
		t.Errorf("%s, %v", text, err)
	}
}
