// Package outline finds the headings that the chunks of a document stand under.
//
// A library keeps texts, not the structure that a reader saw in the file; but readers (core/ingest) set headings apart by empty lines, and what is
// numbered or marked shows its rank. So headings are found in the text, the same for every format, and for documents that were added long ago: a
// short line that ends no sentence, and that is numbered, or marked, or stands between empty lines, or, on a page without empty lines (most PDFs),
// follows a finished sentence and precedes a longer line.
//
// What is taken for a heading by mistake costs little: it is a few words more by which a chunk can be found, weighed less than its own.
package outline
