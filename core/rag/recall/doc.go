// Package recall measures how well passages are found, on questions whose place in the documents is known.
//
// # The question file
//
// One JSON object a line; empty lines and lines that begin with # are passed over:
//
//	{"question": "ja or en, in words other than the passage's", "document": "name, or the end of it", "text": "what the passage must say"}
//
// "text" may be a list: any of them will do. It is looked for without white space, widths and case folded, since readers break lines where they
// like. A "document" of several names (a list) is one of several that hold the answer.
//
// # The figures
//
// A passage is right when its document is one of those named and its text holds what is asked for. The rank of a question is that of its first right
// passage, so that the overlap of two chunks counts once. Recall@k is the share of questions of rank k or better, MRR the mean of 1/rank, nDCG@10 the
// mean of 1/log2(1+rank) (Järvelin and Kekäläinen 2002, with one right passage, whose ideal place is the first); both are 0 from rank 11 on, or
// where nothing was found.
//
// # Halves
//
// Weights are tuned on one half and reported on the other: every second question of a file is of the tuning half, from the first on.
package recall
