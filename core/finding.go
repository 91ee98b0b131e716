package core

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is something about a Document that a person should know: a page without text, letters without meaning, an attachment that could
// not be read. What was read without trouble has none.
type Finding struct {
	What  FindingKind `json:"what"`
	Page  int         `json:"page,omitempty"`  // Page.Number, from 1; 0: the document as a whole
	Last  int         `json:"last,omitempty"`  // of a run of pages that begins with Page; 0: Page alone
	Name  string      `json:"name,omitempty"`  // of the attachment or the file inside that it is about, or of the encoding
	Why   FindingWhy  `json:"why,omitempty"`   // of FindingInside and FindingCut
	Count int         `json:"count,omitempty"` // see FindingKind
}

// FindingKind says what a Finding is about.
type FindingKind string

const (
	FindingPicture  FindingKind = "picture"  // pages that show pictures and hold no text
	FindingBlank    FindingKind = "blank"    // pages on which there is nothing
	FindingGarbled  FindingKind = "garbled"  // pages all of whose letters have fonts that do not say what they mean, left out; Count of them
	FindingPartly   FindingKind = "partly"   // pages some of whose letters are such; Count of them
	FindingBroken   FindingKind = "broken"   // pages that could not be read
	FindingInside   FindingKind = "inside"   // an attachment, or a file in an archive, that could not be read: Name, Why
	FindingCut      FindingKind = "cut"      // a limit left something out: Why says which; Count of what was left out
	FindingEncoding FindingKind = "encoding" // a text with Count characters that do not exist in its encoding, Name
	FindingOCR      FindingKind = "ocr"      // pages whose text was read from their picture; Count is the reader's confidence, 0 to 100
	FindingNoOCR    FindingKind = "no_ocr"   // pages on whose picture no text was found
	FindingLocked   FindingKind = "locked"   // a file that a password of it would open
	FindingMore     FindingKind = "more"     // Count further findings that are not kept
)

// FindingWhy is the reason of a Finding.
type FindingWhy string

const (
	WhyPassword FindingWhy = "password" // protected
	WhyLarge    FindingWhy = "large"    // beyond a limit of size or number
	WhyCorrupt  FindingWhy = "corrupt"  // damaged
	WhyKind     FindingWhy = "kind"     // of a kind that is not read
	WhyScan     FindingWhy = "scan"     // pictures of pages only
	WhyGarbled  FindingWhy = "garbled"  // fonts without meaning
	WhyEmpty    FindingWhy = "empty"    // nothing in it
	WhyNested   FindingWhy = "nested"   // files in files in files
	WhyOld      FindingWhy = "old"      // an old format of Office
	WhyText     FindingWhy = "text"     // said to be text, and is none
	WhyPages    FindingWhy = "pages"    // FindingCut: more pages or parts than are read
	WhyFiles    FindingWhy = "files"    // FindingCut: more attachments than are read
)

// doubtful is the confidence, of 100, below which a page that was read from its picture should be looked at: there about every
// fifth character is another one.
const doubtful = 60

// Attention says whether a person may want to do something about it; the other findings are for completeness.
func (f Finding) Attention() bool {
	switch f.What {
	case FindingBlank:
		return false
	case FindingOCR:
		return f.Count < doubtful
	case FindingInside:
		return f.Why != WhyEmpty
	}
	return true
}

// Pages are the numbers of the pages it is about: none for the document as a whole.
func (f Finding) Pages() int {
	switch {
	case f.Page == 0:
		return 0
	case f.Last < f.Page:
		return 1
	}
	return f.Last - f.Page + 1
}

// Range is "3" or "3-7", or "" for the document as a whole.
func (f Finding) Range() string {
	switch {
	case f.Page == 0:
		return ""
	case f.Last > f.Page:
		return fmt.Sprintf("%d-%d", f.Page, f.Last)
	}
	return fmt.Sprint(f.Page)
}

// mostFindings of a document are kept: they lie in its record, beside its name.
const mostFindings = 400

// Findings puts findings in order and joins those of neighbouring pages that say the same. No more than a few hundred are kept, those
// that need attention first; the last says how many are not.
func Findings(all []Finding) []Finding {
	if len(all) == 0 {
		return nil
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Page, b.Page))
	})
	var out []Finding
	sum := 0 // of the confidences of the pages joined
	for _, f := range all {
		if n := len(out); n > 0 {
			last := &out[n-1]
			joinable := last.What == f.What && last.Why == f.Why && last.Name == f.Name && last.Attention() == f.Attention() && last.Page > 0 && f.Page > 0 && f.Page <= max(last.Page, last.Last)+1
			if joinable {
				if f.What == FindingOCR {
					sum += f.Count * f.Pages()
					last.Count = sum / (last.Pages() + f.Pages())
				} else {
					last.Count += f.Count
				}
				if end := max(f.Page, f.Last); end > last.Page {
					last.Last = max(last.Last, end)
				}
				continue
			}
		}
		sum = f.Count * f.Pages()
		out = append(out, f)
	}
	if len(out) > mostFindings {
		slices.SortStableFunc(out, func(a, b Finding) int {
			switch {
			case a.Attention() == b.Attention():
				return 0
			case a.Attention():
				return -1
			}
			return 1
		})
		rest := len(out) - mostFindings + 1
		out = append(out[:mostFindings-1], Finding{What: FindingMore, Count: rest})
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(a.Page, b.Page) })
	return out
}
