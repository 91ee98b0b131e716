package neox

import "kakoi/core"

// LookupResult is what prompt lookup gains on prompts whose answers are in them. Only a model that reads can show it:
// random weights do not copy. For a shape without weights the gain follows from two measured things: the steps that a
// model that reads needs per token (TokensPerStep here), and what a step of several tokens costs on that shape ("verify"
// of Bench). All times are of decoding alone, of one row at a time.
type LookupResult struct {
	Name          string  `json:"name"` // "lookup"
	Device        string  `json:"device"`
	DType         string  `json:"dtype"`
	Prompts       int     `json:"prompts"`
	Tokens        int     `json:"tokens"`        // of all answers
	PromptTokens  int     `json:"prompt_tokens"` // of all prompts
	PlainPerSec   float64 `json:"plain_tokens_per_second"`
	LookupPerSec  float64 `json:"lookup_tokens_per_second"`
	Speedup       float64 `json:"speedup"`
	MedianSpeedup float64 `json:"median_speedup"` // of the prompts
	Guessed       int     `json:"guessed"`        // tokens checked beside those that were due
	Right         int     `json:"right"`          // of them
	TokensPerStep float64 `json:"tokens_per_step"`
	Identical     int     `json:"identical"` // prompts whose answers are the same with and without
}

// AskedTwice is a prompt, and another question about the same passages.
type AskedTwice struct{ First, Second core.GenerateRequest }

// ReuseResult is what keeping prompts gains for the second question about the same passages: the median time until its
// first token, with what the first question left and without.
type ReuseResult struct {
	Name         string  `json:"name"` // "second question"
	Device       string  `json:"device"`
	DType        string  `json:"dtype"`
	Prompts      int     `json:"prompts"`
	PromptTokens int     `json:"prompt_tokens"` // of all second questions
	Reused       int     `json:"reused_tokens"` // of them
	PlainMillis  float64 `json:"plain_milliseconds"`
	ReuseMillis  float64 `json:"reuse_milliseconds"`
	Identical    int     `json:"identical"` // answers that are the same with and without
}
