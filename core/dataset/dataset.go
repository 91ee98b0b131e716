package dataset

import (
	"context"

	"kakoi/core"
	"kakoi/core/rag"
)

// Document is a document with its text, as drafts are made of it.
type Document struct {
	ID    string
	Name  string
	Pages []core.Page
	// Chunks as they are searched, for drafts by a model; may be nil.
	Chunks []core.Chunk
}

// text of a page; "" when there is none of that number.
func (d Document) page(number int) string {
	for _, p := range d.Pages {
		if p.Number == number {
			return p.Text
		}
	}
	return ""
}

// Kind says which rule made a Draft.
type Kind string

const (
	KindDefinition Kind = "definition" // what something is
	KindNumber     Kind = "number"     // how many, how much, how long
	KindDate       Kind = "date"       // when, by the calendar
	KindTime       Kind = "time"       // when, by the clock
	KindPlace      Kind = "place"      // where
	KindPerson     Kind = "person"     // who
	KindHow        Kind = "how"        // what to do
	KindWhy        Kind = "why"
	KindTable      Kind = "table"   // a cell of a table's row
	KindPair       Kind = "pair"    // "label: value"
	KindHeading    Kind = "heading" // what stands under a heading
	KindModel      Kind = "model"   // drafted by a chat model
)

// Draft is a question, its answer, and where that stands.
type Draft struct {
	Question string
	Answer   string // as it is trained: Core with what makes it a sentence
	Core     string // literally in the document, line breaks aside
	Source   core.RowSource
	Origin   core.RowOrigin
	Kind     Kind
	Language string // "ja", "en"

	// Of what a person wrote.
	Refusal  bool     // the right answer is that the documents do not say; Answer is then the template's sentence
	Passages []string // the prompt is built of these; nil: of what is found
	Free     bool     // the answer is a person's words: it need not stand anywhere, and Source may be zero

	title string // of the document, for a question that needs it
}

// hasSource says whether the draft was made from a place.
func (d Draft) hasSource() bool { return d.Source.Document != "" }

// Retriever prepares a question as the chat does. hide are places of documents that the library shall not have: chunks that touch
// one of them are not found.
type Retriever interface {
	Prepare(ctx context.Context, question string, hide []core.RowSource) (rag.Prepared, error)
	// PrepareWith builds the prompt of given passages.
	PrepareWith(ctx context.Context, question string, passages []core.Passage) (rag.Prepared, error)
}

// Settings say what to build.
type Settings struct {
	Share float64 // of refusal rows in the result, 0 to 0.9
	Held  float64 // of rows kept back for validation and exam, 0 to 0.9; whole documents are held
	Rows  int     // at most; 0: as many as there are
	Seed  uint64
}

// Defaults.
const (
	DefaultShare = 0.5
	DefaultHeld  = 0.2
	DefaultRows  = 600
	// MaxRows is the largest Dataset.
	MaxRows = 50_000
)

// Reason says why a draft became no row. Its text is that of the key "dataset.left." + Reason.
type Reason string

const (
	LeftSame      Reason = "same"      // the same question with the same answer
	LeftAmbiguous Reason = "ambiguous" // the same question has other answers
	LeftAnswer    Reason = "answer"    // the answer is not at its place
	LeftFar       Reason = "far"       // the question does not retrieve its own passage
	LeftNothing   Reason = "nothing"   // nothing is found for the question: the chat would not ask the model
	LeftTwice     Reason = "twice"     // a near-duplicate of another row
	LeftElsewhere Reason = "elsewhere" // no refusal row: another passage holds the answer too
	LeftModel     Reason = "model"     // the model's draft broke a rule
	LeftHeading   Reason = "heading"   // more questions about headings than a tenth of the rows
	LeftLong      Reason = "long"      // the question leaves no room for passages
)

// Reasons in the order they are told.
var Reasons = []Reason{LeftFar, LeftAmbiguous, LeftSame, LeftTwice, LeftAnswer, LeftNothing, LeftElsewhere, LeftModel, LeftHeading, LeftLong}

// Left counts what was left out.
type Left map[Reason]int

// Result is what Build made.
type Result struct {
	Rows  []core.Row // by document, refusals behind the rows they are made of
	Left  Left
	Short int // refusal rows that Share asks for and that could not be made
}
