package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kakoi/resources"
)

// Every key that stands in the sources has its texts, and every error its hint.
func TestTextsOfAllKeys(t *testing.T) {
	key := regexp.MustCompile(`"((?:error|cli|stage)\.[a-z0-9_.]*[a-z0-9])"`) // one that ends in _ or . is a part
	stage := regexp.MustCompile(`Stage: "([a-z]+)"`)
	keys := map[string]string{}
	for _, root := range []string{".", "../kakoi-engine", "../../app", "../../core", "../../index"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range key.FindAllStringSubmatch(string(text), -1) {
				k := m[1]
				if strings.HasPrefix(k, "error.") {
					k = strings.TrimSuffix(k, ".hint") // the hint of a sentence is looked for below
				}
				keys[k] = path
			}
			for _, m := range stage.FindAllStringSubmatch(string(text), -1) {
				keys["stage."+m[1]] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range commands() {
		keys["cli.command."+c.name] = "commands.go"
	}
	for _, k := range []string{"cli.state.failed", "cli.state.pending", "cli.model.chat", "cli.model.embedder", "cli.help.example.add", "cli.help.example.ask", "cli.help.example.doctor"} {
		keys[k] = "made from parts"
	}
	if len(keys) < 120 {
		t.Fatalf("%d keys found: the search is broken", len(keys))
	}
	for k, path := range keys {
		english, ok := resources.Text("en", k)
		japanese, _ := resources.Text("ja", k)
		if !ok || english == "" || japanese == "" || japanese == english && !strings.HasPrefix(english, "kakoi ") {
			t.Errorf("%s (%s): %q, %q", k, path, english, japanese)
		}
		if strings.HasPrefix(k, "error.") {
			if hint, ok := resources.Text("ja", k+".hint"); !ok || hint == "" {
				t.Errorf("%s (%s) has no hint", k, path)
			}
		}
	}
}
