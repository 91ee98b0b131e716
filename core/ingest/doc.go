// Package ingest turns files into Pages and Pages into Chunks.
//
// Pictures draws pages of PDFs for people to look at and tells where characters of Page.Text stand on them.
//
// Walk finds the files below the given paths, Read turns one file into its Pages, Split cuts Pages
// into Chunks. Nothing here keeps state between calls except the PDF engine: PDFium as WebAssembly,
// compiled on first use, kept for the life of the process and freed by Close.
//
// Readers: plain text (UTF-8, UTF-16, Shift_JIS with the Windows extensions, EUC-JP, ISO-2022-JP),
// Markdown, HTML, PDF and DOCX. A file is hostile until read: sizes, entry counts, compression ratios and
// time are limited, as is the text of a page, PDFium sees no file but the fonts, and every refusal is a core.UserError under error.file.*.
//
// Page.Text uses "\n" line ends and holds no NUL. All offsets are characters (Unicode code points).
package ingest
