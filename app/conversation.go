package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"kakoi/app/record"
	"kakoi/core"
)

// maxTitleChars of a conversation: of one line in a list, in full below it.
const maxTitleChars = 60

// Conversations asks questions and remembers them with their answers.
type Conversations struct {
	Store Store
	Chat  *Chat
	Bus   *Bus                                       // hears of every change; nil is allowed
	Fonts string                                     // folder of the fonts that an exported PDF embeds
	Text  func(lang, key string, args ...any) string // translations, for exported files

	changing sync.Mutex // one change of records at a time; not held while a model answers
	texts    searchTexts
}

func (c *Conversations) book() record.Book { return record.Book{Store: c.Store} }

// Sweep finishes deletions that a kill interrupted. It is for the opener of the data folder.
func (c *Conversations) Sweep(ctx context.Context) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	return c.book().Sweep(ctx)
}

// List returns the conversations, newest change first, and what of them cannot be read.
func (c *Conversations) List(ctx context.Context) ([]record.Conversation, []record.Damage, error) {
	return c.book().Heads(ctx)
}

// Transcript is a conversation as it is read.
type Transcript struct {
	record.Conversation
	All     []record.Turn // of all branches, oldest first
	Path    []Step        // from the first turn to the leaf that is shown
	Damaged []record.Damage
}

// Step is one turn of the branch that is shown.
type Step struct {
	record.Turn
	Siblings []string // Turn.IDs asked at the same place, oldest first, this one among them
	Branch   int      // place of this turn among them, from 1
}

// Open reads a whole conversation: core.ErrNotFound.
func (c *Conversations) Open(ctx context.Context, id string) (Transcript, error) {
	head, err := c.head(ctx, id)
	if err != nil {
		return Transcript{}, err
	}
	turns, damaged, err := c.book().Turns(ctx, id)
	if err != nil {
		return Transcript{}, err
	}
	return Transcript{Conversation: head, All: turns, Path: path(turns, head.Leaf), Damaged: damaged}, nil
}

func (c *Conversations) head(ctx context.Context, id string) (record.Conversation, error) {
	head, err := c.book().Head(ctx, id)
	if errors.Is(err, core.ErrNotFound) {
		return head, core.Explain(err, "error.chat.conversation")
	}
	return head, err
}

// turn reads a turn of a conversation that is there.
func (c *Conversations) turn(ctx context.Context, conversation, id string) (record.Turn, error) {
	if _, err := c.head(ctx, conversation); err != nil {
		return record.Turn{}, err
	}
	t, err := c.book().Turn(ctx, conversation, id)
	if errors.Is(err, core.ErrNotFound) {
		return t, core.Explain(err, "error.chat.turn")
	}
	return t, err
}

// path leads from the first turn to a leaf; without that leaf, to the newest turn.
func path(turns []record.Turn, leaf string) []Step {
	if len(turns) == 0 {
		return nil
	}
	byID := map[string]record.Turn{}
	children := map[string][]string{}
	for _, t := range turns {
		byID[t.ID] = t
		children[t.Parent] = append(children[t.Parent], t.ID)
	}
	at, ok := byID[leaf]
	if !ok {
		at = turns[len(turns)-1]
	}
	var steps []Step
	for ok := true; ok; at, ok = byID[at.Parent] {
		siblings := children[at.Parent]
		steps = append(steps, Step{Turn: at, Siblings: siblings, Branch: 1 + slices.Index(siblings, at.ID)})
		delete(byID, at.ID) // a circle of parents ends
	}
	slices.Reverse(steps)
	return steps
}

// Rename gives a conversation a title.
func (c *Conversations) Rename(ctx context.Context, id, title string) error {
	title = titleOf(title)
	if title == "" {
		return core.Explain(fmt.Errorf("rename conversation %s: %w", id, core.ErrUsage), "error.chat.title")
	}
	return c.change(ctx, id, func(head *record.Conversation) error {
		head.Title = title
		return nil
	})
}

