package main

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

func TestSnippet(t *testing.T) {
	ja := strings.Repeat("朝礼は毎週月曜日に行います。", 30) + "有給休暇の有効期間は2年とする。\n" + strings.Repeat("会議室は予約が必要です。", 30)
	en := strings.Repeat("The lift is checked every month. ", 30) + "Goods can be returned within 30 days. " + strings.Repeat("Parking is free. ", 30)
	run := strings.Repeat("あいうえおかきくけこ", 60) + "有給休暇は10日" + strings.Repeat("さしすせそたちつてと", 60)
	word := strings.Repeat("x", 900)
	for _, c := range []struct{ name, text, query, want string }{
		{"Japanese", ja, "有給休暇の有効期間", "有給休暇の有効期間は2年とする。"},
		{"English", en, "when can goods be returned", "Goods can be returned within 30 days."},
		{"one long sentence", run, "有給休暇は何日", "有給休暇は10日"},
		{"one endless word", word, "returned", "xxx"},
		{"nothing in common", ja, "dragon", "朝礼は毎週月曜日"},
	} {
		got := snippet(c.text, c.query)
		if !strings.Contains(got, c.want) || uniseg.StringWidth(got) > snippetColumns+4 || !strings.Contains(got, "…") || strings.Contains(got, "\n") {
			t.Errorf("%s: %d columns %q, want %q in it", c.name, uniseg.StringWidth(got), got, c.want)
		}
	}
	if got := snippet("短い一文。\n次の行\t\x1b[31m。", "何"); got != "短い一文。 次の行 [31m。" {
		t.Errorf("short text: %q", got)
	}
	if got := snippet(" \n", "何"); got != "" {
		t.Errorf("blank text: %q", got)
	}
}

func TestWrap(t *testing.T) {
	line := "[1] 就業規則.docx 1ページ: 年次有給休暇は、1時間単位で取得できる。 Unused lamps can be returned within 30 days of delivery."
	for width := 14; width < 90; width++ {
		lines := strings.Split(wrap(line, width, 4), "\n")
		var joined string
		for i, l := range lines {
			if w := uniseg.StringWidth(l); w > width {
				t.Fatalf("width %d: line of %d columns %q", width, w, l)
			}
			if body := strings.TrimSpace(l); i > 0 && (!strings.HasPrefix(l, "    ") || strings.HasPrefix(body, "、") || strings.HasPrefix(body, "。")) {
				t.Fatalf("width %d: line %q", width, l)
			}
			joined += l
		}
		if strings.ReplaceAll(joined, " ", "") != strings.ReplaceAll(line, " ", "") {
			t.Fatalf("width %d: text changed: %q", width, joined)
		}
	}
}
