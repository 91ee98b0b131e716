package app

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"kakoi/app/record"
	"kakoi/core"
)

// snippetChars stand on each side of what was found.
const snippetChars = 30

// FoundTurn is a place in a conversation where a text stands.
type FoundTurn struct {
	Conversation record.Conversation
	Turn         string // Turn.ID
	Given        int    // place in Turn.Answers; -1: in the question
	Snippet      string // one line
	Start, End   int    // characters of the snippet that were found
}

// Search finds the turns in whose questions or answers all words of a text stand, whatever their case and width: newest
// conversation first, newest turn first, at most most. A turn is found once: in its question before its answers.
func (c *Conversations) Search(ctx context.Context, text string, most int) ([]FoundTurn, error) {
	words := strings.Fields(fold(text, nil))
	if len(words) == 0 {
		return nil, core.Explain(fmt.Errorf("search conversations: %w", core.ErrUsage), "error.search.empty")
	}
	heads, _, err := c.List(ctx)
	if err != nil {
		return nil, err
	}
	var found []FoundTurn
	for _, head := range heads {
		texts, err := c.texts.of(ctx, c.book(), head)
		if err != nil {
			return nil, err
		}
		last := "" // a turn's texts follow each other
		for _, t := range texts {
			if t.turn == last || !containsAll(t.text, words) {
				continue
			}
			last = t.turn
			f := FoundTurn{Conversation: head, Turn: t.turn, Given: t.given}
			at := strings.Index(t.text, words[0])
			from, to := original(t.raw, at, at+len(words[0]))
			f.Snippet, f.Start, f.End = cutSnippet(t.raw, from, to)
			if found = append(found, f); len(found) == most {
				return found, nil
			}
		}
	}
	return found, nil
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// cutSnippet cuts a text to what stands around a match (bytes from, to), on one line.
func cutSnippet(text string, from, to int) (snippet string, start, end int) {
	line := func(s string) []rune {
		return []rune(strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, s))
	}
	before, match, after := line(text[:from]), line(text[from:to]), line(text[to:])
	if len(before) > snippetChars {
		before = append([]rune("…"), before[len(before)-snippetChars:]...)
	}
	if len(after) > snippetChars {
		after = append(after[:snippetChars:snippetChars], '…')
	}
	return string(before) + string(match) + string(after), len(before), len(before) + len(match)
}

// folded is a text beside itself without differences of case and width.
type folded struct {
	turn  string
	given int
	raw   string
	text  string
}

// fold folds a text piece by piece; piece (nil is allowed) hears where each begins, in bytes of the folded and the raw text.
func fold(raw string, piece func(text, raw int)) string {
	caser := cases.Fold()
	var b strings.Builder
	b.Grow(len(raw))
	var it norm.Iter
	it.InitString(norm.NFKC, raw)
	for !it.Done() {
		if piece != nil {
			piece(b.Len(), it.Pos())
		}
		next := it.Next()
		if len(next) == 1 || len(next) == 3 && next[0] >= 0xe3 && next[0] <= 0xe9 { // most of what people write: ASCII, kana, kanji
			if next[0] >= 'A' && next[0] <= 'Z' {
				b.WriteByte(next[0] + 'a' - 'A')
			} else {
				b.Write(next)
			}
			continue
		}
		b.Write(caser.Bytes(next))
	}
	return b.String()
}

// original gives the bytes of a raw text that a stretch of the folded text stands for.
func original(raw string, from, to int) (start, end int) {
	end = -1
	fold(raw, func(t, r int) {
		if t <= from {
			start = r
		}
		if t >= to && end < 0 {
			end = r
		}
	})
	if end < 0 {
		end = len(raw)
	}
	return start, end
}

// searchTexts keeps the folded texts of conversations that were searched: reading them takes longer than looking through them.
type searchTexts struct {
	mu   sync.Mutex
	kept map[string]searched
	left int64 // changes whenever something is forgotten
}

type searched struct {
	changed time.Time
	texts   []folded
}

func (s *searchTexts) of(ctx context.Context, b record.Book, head record.Conversation) ([]folded, error) {
	s.mu.Lock()
	k, ok := s.kept[head.ID]
	before := s.left
	s.mu.Unlock()
	if ok && k.changed.Equal(head.Changed) {
		return k.texts, nil
	}
	turns, _, err := b.Turns(ctx, head.ID)
	if err != nil {
		return nil, err
	}
	k = searched{changed: head.Changed}
	for i := len(turns) - 1; i >= 0; i-- {
		t := turns[i]
		add := func(given int, text string) {
			k.texts = append(k.texts, folded{turn: t.ID, given: given, raw: text, text: fold(text, nil)})
		}
		add(-1, t.Question)
		for j, g := range t.Answers {
			add(j, g.Answer.Text)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string]searched{}
	}
	if s.left == before { // otherwise it may have been read before the change
		s.kept[head.ID] = k
	}
	return k.texts, nil
}

func (s *searchTexts) forget(conversation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, conversation)
	s.left++
}
