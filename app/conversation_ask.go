package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/rag"
)

// AskTurn is a question in a conversation.
type AskTurn struct {
	Conversation string // "": a new one
	Parent       string // Turn.ID it is asked after; "": the first of the conversation. A question is edited by asking after its Parent
	Question     string
	Collection   string   // "": the conversation's, for a new one that of Library.Collection
	Models       []string // names; none: the one in use; two: they are compared
	Adapters     []string // of the one model, as AskOptions.Adapter; two: they are compared, in one batch
	Options      AskOptions
}

const (
	maxModels = 2 // that answer side by side
	// againTemperature is that of an answer given again: decoding greedily would only repeat the one before.
	againTemperature = 0.6
)

// Ask stores a question, has it answered and stores the answer. hear (nil is allowed) is told how it goes, from one goroutine at a
// time and not after the return. The end of ctx keeps what came, and so does an error; both are returned beside the turn.
//
// Errors before anything is stored: core.ErrUsage, core.ErrTooLarge (no question, too long a one), core.ErrNotFound (of the
// conversation, the parent or the collection).
func (c *Conversations) Ask(ctx context.Context, ask AskTurn, hear func(Event)) (record.Turn, error) {
	if err := checkQuestion(ask.Question); err != nil {
		return record.Turn{}, err
	}
	if len(ask.Adapters) > 0 {
		ask.Options.Adapters = ask.Adapters
	}
	if err := compared(ask.Models, ask.Options.Adapters); err != nil {
		return record.Turn{}, err
	}
	head, turn, err := c.begin(ctx, ask)
	if err != nil {
		return record.Turn{}, err
	}
	return c.answer(ctx, head, turn, ask.Models, ask.Options, hear)
}

// Again answers a turn once more. The new answer is the one that is shown. Where opt leaves temperature and seed alone and a model
// has answered already, it is sampled with another seed.
func (c *Conversations) Again(ctx context.Context, conversation, turn string, models []string, opt AskOptions, hear func(Event)) (record.Turn, error) {
	if err := compared(models, opt.Adapters); err != nil {
		return record.Turn{}, err
	}
	head, err := c.head(ctx, conversation)
	if err != nil {
		return record.Turn{}, err
	}
	t, err := c.turn(ctx, conversation, turn)
	if err != nil {
		return record.Turn{}, err
	}
	if opt.Temperature == nil && opt.Seed == 0 {
		for _, g := range t.Answers {
			if r := g.Answer.Receipt; r != nil && r.Prompt != "" && !g.Stopped && g.Failure == nil {
				opt.Seed = uint64(len(t.Answers) + 1)
				if r.Sampling.Temperature == 0 {
					temperature := againTemperature
					opt.Temperature = &temperature
				}
			}
		}
	}
	return c.answer(ctx, head, t, models, opt, hear)
}

// compared refuses more than two who answer side by side.
func compared(models, adapters []string) error {
	if len(models) > maxModels || len(adapters) > maxLanes || len(models) > 1 && len(adapters) > 1 {
		return fmt.Errorf("ask %d models with %d adapters: %w", len(models), len(adapters), core.ErrUsage)
	}
	return nil
}

// begin stores the question.
func (c *Conversations) begin(ctx context.Context, ask AskTurn) (head record.Conversation, turn record.Turn, err error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	now := time.Now().UTC()
	if ask.Conversation == "" {
		if ask.Parent != "" {
			return head, turn, fmt.Errorf("ask after turn %s of no conversation: %w", ask.Parent, core.ErrUsage)
		}
		head = record.Conversation{ID: record.NewID(), Title: titleOf(ask.Question), Created: now}
	} else if head, err = c.head(ctx, ask.Conversation); err != nil {
		return head, turn, err
	}
	if ask.Parent != "" {
		if _, err := c.turn(ctx, head.ID, ask.Parent); err != nil {
			return head, turn, err
		}
	}
	if ask.Collection == "" {
		ask.Collection = head.Collection
	}
	collection, err := c.Chat.Library.Collection(ctx, ask.Collection)
	if err != nil && !errors.Is(err, core.ErrEmpty) {
		return head, turn, err
	}
	turn = record.Turn{
		ID: record.NewID(), Conversation: head.ID, Parent: ask.Parent, Question: ask.Question, Collection: collection.Name, Asked: now,
	}
	// The head goes first: a turn without one would be seen by nobody.
	head.Collection, head.Changed, head.Turns, head.Leaf = collection.Name, now, head.Turns+1, turn.ID
	if err := c.book().PutHead(ctx, head); err != nil {
		return head, turn, err
	}
	if err := c.book().PutTurn(ctx, turn); err != nil {
		return head, turn, err
	}
	c.texts.forget(head.ID)
	c.Bus.Tell(TopicConversations)
	return head, turn, nil
}

