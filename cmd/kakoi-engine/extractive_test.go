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
	for _, pair := range reqs {
		q, subject := pair.First, ""
		shared := 0
		for shared < min(len(q.Prompt), len(pair.Second.Prompt)) && q.Prompt[shared] == pair.Second.Prompt[shared] {
			shared++
		}
		if 3*shared < len(q.Prompt) || q.Prompt == pair.Second.Prompt {
			t.Errorf("%q and %q share %d bytes", q.Prompt, pair.Second.Prompt, shared)
		}
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
