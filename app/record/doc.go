// Package record is what the program remembers of its people's work: conversations with their turns and answers, and
// corrections. Each is a small versioned JSON value on the records of the library's store, which the opener of the data folder
// closes.
//
// # Words
//
// A Conversation is a tree of Turns: a Turn is one question, its Parent the one it was asked after. Two Turns of one Parent are branches.
// A Turn has the answers it was Given, of which one is shown. A Correction says what a Given should have been. A Dataset is a set of
// training rows with what it was made of.
//
// # Layout
//
// Head, turns and answers are records of their own, so that a list of conversations reads heads only, an answer costs one write, and a
// long transcript is three scans. A Dataset's rows are records of about 160 KB, so that 5,000 of them are read in one scan and one that is
// edited costs one write. A record of a later version is left alone: it is neither shown nor written. One that cannot be
// read is reported as Damage and the others go on. Deleting erases: no file of the library holds the bytes afterwards.
package record
