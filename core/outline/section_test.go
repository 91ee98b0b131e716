package outline_test

import (
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/outline"
)

func TestSectionOf(t *testing.T) {
	pages := []core.Page{
		{Number: 1, Text: "就業規則\n\nこの規則は全員に及ぶ。\n\n第1章　勤務時間\n\n始業は九時とする。\n\n第2章　休日\n\n第10条　休日は土曜とする。\n"},
		{Number: 2, Text: "第11条　休暇は十日とする。\n\n繰り越しは二年とする。\n\n第3章　給与\n\n支払日は月末とする。\n"},
	}
	for _, c := range []struct{ at, titles, begins, ends string }{
		{"全員に", "就業規則", "就業規則", "月末とする。"},
		{"始業", "就業規則 > 第1章　勤務時間", "第1章", "九時とする。"},
		{"土曜", "就業規則 > 第2章　休日", "第2章", "二年とする。"}, // over the page
		{"月末", "就業規則 > 第3章　給与", "第3章", "月末とする。"},
	} {
		place := outline.Place{}
		for _, p := range pages {
			if i := strings.Index(p.Text, c.at); i >= 0 {
				place = outline.Place{Page: p.Number, Char: len([]rune(p.Text[:i]))}
			}
		}
		s := outline.SectionOf(pages, place)
		text := s.Text(pages)
		if got := strings.Join(s.Titles, " > "); !strings.HasPrefix(got, c.titles) || !strings.HasPrefix(text, c.begins) || !strings.HasSuffix(text, c.ends) || !strings.Contains(text, c.at) {
			t.Errorf("%s: under %q: %q", c.at, got, text)
		}
	}
	plain := []core.Page{{Number: 1, Text: "これは手紙です。\nよろしく。"}}
	if s := outline.SectionOf(plain, outline.Place{Page: 1, Char: 3}); len(s.Titles) != 0 || s.Text(plain) != plain[0].Text {
		t.Errorf("without headings: %+v", s)
	}
	if s := outline.SectionOf(nil, outline.Place{Page: 1}); s.Text(nil) != "" {
		t.Errorf("of nothing: %+v", s)
	}
}
