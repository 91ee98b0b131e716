// Package paper writes PDF files of text: pages on which strings stand at places, in TrueType fonts of which the used
// characters are embedded. Every character that is written can be read out of the file again, also those above U+FFFF,
// those that share a glyph, and those the font has none for, which are drawn as an empty box.
//
// It knows no paragraphs: whoever lays a page out asks a Font for widths, or Wrap for lines. Nothing has to be closed.
package paper
