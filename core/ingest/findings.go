package ingest

import (
	"errors"
	"strings"

	"kakoi/core"
)

// Version counts the readers that told more of a file than those before.
const Version = 3

// changedIn are the kinds that later ones tell more of, and since when: pictures and scanned PDFs inside (2), single tildes (3).
var changedIn = map[string]int{"eml": 2, "md": 3, "mht": 2, "msg": 2, "zip": 2}

// Outdated says whether a document of a kind was read by a Version that told less of it than today's: it is read again when it is next added.
func Outdated(kind string, version int) bool { return version < max(1, changedIn[kind]) }

// mostNoted bounds what is remembered of a file while it is read; core.Findings keeps fewer.
const mostNoted = 50_000

// note remembers something that a person should know of the file being read.
func (q *budget) note(f core.Finding) {
	if len(q.found) < mostNoted {
		q.found = append(q.found, f)
	}
}

// inside says where the findings of a file inside the file begin.
func (q *budget) inside() (mark int) { return len(q.found) }

// entered numbers what was found since mark by the pages of the file around it, of which there are before so far, and names the
// file that it is about.
func (q *budget) entered(mark, before int, name string) {
	q.keeper.shift(mark, before)
	for i := range q.found[mark:] {
		f := &q.found[mark+i]
		switch {
		case f.Page > 0:
			f.Page += before
			if f.Last > 0 {
				f.Last += before
			}
		case f.What == core.FindingEncoding: // Name is the encoding, so the place tells the file
			f.Page = before + 1
		}
		if f.What == core.FindingInside && f.Name != "" {
			f.Name = name + "/" + f.Name
		} else if f.Name == "" {
			f.Name = name
		}
	}
}

// missed notes that a file inside the file could not be read; what was found in it until then is nothing by itself.
func (q *budget) missed(mark int, name string, err error) {
	q.keeper.drop(mark)
	q.found = q.found[:min(mark, len(q.found))]
	q.note(core.Finding{What: core.FindingInside, Name: name, Why: whyOf(err)})
}

// whyOf is the reason of an error of reading.
func whyOf(err error) core.FindingWhy {
	for _, known := range []struct {
		is  error
		why core.FindingWhy
	}{
		{errScan, core.WhyScan}, {errGarbled, core.WhyGarbled}, {errNotText, core.WhyText}, {errOldOffice, core.WhyOld}, {errNested, core.WhyNested},
		{core.ErrEncrypted, core.WhyPassword}, {core.ErrTooLarge, core.WhyLarge}, {core.ErrEmpty, core.WhyEmpty}, {core.ErrUnsupported, core.WhyKind},
	} {
		if errors.Is(err, known.is) {
			return known.why
		}
	}
	return core.WhyCorrupt
}

// noteLost notes characters that do not exist in the encoding a text was read with.
func (q *budget) noteLost(text, charset string) {
	if n := strings.Count(text, "\ufffd"); n > 0 {
		q.note(core.Finding{What: core.FindingEncoding, Name: charset, Count: n})
	}
}
