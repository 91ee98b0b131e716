// Package receipt writes, signs, reads and checks the file that says how one answer came about.
//
// # The file
//
// One JSON object with five members, in canonical form (RFC 8785, see [Canonical]) and ended by one line feed:
//
//	{"format":"kakoi-receipt","key":KEY,"receipt":RECEIPT,"signature":SIGNATURE,"version":1}
//
// KEY is the last line of a minisign .pub file, SIGNATURE the whole text of a .minisig file over the canonical bytes of RECEIPT without a
// line feed (package core/manifest). [File.Split] gives the three as files, so that the common tool checks them without Kakoi.
//
// There is one way to write a receipt: [Open] refuses a file that is not byte by byte what [Seal] would have written, so that no byte of it can be
// changed unseen, be it one that the signature does not cover.
//
// # Words
//
// A Receipt is the content. It is intact when its inner hashes fit ([Receipt.Check]) and its signature is right; it is authentic when, beyond
// that, the key is one that the reader knows: anybody can make a key and sign with it. Missing names what a receipt does not say, because the
// answer is of a time when that was not recorded yet, or because a model is gone.
//
// What the answer is compared with when it is generated again is in compare.go.
package receipt
