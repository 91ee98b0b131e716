package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestExtractive(t *testing.T) {
	reqs, err := extractive(lookupPrompts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := extractive(lookupPrompts)
	if err != nil || !reflect.DeepEqual(reqs, again) {
		t.Errorf("a second time: other prompts, %v", err)
	}
	seen, japanese := map[string]bool{}, 0
	for _, q := range reqs {
		subject := ""
		if strings.HasPrefix(q.Prompt, "ユーザー") {
			japanese++
			_, subject, _ = strings.Cut(q.Prompt, "質問→")
			subject, _, _ = strings.Cut(subject, "について")
		} else {
			_, subject, _ = strings.Cut(q.Prompt, "it say about ")
			subject, _, _ = strings.Cut(subject, "?")
		}
		passage, _, ok := strings.Cut(strings.ToLower(q.Prompt), "\n-----------\n\n")
		if seen[q.Prompt] || subject == "" || !ok || !strings.Contains(passage, strings.ToLower(subject)) || len(q.Sampling.Stop) == 0 {
			t.Errorf("prompt %q about %q", q.Prompt, subject)
		}
		seen[q.Prompt] = true
	}
	if len(reqs) != lookupPrompts || japanese < 10 || japanese > 40 {
		t.Errorf("%d prompts, %d of them Japanese", len(reqs), japanese)
	}
	if _, err := extractive(100000); err == nil {
		t.Error("more prompts than sentences")
	}
}
