// Package rag answers a question from passages: fusion of the two searches, joining of overlapping
// chunks, what stands around them, the context budget, the prompt, citations and refusal.
//
// An Asker does all of it over a Searcher, an Embedder and a Generator; the steps are exported, so that
// `kakoi search` uses Fuse and Join, and training builds prompts with the same Template. Nothing here
// is owned or closed: the models and the library belong to whoever made them.
//
// Positions are characters (Unicode code points) in the page's text, as everywhere in core.
package rag
