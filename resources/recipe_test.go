package resources

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRecipeIsNoPartOfTheModel: the recipe lies in the starter's folder, and files of these names in a folder of a model make its ID (package core/weights): an edit of the recipe would
// make another model of it, whose adapters and bounds no longer fit.
func TestRecipeIsNoPartOfTheModel(t *testing.T) {
	total := int64(0)
	err := filepath.WalkDir("starter/recipe", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		if ext := filepath.Ext(path); filepath.Dir(path) == "starter/recipe" && (ext == ".json" || ext == ".model" || ext == ".txt") {
			t.Errorf("%s is a part of the model", path)
		}
		return nil
	})
	if err != nil || total == 0 || total > 7<<20 {
		t.Errorf("%d bytes of recipe, %v", total, err)
	}
}

// TestRecipeStages: every stage that README.md lists is one of recipe.sh, and the other way round.
func TestRecipeStages(t *testing.T) {
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join("starter/recipe", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	var listed, there []string
	for _, m := range regexp.MustCompile("(?m)^\\| \\d.* `recipe\\.sh (\\w+) WORK").FindAllStringSubmatch(read("README.md"), -1) {
		listed = append(listed, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+)\) `).FindAllStringSubmatch(read("recipe.sh"), -1) {
		there = append(there, m[1])
	}
	if len(listed) < 9 || strings.Join(listed, " ") != strings.Join(there, " ") {
		t.Errorf("README.md lists %q, recipe.sh has %q", listed, there)
	}
}
