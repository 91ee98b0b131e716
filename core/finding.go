package core

// Finding is something about a Document that a person should know: a page without text, letters without meaning, an attachment that could
// not be read. What was read without trouble has none.
type Finding struct {
	What  FindingKind `json:"what"`
	Page  int         `json:"page,omitempty"`  // Page.Number, from 1; 0: the document as a whole
	Last  int         `json:"last,omitempty"`  // of a run of pages that begins with Page; 0: Page alone
	Also  string      `json:"also,omitempty"`  // further runs of pages, "12,14-17": see Findings
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
	WhyLetters  FindingWhy = "letters"  // FindingCut: more characters on a page than are read
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
