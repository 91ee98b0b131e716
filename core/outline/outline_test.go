package outline_test

import (
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/outline"
)

// under gives the headings above the place where a text stands.
func under(t *testing.T, pages []core.Page, text string) string {
	t.Helper()
	for _, p := range pages {
		at := strings.Index(p.Text, text)
		if at < 0 {
			continue
		}
		start := len([]rune(p.Text[:at]))
		c := core.Chunk{Page: p.Number, Start: start, End: start + len([]rune(text)), Text: text}
		return strings.Join(outline.Of(pages, []core.Chunk{c})[0], " > ")
	}
	t.Fatalf("no %q", text)
	return ""
}

func pages(texts ...string) []core.Page {
	var out []core.Page
	for i, s := range texts {
		out = append(out, core.Page{Number: i + 1, Text: s})
	}
	return out
}

func TestOf(t *testing.T) {
	rules := pages("就業規則（抜粋）\n\n株式会社あおば精機\n\n第1章　勤務時間\n\n第5条　所定労働時間は、1日7時間とする。\n第6条　休憩は60分とする。\n\n第2章　休日と休暇\n\n第10条　休日は、土曜日とする。\n",
		"第11条　休暇は10日とする。\n\n第3章　給与\n\n第20条　支払日は25日とする。\n")
	manual := pages("Hikari Desk Lamp: questions\nEdition 3, May 2025. This sheet answers what our support desk is asked most.\nPower and light\nThe lamp is powered through a cable. It needs an adapter of at least 10 watts.\nUse\nTo switch on the lamp, touch the base for one second. To lock it, hold the base for five\nseconds.\n")
	book := pages("9.9. クォータ\n\nDownload\n\n制限のしくみです。\n\n9.9.1. 詳細\n\n四つの制限があります。\n\nGOING FURTHER スクリプト\n\nsetquota を使います。\n\n9.10. バックアップ\n\n複製を作ります。\n")
	marked := pages("防災マニュアル（本社ビル）\n\n総務部\n\n■ 地震が起きたら\n揺れている間は机の下に入ります。\n\n■ 火災が起きたら\nボタンを押します。\n")
	table := pages("価格表\n\n品番: A | 価格: 10円\n品番: B | 価格: 20円\n\nご注文について\n\n最低は5円です。\n")
	for _, c := range []struct {
		pages []core.Page
		text  string
		want  string
	}{
		{rules, "第5条", "就業規則（抜粋） > 第1章　勤務時間"},
		{rules, "第10条", "就業規則（抜粋） > 第2章　休日と休暇"},
		{rules, "第11条", "就業規則（抜粋） > 第2章　休日と休暇"}, // over the page
		{rules, "第20条", "就業規則（抜粋） > 第3章　給与"},
		{manual, "It needs", "Hikari Desk Lamp: questions > Power and light"},
		{manual, "hold the base", "Hikari Desk Lamp: questions > Use"},
		{book, "四つの", "9.9. クォータ > 9.9.1. 詳細"},
		{book, "setquota", "9.9. クォータ > 9.9.1. 詳細 > GOING FURTHER スクリプト"},
		{book, "複製", "9.10. バックアップ"},
		{marked, "揺れて", "防災マニュアル（本社ビル） > ■ 地震が起きたら"},
		{marked, "ボタン", "防災マニュアル（本社ビル） > ■ 火災が起きたら"},
		{table, "品番: B", "価格表"},
		{table, "最低は", "価格表 > ご注文について"},
		{marked, "■ 火災が起きたら\nボタン", "防災マニュアル（本社ビル）"}, // its own heading is inside
		{pages("これは手紙です。\nよろしく。"), "よろしく", ""},
	} {
		if got := under(t, c.pages, c.text); got != c.want {
			t.Errorf("%q is under %q, want %q", c.text, got, c.want)
		}
	}
	if got := outline.Of(nil, nil); len(got) != 0 {
		t.Error(got)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("1. a\n\nb\n第2章 c\n\n\n■ d\nE\n", 7)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		rs := []rune(text)
		at := max(0, min(cut, len(rs)))
		chunks := []core.Chunk{{Page: 1, Start: 0, End: at, Text: string(rs[:at])}, {Page: 1, Start: at, End: len(rs), Text: string(rs[at:])}, {Page: 2, Text: text, End: len(rs)}}
		for _, hs := range outline.Of([]core.Page{{Number: 1, Text: text}, {Number: 2, Text: text}}, chunks) {
			for _, h := range hs {
				if !strings.Contains(text, h) || len(hs) > 4 {
					t.Fatalf("%q of %q", hs, text)
				}
			}
		}
	})
}
