package resources

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"
)

//go:embed prompts/*.tmpl samples questions.json i18n/parts/*.json
var files embed.FS

// Icon is the program's mark as a PNG of 256 pixels; icon/kakoi.svg is its source.
//
//go:embed icon/kakoi-256.png
var Icon []byte

// Prompts holds the shipped prompt templates: ja.tmpl, en.tmpl.
var Prompts = sub("prompts")

// Samples holds the sample documents, all in one folder.
var Samples = sub("samples")

// RetrievalQuestions is the question file about the samples for `kakoi bench retrieval` (package recall).
//
//go:embed retrieval/samples.jsonl
var RetrievalQuestions []byte

// Question is a question about the samples and where its answer stands.
type Question struct {
	Lang     string   `json:"lang"`
	Text     string   `json:"question"`
	Document string   `json:"document"` // file name in Samples; empty: the samples do not answer it
	Accept   []string `json:"accept"`   // an answer holding one of these is right
	First    bool     `json:"first"`    // asked by `make run`
}

// Questions returns the questions about the samples.
var Questions = sync.OnceValues(func() ([]Question, error) {
	raw, err := files.ReadFile("questions.json")
	if err != nil {
		return nil, fmt.Errorf("read sample questions: %w", err)
	}
	var qs []Question
	if err := json.Unmarshal(raw, &qs); err != nil {
		return nil, fmt.Errorf("parse sample questions: %w", err)
	}
	return qs, nil
})

// sub returns a folder of files. The name is a constant of this file, so fs.Sub cannot fail.
func sub(dir string) fs.FS {
	s, err := fs.Sub(files, dir)
	if err != nil {
		panic(err)
	}
	return s
}
