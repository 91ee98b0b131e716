// Package dataset makes training rows: from documents, from files of questions and answers, from corrections.
//
// # Words
//
// A Draft is a question with an answer that stands in a document, and the place where it does. Drafts are made from passages by
// rule (Drafts) or by a chat model (Ask). Build turns drafts into core.Rows: it checks that the answer can be found again at its place and
// that the question retrieves that place, builds the prompt through a Retriever (the chat's own search and prompt code), makes
// refusal rows, drops near-duplicates and splits the rows by document. What is left out is counted by Reason.
//
// A refusal row is a question whose right answer is that the documents do not say. It is made so that this is true: the gold passage of
// a question is hidden from the search (Hiding) and the near ones stay, and a row is dropped when one of those holds the answer too;
// or a name or a number of the question is changed to one that no passage found for it has, while the passage that answered it stays (a contrast);
// or a question of another collection is asked.
//
// A Table is a file of rows as a person made it: JSON lines, CSV, TSV or XLSX, in any encoding core/ingest knows. What is wrong in it is told
// as Problems with line numbers; the good lines are kept.
//
// # Determinism
//
// The same documents, settings and seed give the same bytes. Everything random is drawn from a PCG32 that is seeded from the
// settings' seed, and nothing depends on the order of a map or on which of two goroutines is first.
//
// The package is pure Go, keeps no state and owns nothing.
package dataset
