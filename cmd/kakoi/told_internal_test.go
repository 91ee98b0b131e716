package main

import (
	"errors"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/resources"
)

// An answer that was printed stays one when a section of it cannot be found: the rest is shown, and what is not is told.
func TestSectionThatIsGone(t *testing.T) {
	a := core.Answer{Citations: []core.Citation{{ID: "a", Document: "a.txt"}, {ID: "b", Document: "b.txt"}}}
	var told []string
	got := sectionsOf(a, func(p core.Passage) (*section, error) {
		if p.Document == "a" {
			return nil, core.ErrNotFound
		}
		return &section{Section: p.Name}, nil
	}, func(name string, err error) {
		if errors.Is(err, core.ErrNotFound) {
			told = append(told, name)
		}
	})
	if len(got) != 2 || got[0] != nil || got[1] == nil || got[1].Section != "b.txt" || len(told) != 1 || told[0] != "a.txt" {
		t.Errorf("%v, told %v", got, told)
	}
}

// A Python without the modules is told as what it is, not as the end of the engine.
func TestPeerWithoutModules(t *testing.T) {
	said := "Traceback (most recent call last):\n  File \"<string>\", line 13, in <module>\nModuleNotFoundError: No module named 'hnswlib'\n"
	for said, want := range map[string]string{said: "hnswlib", "": "exit status 3", "Killed: out of luck": "out of luck"} {
		err := peerError("/opt/python", said, errors.New("exit status 3"))
		sentence, hint := resources.ErrorText("en", err)
		if !strings.Contains(sentence, want) || !strings.Contains(sentence, "/opt/python") || hint == "" || errors.Is(err, core.ErrEngine) {
			t.Errorf("%q: %q, %q", said, sentence, hint)
		}
	}
}
