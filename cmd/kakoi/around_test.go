package main

import (
	"fmt"
	"strings"
	"testing"

	"kakoi/core"
)

// TestAroundPassages: what stands around a passage is shown when it is asked for: the passages beside it, and the section under its heading.
func TestAroundPassages(t *testing.T) {
	w := newWorld(t)
	var text strings.Builder
	for i, part := range []string{"Chapter 1 Visitors", "Chapter 2 Lamps", "Chapter 3 Parking"} {
		fmt.Fprintf(&text, "%s\n\n", part)
		for j := range 12 {
			if i == 1 && j == 6 {
				text.WriteString("The tamarind lamp in the vault is switched off at nine o'clock by the porter.\n\n")
			}
			fmt.Fprintf(&text, "Rule %d of part %d says that whoever comes through gate %d has to sign the book on the desk there.\n\n", j+1, i+1, 10*i+j)
		}
	}
	w.file("house.txt", text.String())
	w.want(0, "add", w.docs)
	const query = "tamarind lamp in the vault"
	plain := objects[found](t, w.want(0, "search", "--json", "--top", "1", query).out)[0]
	if !strings.Contains(plain.Text, "tamarind") || plain.Headings != nil || plain.Section != "" {
		t.Fatalf("search found %+v", plain)
	}
	wide := objects[found](t, w.want(0, "search", "--json", "--top", "1", "--neighbours", "1", query).out)[0]
	if wide.Start >= plain.Start || wide.End <= plain.End || !strings.Contains(wide.Text, plain.Text) || strings.Count(wide.Text, "tamarind") != 1 {
		t.Errorf("with its neighbours %d to %d %q, alone %d to %d %q", wide.Start, wide.End, wide.Text, plain.Start, plain.End, plain.Text)
	}
	above := objects[found](t, w.want(0, "search", "--json", "--top", "1", "--parent", query).out)[0]
	if len(above.Headings) == 0 || above.Headings[len(above.Headings)-1] != "Chapter 2 Lamps" || !strings.Contains(above.Section, "gate 10 ") || !strings.Contains(above.Section, "gate 21 ") ||
		strings.Contains(above.Section, "gate 9 ") || strings.Contains(above.Section, "Parking") {
		t.Errorf("section of the passage: %+v", above)
	}
	if r := w.want(0, "search", "--top", "1", "--parent", query); !strings.Contains(r.out, "Section: Chapter 2 Lamps") || !strings.Contains(r.out, "gate 21 ") {
		t.Errorf("section for people: %q", r.out)
	}

	const question = "When is the tamarind lamp in the vault switched off?"
	type answer struct {
		core.Answer
		Sections []section `json:"sections"`
	}
	a := objects[answer](t, w.want(0, "ask", "--json", "--details", "--parent", question).out)[0]
	if len(a.Citations) == 0 || len(a.Sections) != len(a.Citations) || !strings.Contains(a.Sections[0].Section, "gate 10 ") {
		t.Errorf("%d citations, sections %+v", len(a.Citations), a.Sections)
	}
	for _, n := range []string{"-2", "6"} {
		w.want(2, "ask", "--neighbours", n, question)
	}
	w.want(2, "search", "--neighbours", "6", query)
}
