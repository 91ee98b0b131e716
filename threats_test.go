package kakoi

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every test that the threat model names is there, and both languages name the same.
func TestThreatsNameTests(t *testing.T) {
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	for _, top := range []string{"app", "cmd", "core", "index"} {
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range declared.FindAllSubmatch(text, -1) {
				there[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var before []string
	for _, name := range []string{"docs/threats.md", "docs/threats.ja.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`(Test\\w+)`").FindAllString(string(text), -1)
		if len(named) < 15 || before != nil && !slices.Equal(named, before) {
			t.Errorf("%s names %v, the other %v", name, named, before)
		}
		before = named
		for _, n := range named {
			if !there[strings.Trim(n, "`")] {
				t.Errorf("%s: there is no test %s", name, n)
			}
		}
	}
}
