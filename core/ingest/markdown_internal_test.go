package ingest

import "testing"

// TestLoneTilde: a single ~ is of the text, two are marks of struck-out text.
func TestLoneTilde(t *testing.T) {
	for text, want := range map[string]string{
		"平日9時~17時、土曜9時~12時です。":                     "平日9時~17時、土曜9時~12時です。",
		"10:00~18:00 and ~5 minutes~":              "10:00~18:00 and ~5 minutes~",
		"open 9~\n17 and 18~\n":                    "open 9~\n17 and 18~",
		"~~old~~ new ~ 3~~~4":                      "old new ~ 3~~~4",
		"a `x~y` *9~12* [1~2](u)":                  "a x~y 9~12 1~2",
		"~":                                        "~",
		"| a | b |\n|---|---|\n| 9~12時 | 13~17時 |": "a: 9~12時 | b: 13~17時",
	} {
		pages, _, err := parse(t.Context(), "md", []byte(text), Options{})
		if err != nil || len(pages) != 1 || pages[0].Text != want {
			t.Errorf("%q: %+v, %v, want %q", text, pages, err, want)
		}
	}
}
