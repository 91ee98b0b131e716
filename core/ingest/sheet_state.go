package ingest

import (
	"strings"

	"github.com/klippa-app/go-pdfium/requests"

	"kakoi/core"
)

// sheetState is what a page of a PDF has besides its text.
type sheetState struct {
	garbled int  // characters that mean nothing
	drawn   bool // there is something to see; looked at only where there is no text
}

// state tells what the page holds, once its text s has been read.
func (t pdfText) state(s string) sheetState {
	out := sheetState{garbled: *t.lost}
	if strings.TrimSpace(s) != "" {
		return out
	}
	count, err := t.p.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: requests.Page{ByReference: &t.sheet}})
	out.drawn = err == nil && count.Count > 0
	if !out.drawn { // forms and notes are drawn, too
		notes, err := t.p.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: requests.Page{ByReference: &t.sheet}})
		out.drawn = err == nil && notes.Count > 0
	}
	return out
}

// fewGarbled characters on a page with text are signs of a formula or ornaments: left out, and not worth a person's time.
const fewGarbled = 5

// noteSheet notes what a person should know of a page, and says whether its letters mean nothing.
func (q *budget) noteSheet(number int, text string, state sheetState, err error) (garbled bool) {
	empty := strings.TrimSpace(text) == ""
	switch {
	case err != nil:
		q.note(core.Finding{What: core.FindingBroken, Page: number})
	case state.garbled > 0 && (empty || state.garbled >= fewGarbled):
		q.note(core.Finding{What: core.FindingGarbled, Page: number, Count: state.garbled})
		return true
	case empty && state.drawn:
		q.note(core.Finding{What: core.FindingPicture, Page: number})
	case empty:
		q.note(core.Finding{What: core.FindingBlank, Page: number})
	}
	return false
}
