package record

import (
	"fmt"
	"strings"
	"time"

	"kakoi/core"
)

// CorrectionKind says what an answer should have been.
type CorrectionKind string

const (
	CorrectAnswer CorrectionKind = "answer" // this text
	CorrectAbsent CorrectionKind = "absent" // that the documents do not say
	CorrectPlace  CorrectionKind = "place"  // what stands at this place
)

// Place is a stretch of a page, or the whole page when Start and End are 0.
type Place struct {
	Document string `json:"document"` // Document.ID
	Name     string `json:"name"`
	Page     int    `json:"page"`
	Start    int    `json:"start"` // characters in the page's text
	End      int    `json:"end"`
	Text     string `json:"text"`
}

// Correction is what a person says to a wrong answer. Corrections become training rows.
type Correction struct {
	ID           string         `json:"id"` // 16 hex digits
	Conversation string         `json:"conversation"`
	Turn         string         `json:"turn"`
	Given        string         `json:"given"` // Given.ID
	Question     string         `json:"question"`
	Kind         CorrectionKind `json:"kind"`
	Answer       string         `json:"answer,omitempty"`
	Place        *Place         `json:"place,omitempty"`
	Collection   string         `json:"collection"`
	At           time.Time      `json:"at"`
}

// Validate returns an explained core.ErrUsage when the correction says nothing.
func (k Correction) Validate() error {
	switch {
	case strings.TrimSpace(k.Question) == "":
		return fmt.Errorf("correction without a question: %w", core.ErrUsage)
	case k.Kind == CorrectAnswer && strings.TrimSpace(k.Answer) == "":
		return core.Explain(fmt.Errorf("correction without an answer: %w", core.ErrUsage), "error.chat.correct.answer")
	case k.Kind == CorrectPlace && (k.Place == nil || k.Place.Document == "" || k.Place.Page < 1 || k.Place.End < k.Place.Start || k.Place.Start < 0):
		return core.Explain(fmt.Errorf("correction without a place: %w", core.ErrUsage), "error.chat.correct.place")
	case k.Kind != CorrectAnswer && k.Kind != CorrectAbsent && k.Kind != CorrectPlace:
		return fmt.Errorf("correction of kind %q: %w", k.Kind, core.ErrUsage)
	}
	return nil
}
