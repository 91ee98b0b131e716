package help

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"kakoi/docs"
)

func TestParseGuide(t *testing.T) {
	got := parseGuide("# Title\n\nA **bold** word, `code *x*` and 2 * 3 ** 4.\n\n## Next\n\n1. one\n10. ten `a`\n- dot\n\n![A picture](../screenshots/chat-en-light.png)\n")
	if len(got) != 2 || got[0].title != "Title" || got[1].title != "Next" {
		t.Fatalf("sections %+v", got)
	}
	want := []span{{text: "A "}, {text: "bold", bold: true}, {text: " word, "}, {text: "code *x*", code: true}, {text: " and 2 *"}, {text: " 3 *"}, {text: "*"}, {text: " 4."}}
	if p := got[0].blocks[1]; !slices.Equal(p.spans, want) {
		t.Errorf("spans %+v, want %+v", p.spans, want)
	}
	var labels []string
	for _, b := range got[1].blocks {
		labels = append(labels, b.label+b.file)
	}
	if want := []string{"", "1.", "10.", "•", "chat-en-light.png"}; !slices.Equal(labels, want) {
		t.Errorf("labels %q, want %q", labels, want)
	}
}

// Both guides say the same things, in the part of Markdown that the help shows.
func TestGuidesAreAlike(t *testing.T) {
	shape := func(lang string) []string {
		sections, err := loadGuide(docs.Files, lang)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range sections {
			line := ""
			for _, b := range s.blocks {
				line += string("hpi!"[b.kind])
				if text := b.text(); strings.Contains(text, "**") || strings.Contains(text, "`") || strings.Contains(text, "](") {
					t.Errorf("%s: %q is not shown as it is meant", lang, text)
				}
				if b.kind == picture {
					name, ok := strings.CutSuffix(b.file, "-"+lang+"-light.png")
					if !ok || !slices.Contains([]string{"chat", "documents", "training", "run", "exam", "models", "settings"}, name) {
						t.Errorf("%s: picture %q", lang, b.file)
					}
				}
			}
			out = append(out, line)
		}
		return out
	}
	ja, en := shape("ja"), shape("en")
	if !slices.Equal(ja, en) {
		t.Errorf("ja has %q\nen has %q", ja, en)
	}
	if len(en) < 8 {
		t.Errorf("%d sections", len(en))
	}
}

func titles(m *model) (out []string) {
	for _, c := range m.chapters {
		out = append(out, c.title)
	}
	return out
}

func TestSearch(t *testing.T) {
	m := &model{
		groups:   []keyGroup{{"Everywhere", []keyLine{{"Ctrl+K", "Find anything"}, {"Ctrl+Q", "Quit"}}}},
		sections: parseGuide("# First\n\nAbout ＭＯＤＥＬＳ.\n\n## Second\n\nAbout `models` and folders.\n"),
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{"Keys", "First", "Second"}},
		{"model", []string{"First", "Second"}},
		{"Model FOLDER", []string{"Second"}},
		{"quit", []string{"Keys"}},
		{"ctrl+k", []string{"Keys"}},
		{"second", []string{"Second"}},
		{"zebra", nil},
	} {
		m.search(c.text, "Keys")
		if got := titles(m); !slices.Equal(got, c.want) {
			t.Errorf("%q finds %q, want %q", c.text, got, c.want)
		}
	}
	m.search("quit", "Keys")
	if g := m.rows[1].group; len(g.lines) != 1 || g.lines[0].keys != "Ctrl+Q" {
		t.Errorf("shortcuts found: %+v", g.lines)
	}
	seen := map[string]bool{}
	m.search("", "Keys")
	for _, r := range m.rows {
		if seen[r.id] {
			t.Errorf("two rows are %q", r.id)
		}
		seen[r.id] = true
	}
	for _, c := range m.chapters {
		if !seen[c.row] {
			t.Errorf("chapter %q leads to no row (%q)", c.title, c.row)
		}
	}
}

func TestMark(t *testing.T) {
	m := &model{}
	m.search("モデル ab", "")
	got := m.mark("大きなﾓﾃﾞﾙ、モデルとＡBabc")
	want := []part{{"大きなﾓﾃﾞﾙ、", false}, {"モデル", true}, {"と", false}, {"ＡBab", true}, {"c", false}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	m.search("", "")
	if got := m.mark("whole"); len(got) != 1 || got[0].found {
		t.Errorf("got %+v", got)
	}
}

func TestReadPicture(t *testing.T) {
	files := fstest.MapFS{"screenshots/a-ja-light.png": {Data: []byte("light")}, "screenshots/a-ja-dark.png": {Data: []byte("dark")}, "screenshots/b-ja-light.png": {Data: []byte("b")}}
	for _, c := range []struct {
		file string
		dark bool
		want string
	}{{"a-ja-light.png", false, "light"}, {"a-ja-light.png", true, "dark"}, {"b-ja-light.png", true, "b"}, {"c-ja-light.png", true, ""}} {
		if got := string(readPicture(files, c.file, c.dark)); got != c.want {
			t.Errorf("%s, dark %v: %q, want %q", c.file, c.dark, got, c.want)
		}
	}
}
