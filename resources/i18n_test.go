package resources

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sort"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"kakoi/core"
)

var verb = regexp.MustCompile(`%(\[\d+\])?[-+# 0]*\d*(\.\d+)?([a-zA-Z%])`)

// verbs lists what a text asks of its arguments: "1s", "2d", by argument number.
func verbs(text string) []string {
	var out []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(text, -1) {
		if m[3] == "%" {
			continue
		}
		if m[1] != "" {
			if _, err := fmt.Sscanf(m[1], "[%d]", &next); err != nil {
				return []string{"bad index " + m[1]}
			}
		}
		out = append(out, fmt.Sprint(next)+m[3])
		next++
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// badIndex is an index before the precision: %[2].1f gives %!f(BADINDEX).
var badIndex = regexp.MustCompile(`%\[\d+\][-+# 0-9.]`)

func TestPartsAreComplete(t *testing.T) {
	all, err := texts()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Fatalf("%d texts, want those of every area", len(all))
	}
	for key, byLang := range all {
		for _, lang := range Languages {
			text := byLang[lang]
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s text", key, lang)
			}
			if badIndex.MatchString(text) {
				t.Errorf("%s: %s has a verb that cannot be: an index stands right before the letter", key, lang)
			}
			if got, want := verbs(text), verbs(byLang["en"]); !slices.Equal(got, want) {
				t.Errorf("%s: %s uses arguments %v, en %v", key, lang, got, want)
			}
		}
		if len(byLang) != len(Languages) {
			t.Errorf("%s has %d languages, want %d", key, len(byLang), len(Languages))
		}
		if !strings.HasPrefix(key, "error.") {
			continue
		}
		if base, ok := strings.CutSuffix(key, ".hint"); ok {
			if _, ok := all[base]; !ok {
				t.Errorf("%s is the hint of no sentence", key)
			}
			if v := verbs(byLang["en"]); len(v) > 0 {
				t.Errorf("%s: a hint has no arguments, found %v", key, v)
			}
		} else if _, ok := all[key+".hint"]; !ok {
			t.Errorf("%s has no hint", key)
		}
	}
}

// A key that stands twice in one part would silently lose a text.
func TestPartsHaveEachKeyOnce(t *testing.T) {
	names, err := fs.Glob(files, "i18n/parts/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		keys := json.NewDecoder(bytes.NewReader(raw))
		if _, err := keys.Token(); err != nil { // the brace
			t.Fatalf("%s: %v", name, err)
		}
		seen := map[json.Token]bool{}
		for keys.More() {
			key, err := keys.Token()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if seen[key] {
				t.Errorf("%s: %v stands there twice", name, key)
			}
			seen[key] = true
			if err := keys.Decode(&map[string]string{}); err != nil {
				t.Fatalf("%s: %v: %v", name, key, err)
			}
		}
		if len(seen) == 0 {
			t.Errorf("%s has no texts", name)
		}
	}
}

func TestVerbs(t *testing.T) {
	for text, want := range map[string][]string{
		"%s of %d":         {"1s", "2d"},
		"%[2]d の %[1]s":    {"1s", "2d"},
		"100%% of %.1f MB": {"1f"},
		"plain":            nil,
	} {
		if got := verbs(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestSentinelsHaveTexts(t *testing.T) {
	for _, s := range sentinels {
		for _, lang := range Languages {
			sentence, hint := ErrorText(lang, fmt.Errorf("open thing: %w", s.err))
			if want, _ := Text(lang, s.key); sentence == "" || sentence != want || hint == "" {
				t.Errorf("%s %v: sentence %q, hint %q", lang, s.err, sentence, hint)
			}
		}
	}
}

func TestErrorText(t *testing.T) {
	inner := core.Explain(core.ErrTooLarge, "error.ask.toolong", 50000, 1200)
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"explained", fmt.Errorf("ask: %w", inner), "50000"},
		{"unknown key outside a known one", core.Explain(inner, "error.no.such.key"), "50000"},
		{"unknown key over a sentinel", core.Explain(core.ErrBusy, "error.no.such.key"), Format("en", "error.sentinel.busy")},
		{"cancelled", fmt.Errorf("read: %w", context.Canceled), Format("en", "error.sentinel.cancelled")},
		{"file system without room", &fs.PathError{Op: "write", Path: "settings.json", Err: syscall.ENOSPC}, Format("en", "error.sentinel.nospace")},
		{"unknown", errors.New("disk on fire"), "disk on fire"},
	} {
		sentence, hint := ErrorText("en", c.err)
		if !strings.Contains(sentence, c.want) || hint == "" || strings.Contains(sentence, "%!") {
			t.Errorf("%s: sentence %q, hint %q, want %q in it", c.name, sentence, hint, c.want)
		}
	}
	if s, h := ErrorText("ja", nil); s != "" || h != "" {
		t.Errorf("no error gives %q, %q", s, h)
	}
	ja, _ := ErrorText("ja", inner)
	en, _ := ErrorText("en", inner)
	if ja == en {
		t.Errorf("the Japanese sentence is the English one: %q", ja)
	}
}

func TestWithHint(t *testing.T) {
	for _, c := range [][3]string{
		{"That is wrong.", "Try again.", "That is wrong. Try again."}, {"違います。", "もう一度。", "違います。もう一度。"}, {"That is wrong.", "", "That is wrong."}, {"", "Try again.", "Try again."},
	} {
		if got := WithHint(c[0], c[1]); got != c[2] {
			t.Errorf("%q and %q: %q", c[0], c[1], got)
		}
	}
	if got := ErrorLine("ja", core.ErrBusy); strings.Contains(got, "。 ") || strings.Count(got, "。") < 2 {
		t.Errorf("%q", got)
	}
}

func TestMergePartsRefusesTwiceDefinedKey(t *testing.T) {
	part := []byte(`{"error.x": {"en": "x", "ja": "x"}}`)
	_, err := mergeParts(fstest.MapFS{"p/a.json": {Data: part}, "p/b.json": {Data: part}}, "p")
	if err == nil || !strings.Contains(err.Error(), "error.x") {
		t.Fatalf("got %v", err)
	}
	if _, err := mergeParts(fstest.MapFS{"p/a.json": {Data: []byte("{")}}, "p"); err == nil {
		t.Fatal("a broken part is accepted")
	}
}

func TestTextFallsBackToEnglish(t *testing.T) {
	en, ok := Text("en", "stage.read")
	fr, ok2 := Text("fr", "stage.read")
	if !ok || !ok2 || en != fr {
		t.Fatalf("en %q %v, fr %q %v", en, ok, fr, ok2)
	}
	if _, ok := Text("en", "no.such.key"); ok {
		t.Fatal("found a key that is not there")
	}
	if got := Format("en", "no.such.key", 3); got != "no.such.key: 3" {
		t.Fatalf("got %q", got)
	}
}
