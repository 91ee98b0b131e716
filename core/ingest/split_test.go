package ingest_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"kakoi/core"
	"kakoi/core/ingest"
)

var presets = map[string]core.SplitSettings{"TECH Lab": ingest.TECHLab, "Recommended": ingest.Recommended}

// checkChunks holds what Split promises: chunks are exact stretches of their page, in order, not too long, and all that lies
// outside of them is white space.
func checkChunks(t *testing.T, pages []core.Page, s core.SplitSettings, chunks []core.Chunk) {
	t.Helper()
	covered := map[int][]bool{}
	texts := map[int][]rune{}
	for _, p := range pages {
		texts[p.Number] = []rune(p.Text)
		covered[p.Number] = make([]bool, len(texts[p.Number]))
	}
	for i, c := range chunks {
		text := texts[c.Page]
		if c.Ordinal != i || c.Start < 0 || c.End <= c.Start || c.End > len(text) || string(text[c.Start:c.End]) != c.Text {
			t.Fatalf("chunk %d: %+v", i, c)
		}
		if c.End-c.Start > s.Size {
			t.Errorf("chunk %d has %d characters", i, c.End-c.Start)
		}
		if i > 0 && (c.Page < chunks[i-1].Page || c.Page == chunks[i-1].Page && c.Start < chunks[i-1].Start) {
			t.Errorf("chunk %d stands before chunk %d", i, i-1)
		}
		if s.Size > 1 && strings.TrimSpace(c.Text) != c.Text {
			t.Errorf("chunk %d: white space around %q", i, c.Text)
		}
		for j := c.Start; j < c.End; j++ {
			covered[c.Page][j] = true
		}
	}
	for number, set := range covered {
		for j, ok := range set {
			if c := texts[number][j]; !ok && !unicode.IsSpace(c) && (c < 0x1c || c > 0x1f) {
				t.Fatalf("page %d: character %d %q is in no chunk", number, j, c)
			}
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("第1条 本文。\n\n次の段落。「引用。」", 10, 3, true)
	f.Add(strings.Repeat("あ", 400)+"。 x\n", 150, 20, false)
	f.Add("\xff\xfe a\x1c b", 2, 1, false)
	f.Fuzz(func(t *testing.T, text string, size, overlap int, keepEnd bool) {
		size = 2 + abs(size)%400
		s := core.SplitSettings{Separators: ingest.TECHLab.Separators, Size: size, Overlap: abs(overlap) % size, KeepEnd: keepEnd}
		if keepEnd {
			s.Separators = ingest.Recommended.Separators
		}
		pages := []core.Page{{Number: 1, Text: strings.ToValidUTF8(text, "?")}, {Number: 2, Text: "二頁目。"}}
		chunks, err := ingest.Split(pages, s)
		if err != nil {
			t.Fatal(err)
		}
		checkChunks(t, pages, s, chunks)
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func TestSplitFixtures(t *testing.T) {
	for _, f := range fixtures {
		var pages []core.Page
		for i, text := range f.pages {
			pages = append(pages, core.Page{Number: i + 1, Text: text})
		}
		for name, s := range presets {
			chunks, err := ingest.Split(pages, s)
			if err != nil || len(chunks) == 0 {
				t.Errorf("%s %s: %d chunks, %v", f.file, name, len(chunks), err)
			}
			checkChunks(t, pages, s, chunks)
		}
	}
}

func TestSplitRecommended(t *testing.T) {
	s := ingest.Recommended
	s.Size, s.Overlap = 24, 8
	long := "第1章 休暇\n\n従業員は十日の休暇を取れる。「午前だけ。」と申し出てもよい。はい！ 半日も可。"
	chunks, err := ingest.Split([]core.Page{{Number: 1, Text: long}}, s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range chunks {
		got = append(got, c.Text)
	}
	// Sentences end their chunk, the closing bracket stays inside, short sentences are repeated.
	want := []string{"第1章 休暇", "従業員は十日の休暇を取れる。「午前だけ。」", "「午前だけ。」と申し出てもよい。", "はい！ 半日も可。"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, want %q", got, want)
	}
	// A heading of up to an eighth of the size goes with the text below it.
	s = ingest.Recommended
	chunks, err = ingest.Split([]core.Page{{Number: 1, Text: "第1章 休暇\n\n" + strings.Repeat("従業員は十日の休暇を取れる。", 40)}}, s)
	if err != nil || !strings.HasPrefix(chunks[0].Text, "第1章 休暇\n\n従業員は") || len(chunks) < 2 {
		t.Errorf("%d chunks, first %.40q, %v", len(chunks), chunks[0].Text, err)
	}
}

func TestSplitRefusesSettings(t *testing.T) {
	for _, s := range []core.SplitSettings{
		{},
		{Separators: []string{""}, Size: 0},
		{Separators: []string{""}, Size: 10, Overlap: 11},
		{Separators: []string{""}, Size: 10, Overlap: -1},
	} {
		if _, err := ingest.Split(nil, s); !errors.Is(err, core.ErrUsage) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// Every sentence that the readers can show has its words in both languages.
func TestSentences(t *testing.T) {
	data, err := os.ReadFile("../../resources/i18n/parts/ingest.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, file := range []string{"ingest.go", "walk.go", "pdf_engine.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range regexp.MustCompile(`error\.file\.[a-z_]+`).FindAllString(string(source), -1) {
			used++
			for _, k := range []string{key, key + ".hint"} {
				if texts[k]["en"] == "" || texts[k]["ja"] == "" {
					t.Errorf("%s has no text", k)
				}
			}
			if strings.Count(texts[key]["en"], "%s") != strings.Count(texts[key]["ja"], "%s") {
				t.Errorf("%s: different arguments", key)
			}
		}
	}
	if used < 17 {
		t.Errorf("only %d keys found", used)
	}
}
