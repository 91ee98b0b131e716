// Package ocr reads the text of pictures with Tesseract, where that is installed on the machine.
//
// Find looks for the program and its languages; Reader.Read reads one picture. Nothing here decides that a picture is read: a person does.
//
// The program is foreign and its input hostile. It gets the picture on its standard input and nothing else: it starts as this same
// program (Child), which closes itself to every network, limits memory, processor time, files and descriptors, lets itself see nothing of the file
// system but programs, libraries, Tesseract's data and an empty folder that is removed afterwards (Landlock, where the kernel has it), and then becomes
// Tesseract. Time on the clock is limited by the caller's context and by Options.Timeout; the end of either kills the process and its children.
//
// Text is put together from Tesseract's words (its TSV output): Japanese words without spaces between them, lines and paragraphs as they
// stand on the page. Confidence is the program's own, 0 to 100, the mean over the letters; 100 is never reached. A page that reads badly is read
// again as vertical writing when that language is installed, and the better of both is taken.
package ocr
