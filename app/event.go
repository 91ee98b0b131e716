package app

import (
	"sync"
	"time"

	"kakoi/app/record"
	"kakoi/core"
)

// Event is one step of an answer on its way. Given is the place the answer will have in Turn.Answers.
type Event interface{ event() }

type (
	// TurnStarted: the question is stored. First is the place of the first answer to come.
	TurnStarted struct {
		Conversation record.Conversation
		Turn         record.Turn
		First        int
	}
	// PassagesFound: these are searched out for the model, best first.
	PassagesFound struct {
		Given    int
		Passages []core.Passage
	}
	// Loading: the model is on its way into memory.
	Loading struct {
		Given  int
		Update core.Update
	}
	// Delta: more text.
	Delta struct {
		Given  int
		Text   string
		Tokens int
	}
	// Answered: an answer has come to its end, whatever that is, and is stored.
	Answered struct {
		Given  int
		Answer record.Given
	}
	// Finished: all answers are stored; the turn as it is now.
	Finished struct{ Turn record.Turn }
)

func (TurnStarted) event()   {}
func (PassagesFound) event() {}
func (Loading) event()       {}
func (Delta) event()         {}
func (Answered) event()      {}
func (Finished) event()      {}

// loadingEvery is how often a load is told of.
const loadingEvery = 100 * time.Millisecond

// hearing calls hear from one goroutine at a time until end.
type hearing struct {
	hear func(Event)

	mu    sync.Mutex
	ended bool
}

func (h *hearing) tell(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hear != nil && !h.ended {
		h.hear(e)
	}
}

// end: a load that goes on is not told of any more.
func (h *hearing) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
}

// loading tells of each stage, and in between now and then.
func (h *hearing) loading(place int) core.Progress {
	var mu sync.Mutex
	var last time.Time
	var stage string
	return func(u core.Update) {
		mu.Lock()
		now := time.Now()
		tell := u.Stage != stage || now.Sub(last) >= loadingEvery || u.Total > 0 && u.Done >= u.Total
		if tell {
			last, stage = now, u.Stage
		}
		mu.Unlock()
		if tell {
			h.tell(Loading{Given: place, Update: u})
		}
	}
}
