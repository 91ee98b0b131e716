// Package chat is the screen where questions are asked: conversations on the left, the transcript in the middle, sources on the
// right. It is built as every screen: model*.go is plain Go and knows no widgets, view*.go shows it.
//
// The Model belongs to the window's goroutine. Work runs through the shell's Go and comes back through Post; the view is told what
// changed and reads the rows. A transcript is rows: a question, stretches of an answer of some two thousand characters, what is said
// below an answer. Rows are known by keys, so that one answer that grows costs one row.
package chat
