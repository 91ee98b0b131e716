package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kakoi/app/record"
	"kakoi/core"
)

// Correct remembers what an answer should have been and judges it wrong. The question and the collection are the turn's
// where they are empty, and so is the text of a place the page's. An answer has one correction: the last one.
func (c *Conversations) Correct(ctx context.Context, k record.Correction) (record.Correction, error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	t, err := c.turn(ctx, k.Conversation, k.Turn)
	if err != nil {
		return k, err
	}
	if k.Question == "" {
		k.Question = t.Question
	}
	if k.Collection == "" {
		k.Collection = t.Collection
	}
	k.Answer = strings.TrimSpace(k.Answer)
	if err := k.Validate(); err != nil {
		return k, fmt.Errorf("correct answer %s: %w", k.Given, err)
	}
	if k.Place != nil {
		if k.Place, err = c.placed(ctx, k.Collection, *k.Place); err != nil {
			return k, fmt.Errorf("correct answer %s: %w", k.Given, err)
		}
	}
	all, _, err := c.book().Corrections(ctx)
	if err != nil {
		return k, err
	}
	k.ID, k.At = record.NewID(), time.Now().UTC()
	for _, other := range all {
		if other.Conversation == k.Conversation && other.Turn == k.Turn && other.Given == k.Given {
			k.ID = other.ID
		}
	}
	if _, err := c.judge(ctx, k.Conversation, k.Turn, k.Given, record.Wrong); err != nil {
		return k, err
	}
	if err := c.book().PutCorrection(ctx, k); err != nil {
		return k, err
	}
	c.Bus.Tell(TopicConversations)
	return k, nil
}

// placed fills in the text of a place, and checks that it is there.
func (c *Conversations) placed(ctx context.Context, collection string, p record.Place) (*record.Place, error) {
	found, err := c.Chat.Library.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	text, err := Searcher{Store: c.Store, Collection: found.ID}.PageText(ctx, p.Document, p.Page)
	if err != nil {
		return nil, core.Explain(err, "error.chat.correct.place")
	}
	rs := []rune(text)
	if p.End == 0 {
		p.End = len(rs)
	}
	if p.End > len(rs) || p.Start > p.End {
		return nil, core.Explain(fmt.Errorf("characters %d to %d of a page of %d: %w", p.Start, p.End, len(rs), core.ErrUsage), "error.chat.correct.place")
	}
	p.Text = string(rs[p.Start:p.End])
	if p.Name == "" {
		if doc, err := c.Store.Document(ctx, found.ID, p.Document); err == nil {
			p.Name = doc.Name
		}
	}
	return &p, nil
}

// Corrections are all of them, newest first, and what of them cannot be read.
func (c *Conversations) Corrections(ctx context.Context) ([]record.Correction, []record.Damage, error) {
	return c.book().Corrections(ctx)
}

// RemoveCorrection erases a correction. The answer stays judged.
func (c *Conversations) RemoveCorrection(ctx context.Context, id string) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	if _, err := c.book().Correction(ctx, id); err != nil && !errorsIsAny(err, core.ErrCorrupt) {
		return core.Explain(err, "error.chat.correction")
	}
	if err := c.book().EraseCorrections(ctx, id); err != nil {
		return err
	}
	c.Bus.Tell(TopicConversations)
	return nil
}
