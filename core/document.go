package core

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Collection is a named set of Documents that are searched together.
type Collection struct {
	ID      string    `json:"id"`   // 8 hex digits, part of every key of the collection
	Name    string    `json:"name"` // what people call it
	Created time.Time `json:"created"`
}

// DocumentState says how far a Document has come.
type DocumentState string

const (
	DocumentReady   DocumentState = "ready"   // searchable
	DocumentPending DocumentState = "pending" // text is in, some vectors are missing: `add` goes on here
	DocumentFailed  DocumentState = "failed"  // could not be read; Reason and Hint say why
)

// Document is one file of a Collection.
type Document struct {
	ID       string        `json:"id"`       // DocumentID(Source)
	Name     string        `json:"name"`     // file name; in an archive "archive.zip/folder/name"
	Source   string        `json:"source"`   // absolute path it was read from, which may lead into a zip archive
	Kind     string        `json:"kind"`     // "txt", "pdf", "docx", ...: what core/ingest reads
	SHA256   string        `json:"sha256"`   // of the file's bytes, hex
	Size     int64         `json:"size"`     // bytes
	Modified time.Time     `json:"modified"` // of the file
	Added    time.Time     `json:"added"`
	Pages    int           `json:"pages"`
	Chunks   int           `json:"chunks"`
	State    DocumentState `json:"state"`
	Reason   string        `json:"reason,omitempty"` // one sentence, only when failed
	Hint     string        `json:"hint,omitempty"`
	Split    string        `json:"split,omitempty"`    // fingerprint of the SplitSettings its chunks were made with
	Embedder string        `json:"embedder,omitempty"` // EmbedderInfo.ID its vectors were made with
	Reader   int           `json:"reader,omitempty"`   // core/ingest's Version that read it; 0: one that told no findings
	Findings []Finding     `json:"findings,omitempty"` // what a person should know of it and its pages
}

// DocumentID is the identity of the file at an absolute path: adding the same path again replaces
// the Document. It is 16 hex digits, the first 8 bytes of the path's SHA-256.
func DocumentID(absPath string) string {
	h := sha256.Sum256([]byte(absPath))
	return hex.EncodeToString(h[:8])
}

// Page is one page of a Document: a sheet of a PDF or a workbook, a slide, a chapter of a book, an attachment of a mail; the whole of a
// format without pages.
type Page struct {
	Number int    `json:"number"` // from 1
	Text   string `json:"text"`   // NFC not applied: offsets refer to exactly this text
}

// Chunk is a stretch of a Page. Text == string([]rune(page.Text)[Start:End]).
type Chunk struct {
	Document string `json:"document"` // Document.ID
	Ordinal  int    `json:"ordinal"`  // from 0, in reading order of the whole Document
	Page     int    `json:"page"`     // Page.Number
	Start    int    `json:"start"`    // first character (Unicode code point) in the page's text
	End      int    `json:"end"`      // one past the last character
	Text     string `json:"text"`
}

// Vector is an L2-normalised embedding.
type Vector []float32

// SplitSettings says how Pages become Chunks (core/ingest).
type SplitSettings struct {
	Separators []string `json:"separators"`         // tried in order; "" splits between characters
	Size       int      `json:"size"`               // characters (code points) at most
	Overlap    int      `json:"overlap"`            // characters repeated from the previous chunk
	KeepEnd    bool     `json:"keep_end,omitempty"` // a separator ends its piece; otherwise it begins the next, as in LangChain
}
