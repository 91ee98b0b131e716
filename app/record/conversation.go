package record

import (
	"fmt"
	"time"

	"kakoi/core"
)

// Conversation is the head of a tree of turns.
type Conversation struct {
	ID         string    `json:"id"` // 16 hex digits
	Title      string    `json:"title"`
	Collection string    `json:"collection"` // name of the one asked last; "" is the library's default
	Created    time.Time `json:"created"`
	Changed    time.Time `json:"changed"`
	Turns      int       `json:"turns"` // of all branches
	Leaf       string    `json:"leaf"`  // Turn.ID at the end of the branch that is shown
}

// Turn is one question and the answers it was given.
type Turn struct {
	ID           string    `json:"id"` // 16 hex digits
	Conversation string    `json:"conversation"`
	Parent       string    `json:"parent"` // Turn.ID; "": the conversation begins here
	Question     string    `json:"question"`
	Collection   string    `json:"collection"`
	Asked        time.Time `json:"asked"`
	Answers      []Given   `json:"answers"` // in the order given
	Shown        int       `json:"shown"`   // place in Answers
}

// Answer is the answer that is shown; false while there is none.
func (t Turn) Answer() (Given, bool) {
	if t.Shown < 0 || t.Shown >= len(t.Answers) {
		return Given{}, false
	}
	return t.Answers[t.Shown], true
}

// Given finds an answer and its place by id.
func (t Turn) Given(id string) (Given, int, bool) {
	for i, g := range t.Answers {
		if g.ID == id {
			return g, i, true
		}
	}
	return Given{}, 0, false
}

// Modes of answering.
const (
	ModeModel   = "model"   // one chat model
	ModeAdapter = "adapter" // one chat model with an adapter
	ModeCompare = "compare" // one of two that answered side by side
)

// By names who gave the answer: the model, and the adapter with the hash of its weights.
func (g Given) By() string {
	if g.Adapter == "" {
		return g.Model
	}
	return fmt.Sprintf("%s + %s (%s)", g.Model, g.AdapterName, g.Adapter)
}

// Verdict is what a person thinks of an answer.
type Verdict string

const (
	Unjudged Verdict = ""
	Right    Verdict = "right"
	Wrong    Verdict = "wrong"
)

// Given is one answer to a Turn, or what became of it.
type Given struct {
	ID          string      `json:"id"` // 16 hex digits
	Mode        string      `json:"mode"`
	Model       string      `json:"model"`                  // name
	Adapter     string      `json:"adapter,omitempty"`      // Adapter.ID; "": the model as it is
	AdapterName string      `json:"adapter_name,omitempty"` // as it was called then
	Group       string      `json:"group,omitempty"`        // the same for answers given together
	Answer      core.Answer `json:"answer"`                 // with its Receipt
	At          time.Time   `json:"at"`                     // the end of it
	Stopped     bool        `json:"stopped,omitempty"`      // by the person; Answer.Text is what came until then
	Failure     *Failure    `json:"failure,omitempty"`
	Verdict     Verdict     `json:"verdict,omitempty"`
	Pending     int         `json:"pending,omitempty"` // refused while so many documents were not searchable yet
}
