package rag

import "testing"

// A question is said otherwise, never the same.
func TestSaidOtherwise(t *testing.T) {
	for question, want := range map[string]string{
		"What is the limit for hotels per night?": "What's the limit for hotels per night?",
		"When does it open?":                      "When does it open",
		"limit for hotels":                        "limit for hotels?",
		"有給は何日ですか。":                               "有給は何日ですか",
		"有給は何日":                                   "有給は何日？",
		"Is it far?":                              "Is it far",
	} {
		if got := saidOtherwise(question); got != want {
			t.Errorf("%q: %q, want %q", question, got, want)
		}
	}
}
