package rag

import (
	"encoding/json"
	"os"
	"testing"
)

// TestMarkedAsLearned: a stretch is read as the recipe's evidence.marked writes it, whose texts testdata/marks.py keeps.
func TestMarkedAsLearned(t *testing.T) {
	raw, err := os.ReadFile("testdata/marks.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Text, Heading, Marked string
		Start, End            int
	}
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 30 {
		t.Fatalf("%d, %v", len(all), err)
	}
	for i, c := range all {
		if got := marked([]rune(c.Text), Span{c.Start, c.End}, c.Heading); got != c.Marked {
			t.Errorf("%d:\n%q, want\n%q", i, got, c.Marked)
		}
	}
}

// TestPlaceIn: an answer is found as it stands, else by its letters and digits, in whatever width and case.
func TestPlaceIn(t *testing.T) {
	for _, c := range []struct {
		answer, sentence, want string
		ok                     bool
	}{
		{"$180 per night", "The limit is $180 per night, always.", "$180 per night", true},
		{"The Limit", "It says: the limit is $180.", "the limit", true},
		{"10時から", "受付は１０時から１７時までです。", "１０時から", true},
		{"9 時 から", "受付は「9時」からです。", "9時」から", true},
		{"ten", "It is nine.", "", false},
		{"", "It is nine.", "", false},
		{"。", "はい", "", false},
	} {
		s, ok := placeIn(c.answer, c.sentence)
		if got := string([]rune(c.sentence)[s.Start:s.End]); ok != c.ok || got != c.want {
			t.Errorf("%q in %q: %q, %v", c.answer, c.sentence, got, ok)
		}
	}
}
