// Package ingest turns files into Pages and Pages into Chunks.
//
// Pictures draws pages of PDFs for people to look at and tells where characters of Page.Text stand on them.
//
// Walk finds the files below the given paths, Read turns one file into its Pages, Split cuts Pages
// into Chunks. Nothing here keeps state between calls except the PDF engine: PDFium as WebAssembly,
// compiled on first use, kept for the life of the process and freed by Close. Every PDF begins with the memory of
// an instance just started (pdf_memory.go).
//
// Readers: plain text (UTF-8, UTF-16, Shift_JIS with the Windows extensions, EUC-JP, ISO-2022-JP), csv and tsv, Markdown, HTML, PDF, Word,
// Excel and PowerPoint (those of today, and .doc and .xls of 97 to 2003), OpenDocument, RTF, EPUB, mails (eml, mht, msg) with their attachments,
// and zip archives, whose files are documents of their own under archive.zip/name. All but PDF are of our own; docs/decisions/0007-readers.md
// says why, and what each leaves out.
//
// Pages of PDFs are laid out: headers and footers stand after the text, columns are read one after the other, tables become rows (pdf_layout.go).
//
// Sheets, slides, chapters and attachments are pages. Rows of tables are lines of "column: value"; a sheet's name, a slide's title and an attachment's
// name stand at the top of their pages.
//
// Document.Findings say what of the file is not in the text: pages that are pictures, letters without meaning, attachments that could not be read
// and why (findings.go). They come also with an error.
//
// A file is hostile until read: sizes, entry counts, compression ratios, nesting and time are limited, as is the text of a page and of all
// pages, PDFium sees no file but the fonts, and every refusal is a core.UserError under error.file.*. What a reading may still write and unpack
// is its budget; files inside files share it.
//
// Page.Text uses "\n" line ends and holds no NUL. All offsets are characters (Unicode code points).
package ingest
