package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"kakoi/core"
)

// Problem is something in a receipt that does not fit the rest of it.
type Problem struct {
	Key  string // of the translations
	Args []any
}

func (p Problem) err() error {
	return core.Explain(fmt.Errorf("receipt: %s %v: %w", p.Key, p.Args, core.ErrCorrupt), p.Key, p.Args...)
}

// Sum is the SHA-256 of a text, as receipts have it.
func Sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Check compares the parts of a receipt with its hashes and with each other.
func (r Receipt) Check() []Problem {
	var found []Problem
	add := func(key string, args ...any) { found = append(found, Problem{"error.receipt." + key, args}) }
	for i, p := range r.Passages {
		if Sum(p.Text) != p.SHA256 {
			add("passage", i+1)
		}
	}
	r.checkRequest(add)
	r.checkReply(add)
	for i, c := range r.Answer.Citations {
		if !r.cites(c) {
			add("citation", i+1)
		}
	}
	return found
}

func (r Receipt) checkRequest(add func(string, ...any)) {
	q := r.Request
	if q == nil {
		if r.Reply != nil {
			add("unasked")
		}
		return
	}
	if q.PromptSHA256 != "" && Sum(q.Prompt) != q.PromptSHA256 {
		add("prompt")
		return
	}
	if q.PromptSHA256 != "" && !strings.Contains(q.Prompt, strings.TrimSpace(r.Question)) {
		add("question")
	}
	for i, p := range r.Passages {
		if q.PromptSHA256 != "" && !strings.Contains(plain(q.Prompt), plain(p.Text)) {
			add("unread", i+1)
		}
	}
}

// plain is a text without white space and the marks between the cells of a table: small models are shown those below each other, and wrapped sentences in one line.
func plain(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, " | ", " ")), "")
}

func (r Receipt) checkReply(add func(string, ...any)) {
	y := r.Reply
	if y == nil {
		return
	}
	known := !r.lacks(MissingReply)
	switch {
	case known && y.SHA256 != "" && Sum(y.Text) != y.SHA256:
		add("reply")
	case r.Answer.Quoted && !r.quotes():
		add("answer")
	case known && !r.Answer.Refused && !r.Answer.Quoted && strings.TrimSpace(y.Text) != r.Answer.Text:
		add("answer")
	case len(y.Tokens) > 0 && len(y.Tokens) != y.NewTokens && (len(y.Tokens) != y.NewTokens+1 || y.Stop != string(core.StopEnd)):
		add("tokens", len(y.Tokens), y.NewTokens)
	}
}

// quotes says whether a quoted answer stands in a passage, but for its end, capital letters, white space and a yes or no before it.
func (r Receipt) quotes() bool {
	text := strings.TrimSuffix(strings.ToLower(plain(strings.TrimRight(r.Answer.Text, "。.…"))), "です")
	for _, p := range r.Passages {
		of := strings.ToLower(plain(p.Text))
		for _, lead := range []string{"", "はい、", "いいえ、", "yes,", "no,"} {
			if rest, ok := strings.CutPrefix(text, lead); ok && rest != "" && strings.Contains(of, rest) {
				return true
			}
		}
	}
	return false
}

// cites says whether a citation's text stands in a passage of the same place.
func (r Receipt) cites(c core.Citation) bool {
	for _, p := range r.Passages {
		if p.Document != c.ID || p.Page != c.Page || c.Start < p.Start || c.End > p.End || c.End < c.Start {
			continue
		}
		text := []rune(p.Text)
		if from, to := c.Start-p.Start, c.End-p.Start; to <= len(text) && string(text[from:to]) == c.Text {
			return true
		}
	}
	return false
}

// lacks says whether something is known to be missing.
func (r Receipt) lacks(m Missing) bool {
	for _, x := range r.Missing {
		if x == m {
			return true
		}
	}
	return false
}
