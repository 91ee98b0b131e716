package rag

import (
	"slices"
	"testing"

	"kakoi/core"
)

// TestUnwrapped: a sentence in several lines is one stretch; items, rows, headings, short lines and paragraphs stay apart.
func TestUnwrapped(t *testing.T) {
	for text, want := range map[string][]string{
		"Q. How long is it lit?\nThe battery lasts 6 hours at the highest brightness and 40 hours at the\nlowest. Charging takes 3 hours.": {
			"Q. How long is it lit?", "The battery lasts 6 hours at the highest brightness and 40 hours at the\nlowest.", "Charging takes 3 hours."},
		"The larger lamp with the battery and the cable and the foot weighs\n1.4 kg.":           {"The larger lamp with the battery and the cable and the foot weighs\n1.4 kg."},
		"- the battery of the lamp, which comes with a charger\n- the cable that belongs to it": {"- the battery of the lamp, which comes with a charger", "- the cable that belongs to it"},
		"Weights and Measures of All Lamps That Are Sold Here Now\n\nthe small one weighs 1 kg": {"Weights and Measures of All Lamps That Are Sold Here Now", "the small one weighs 1 kg"},
		"Price\nper night": {"Price", "per night"},
		"Item: lamp, Price: 30, Stock: 12, Place: the shelf by the door\nItem: cable, Price: 5": {"Item: lamp, Price: 30, Stock: 12, Place: the shelf by the door", "Item: cable, Price: 5"},
		"加湿器のタンクには、アロマオイルや洗剤、薬品などを入れないでくだ\nさい。水は毎日かえます。":                                        {"加湿器のタンクには、アロマオイルや洗剤、薬品などを入れないでくだ\nさい。", "水は毎日かえます。"},
		"• タンクには必ず水道水を入れてください。アロマオイルは入れないでくだ\nさい。\n• 本体を水に浸けないでください。":                           {"• タンクには必ず水道水を入れてください。", "アロマオイルは入れないでくだ\nさい。", "• 本体を水に浸けないでください。"},
		"部屋:A室; 定員:12名; 午前(9時〜12時):3,300円; 夜間(18時〜21時):4,950円\n部屋:B室; 定員:36名":                   {"部屋:A室; 定員:12名; 午前(9時〜12時):3,300円; 夜間(18時〜21時):4,950円", "部屋:B室; 定員:36名"},
		"受付時間と場所のご案内\n平日の9時から":                                                                  {"受付時間と場所のご案内", "平日の9時から"},
	} {
		var got []string
		for _, c := range stretchesFor(0, core.Passage{Text: text}) {
			if c.lines == 1 {
				got = append(got, c.stretch.text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n%q, want\n%q", text, got, want)
		}
	}
}

// TestPartsOfWrapped: the clauses of a sentence do not end where its lines do.
func TestPartsOfWrapped(t *testing.T) {
	text := "The battery lasts 6 hours at the highest brightness, and 40 hours at the\nlowest one that there is."
	c := stretchesFor(0, core.Passage{Text: text})[0]
	var got []string
	for _, p := range c.parts(nil) {
		got = append(got, p.stretch.text)
	}
	if want := []string{"The battery lasts 6 hours at the highest brightness,", text, "and 40 hours at the\nlowest one that there is."}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestInOneLine(t *testing.T) {
	for text, want := range map[string]string{"入れないでくだ\nさい。": "入れないでください。", "at the\n lowest": "at the lowest", "KX-200\nの容量": "KX-200 の容量", "a\n\nb\n": "a b", "": ""} {
		if got := inOneLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
