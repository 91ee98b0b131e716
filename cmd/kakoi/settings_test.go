package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app/settings"
	"kakoi/resources"
)

func TestSettings(t *testing.T) {
	w := newWorld(t)
	all := objects[setting](t, w.want(0, "settings", "--json").out)
	if len(all) != len(settings.Fields)+1 { // and the reranker
		t.Fatalf("%d settings, want %d", len(all), len(settings.Fields)+1)
	}
	for _, s := range all {
		if s.Value != s.Default || s.Allowed == "" {
			t.Errorf("fresh setting %+v", s)
		}
	}
	value := func(key string) string {
		t.Helper()
		return objects[setting](t, w.want(0, "settings", "--json", key).out)[0].Value
	}
	w.want(0, "settings", "top", "7")
	w.want(0, "settings", "temperature", "0.5")
	if value("top") != "7" || value("temperature") != "0.5" {
		t.Errorf("top %s, temperature %s", value("top"), value("temperature"))
	}
	w.want(0, "settings", "temperature", "-1")
	w.want(0, "settings", "--reset", "top")
	if value("top") != "0" || value("temperature") != "-1" {
		t.Errorf("top %s, temperature %s", value("top"), value("temperature"))
	}
	for args, said := range map[string]string{
		"text_size 500": "80 - 200", "text_sice 100": "text_size", "nothing": "nothing", "theme blue": "dark", "top 1 2": "2", "--reset top 3": "3", "--reset": "KEY",
		"top --1": "--1",
	} {
		if r := w.want(2, append([]string{"settings"}, strings.Fields(args)...)...); !strings.Contains(r.err, said) {
			t.Errorf("settings %s said %q", args, r.err)
		}
	}
	if set, err := settings.Load(filepath.Join(w.data, "settings.json")); err != nil || set != settings.Default() {
		t.Errorf("the file holds %+v, %v", set, err)
	}
}

// The language that is set holds for every command that knows the data folder; --lang goes before it.
func TestLanguageIsSet(t *testing.T) {
	w := newWorld(t)
	w.want(0, "settings", "language", "ja")
	plain := func(args ...string) result {
		cmd := w.command(args...)
		cmd.Args = append(cmd.Args[:3], cmd.Args[5:]...) // without --lang en
		cmd.Env = append(os.Environ(), "KAKOI_TEST_PROGRAM=1", "KAKOI_HOME="+w.home, "LC_ALL=C.UTF-8")
		return finished(t, cmd)
	}
	english, japanese := resources.Format("en", "cli.list.empty"), resources.Format("ja", "cli.list.empty")
	if r := plain("list"); r.code != 0 || !strings.Contains(r.out, japanese) {
		t.Errorf("list says %q %q, want %q", r.out, r.err, japanese)
	}
	if r := w.want(0, "list"); !strings.Contains(r.out, english) {
		t.Errorf("list --lang en says %q", r.out)
	}
	w.want(0, "settings", "--reset", "language")
	if r := plain("list"); !strings.Contains(r.out, english) {
		t.Errorf("list in an English environment says %q", r.out)
	}
}

func TestTextsOfSettings(t *testing.T) {
	for _, f := range settings.Fields {
		for _, lang := range resources.Languages {
			if text, ok := resources.Text(lang, "setting."+f.Key); !ok || text == "" {
				t.Errorf("%s has no %s text", f.Key, lang)
			}
		}
	}
}
