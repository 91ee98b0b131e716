package resources

import (
	"os"
	"strings"
	"testing"
)

func TestLicences(t *testing.T) {
	all, err := Licences()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, l := range all {
		kinds[l.Kind]++
		text, err := l.Text()
		if err != nil || l.Licence == "" {
			t.Errorf("%s: licence %q, %v", l.Name, l.Licence, err)
		}
		if strings.Contains(text, "\x00") || strings.Contains(text, "\x1f") {
			t.Errorf("%s: its text is not text", l.Name)
		}
		if l.Kind != "library" {
			continue
		}
		if len(text) < 200 {
			t.Errorf("%s has no licence text", l.Name)
		}
		if l.Name != "Go" && !strings.Contains(string(raw), l.Name+" "+l.Version) {
			t.Errorf("%s %s is not in go.mod: run go run .setup/licences.go", l.Name, l.Version)
		}
	}
	if kinds["library"] < 40 || kinds["program"] != 1 || kinds["font"] == 0 || kinds["model"] < 2 || kinds["native"] < 3 {
		t.Errorf("listed: %v", kinds)
	}
}