// change changes the head of a conversation.
func (c *Conversations) change(ctx context.Context, id string, change func(*record.Conversation) error) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	head, err := c.head(ctx, id)
	if err == nil {
		err = change(&head)
	}
	if err == nil {
		err = c.book().PutHead(ctx, head)
	}
	if err == nil {
		c.Bus.Tell(TopicConversations)
	}
	return err
}

// Delete erases a conversation: no file of the library holds its bytes when it returns. What it has corrected is erased with
// it where corrections is set, and stays otherwise.
func (c *Conversations) Delete(ctx context.Context, id string, corrections bool) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	if _, err := c.head(ctx, id); err != nil && !errorsIsAny(err, core.ErrCorrupt) { // a damaged one can go
		return err
	}
	var ids []string
	if corrections {
		all, _, err := c.book().Corrections(ctx)
		if err != nil {
			return err
		}
		for _, k := range all {
			if k.Conversation == id {
				ids = append(ids, k.ID)
			}
		}
	}
	// What is begun is finished: half a deletion helps nobody. The conversation goes last: after a crash it is there to be deleted
	// again, with the corrections that are left.
	ctx = context.WithoutCancel(ctx)
	err := c.book().EraseCorrections(ctx, ids...)
	if err == nil {
		err = c.book().Erase(ctx, id)
	}
	c.texts.forget(id)
	c.Bus.Tell(TopicConversations)
	return err
}

// Show makes the branch through a turn the one that is shown, down to its newest leaf.
func (c *Conversations) Show(ctx context.Context, conversation, turn string) error {
	turns, _, err := c.book().Turns(ctx, conversation)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(turns, func(t record.Turn) bool { return t.ID == turn }) {
		return core.Explain(fmt.Errorf("turn %s: %w", turn, core.ErrNotFound), "error.chat.turn")
	}
	below := map[string]bool{turn: true}
	leaf := turn
	for _, t := range turns { // oldest first: a parent comes before its children
		if below[t.Parent] {
			below[t.ID] = true
			leaf = t.ID
		}
	}
	return c.change(ctx, conversation, func(head *record.Conversation) error {
		head.Leaf = leaf
		return nil
	})
}

// ShowAnswer makes the answer at place i of a turn the one that is shown.
func (c *Conversations) ShowAnswer(ctx context.Context, conversation, turn string, i int) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	t, err := c.turn(ctx, conversation, turn)
	if err != nil {
		return err
	}
	if i < 0 || i >= len(t.Answers) {
		return fmt.Errorf("answer %d of turn %s: %w", i, turn, core.ErrNotFound)
	}
	t.Shown = i
	if err := c.book().PutTurn(ctx, t); err != nil {
		return err
	}
	c.Bus.Tell(TopicConversations)
	return nil
}

// Judge remembers what a person thinks of an answer.
func (c *Conversations) Judge(ctx context.Context, conversation, turn, given string, v record.Verdict) error {
	if v != record.Right && v != record.Wrong && v != record.Unjudged {
		return fmt.Errorf("verdict %q: %w", v, core.ErrUsage)
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	_, err := c.judge(ctx, conversation, turn, given, v)
	if err == nil {
		c.Bus.Tell(TopicConversations)
	}
	return err
}

// judge is Judge for who holds changing.
func (c *Conversations) judge(ctx context.Context, conversation, turn, given string, v record.Verdict) (record.Turn, error) {
	t, err := c.turn(ctx, conversation, turn)
	if err != nil {
		return t, err
	}
	g, _, ok := t.Given(given)
	if !ok {
		return t, core.Explain(fmt.Errorf("answer %s: %w", given, core.ErrNotFound), "error.chat.turn")
	}
	g.Verdict = v
	return t, c.book().PutGiven(ctx, conversation, turn, g)
}

// titleOf is the first line of a text, shortened.
func titleOf(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= maxTitleChars {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:maxTitleChars-1])) + "…"
}