// answer has each model answer, one after the other: their speeds can be compared, and the first is read meanwhile. The adapters of
// one model answer in one batch.
func (c *Conversations) answer(ctx context.Context, head record.Conversation, turn record.Turn, models []string, opt AskOptions, hear func(Event)) (record.Turn, error) {
	h := &hearing{hear: hear}
	defer h.end()
	first := len(turn.Answers)
	h.tell(TurnStarted{Conversation: head, Turn: turn, First: first})
	if len(models) == 0 {
		models = []string{""}
	}
	group := ""
	if len(models) > 1 || len(opt.Adapters) > 1 {
		group = record.NewID()
		for _, name := range models {
			defer c.Chat.Models.hold(name)()
		}
	}
	var failed error
	for _, name := range models {
		given, err := c.give(ctx, turn, name, opt, len(turn.Answers), h)
		failed = errors.Join(failed, err)
		for _, g := range given {
			g.Group = group
			if group != "" {
				g.Mode = record.ModeCompare
			}
			place := len(turn.Answers)
			if turn, err = c.keep(ctx, turn, g, first); err != nil {
				return turn, errors.Join(failed, err)
			}
			h.tell(Answered{Given: place, Answer: g})
		}
		if ctx.Err() != nil {
			break
		}
	}
	h.tell(Finished{Turn: turn})
	return turn, failed
}

// give has one model answer, with each of its adapters that are asked. The error is also in what is given.
func (c *Conversations) give(ctx context.Context, turn record.Turn, model string, opt AskOptions, place int, h *hearing) ([]record.Given, error) {
	lanes := max(1, len(opt.Adapters))
	opt.Collection, opt.Model = turn.Collection, model
	opt.OnPassages = func(ps []core.Passage) {
		for i := range lanes {
			h.tell(PassagesFound{Given: place + i, Passages: ps})
		}
	}
	answers, err := c.Chat.AskEach(ctx, turn.Question, opt, func(i int, d core.Delta) error {
		h.tell(Delta{Given: place + i, Text: d.Text, Tokens: d.Tokens})
		return nil
	}, h.loading(place))
	if len(answers) != lanes { // none was asked
		answers = make([]core.Answer, lanes)
	}
	given := make([]record.Given, lanes)
	for i, answer := range answers {
		given[i] = c.given(ctx, turn, model, answer, err)
	}
	return given, err
}

// given is what an answer, and the error that it ended with, come to.
func (c *Conversations) given(ctx context.Context, turn record.Turn, model string, answer core.Answer, err error) record.Given {
	g := record.Given{ID: record.NewID(), Mode: record.ModeModel, Model: answer.Model, Answer: answer, At: time.Now().UTC()}
	g.Answer.Question = turn.Question
	if g.Model == "" {
		g.Model = model
	}
	if g.Model == "" {
		g.Model = c.Chat.Settings.Get().ChatModel
	}
	if g.Adapter = answer.Adapter; g.Adapter != "" {
		g.Mode = record.ModeAdapter
		if x, err := c.Chat.Adapters.book().Adapter(ctx, g.Adapter); err == nil {
			g.AdapterName = x.Name
		}
	}
	switch {
	case err == nil && answer.Refused:
		g.Pending = c.pending(ctx, turn.Collection)
	case err == nil:
	case ctx.Err() != nil || errors.Is(err, context.Canceled):
		g.Stopped = true
	default:
		g.Failure = record.Failed(err)
	}
	if err != nil && answer.Text != "" {
		// Without the embedder, which takes a while: what its words do not find is left alone, and nothing is called unsupported.
		g.Answer.Citations, _, _ = rag.CiteAnswer(context.WithoutCancel(ctx), turn.Question, answer.Text, answer.Passages, nil)
	}
	return g
}

// pending counts what of a collection cannot be found yet: documents on their way, and adds that have not come to theirs.
func (c *Conversations) pending(ctx context.Context, collection string) int {
	l := c.Chat.Library
	n := 0
	if found, err := l.Collection(ctx, collection); err == nil {
		if stats, err := l.Store.Stats(ctx, found.ID); err == nil {
			n = stats.Pending
		}
		collection = found.Name
	}
	if _, plans, err := l.Unfinished(ctx); err == nil {
		for _, p := range plans {
			if collection == "" || p.Collection == collection {
				n++
			}
		}
	}
	return n
}

// keep stores an answer, also when ctx has ended: it is what came.
func (c *Conversations) keep(ctx context.Context, turn record.Turn, g record.Given, shown int) (record.Turn, error) {
	ctx = context.WithoutCancel(ctx)
	c.changing.Lock()
	defer c.changing.Unlock()
	head, err := c.head(ctx, turn.Conversation) // it may be erased by now
	if err != nil {
		return turn, err
	}
	now, err := c.turn(ctx, turn.Conversation, turn.ID)
	if err != nil {
		return turn, err
	}
	if n := len(now.Answers); n > 0 && !g.At.After(now.Answers[n-1].At) {
		g.At = now.Answers[n-1].At.Add(1) // the clock was put back
	}
	if err := c.book().PutGiven(ctx, turn.Conversation, turn.ID, g); err != nil {
		return now, err
	}
	now.Answers = append(now.Answers, g)
	if now.Shown != shown {
		now.Shown = shown
		if err := c.book().PutTurn(ctx, now); err != nil {
			return now, err
		}
	}
	head.Changed = time.Now().UTC()
	if err := c.book().PutHead(ctx, head); err != nil {
		return now, err
	}
	c.texts.forget(head.ID)
	c.Bus.Tell(TopicConversations)
	return now, nil
}
