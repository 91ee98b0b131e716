package ingest

import (
	"strings"

	"kakoi/core"
)

// sheetState is what a page of a PDF has besides its text.
type sheetState struct {
	garbled int  // characters that mean nothing
	drawn   bool // there is something to see
	cut     int  // characters beyond what is read of a page
}

// fewGarbled characters on a page with text are signs of a formula or ornaments: left out, and not worth a person's time.
const fewGarbled = 5

// noteSheet notes what a person should know of a page, and says whether its letters mean nothing.
func (q *budget) noteSheet(number int, text string, state sheetState, err error) (garbled bool) {
	empty := strings.TrimSpace(text) == ""
	if state.cut > 0 {
		q.note(core.Finding{What: core.FindingCut, Why: core.WhyLetters, Page: number, Count: state.cut})
	}
	switch {
	case err != nil:
		q.note(core.Finding{What: core.FindingBroken, Page: number})
	case state.garbled > 0 && empty:
		q.note(core.Finding{What: core.FindingGarbled, Page: number, Count: state.garbled})
		return true
	case state.garbled >= fewGarbled:
		q.note(core.Finding{What: core.FindingPartly, Page: number, Count: state.garbled})
	case empty && state.drawn:
		q.note(core.Finding{What: core.FindingPicture, Page: number})
	case empty:
		q.note(core.Finding{What: core.FindingBlank, Page: number})
	}
	return false
}
