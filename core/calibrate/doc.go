// Package calibrate finds the bounds from which on a model's answer is the refusal, and keeps them. It is pure Go and asks nobody: how
// likely the refusal was, and whether the answer without it was right, are handed in, of questions whose right answers are known.
//
// # Words
//
// The Probability of a refusal is what core.RefusalScore has: how likely the answer begins with the refusal sentence. A bound divides
// answers: above it the question is refused, up to it it is answered, with the refusal forbidden. A false answer is one to a question whose
// right answer is the refusal; a false refusal is one of a question that the documents answer.
//
// # Modes
//
// Three bounds of the same rows, of each language by itself since each has its own sentence:
//
//   - balanced has the greatest share of questions that come out right, answered rightly or refused rightly, where Answerable of them (two of three) are answered by
//     the documents, however many of the rows are. It is the mean of the bounds that have it in samples of the rows, drawn with replacement (bagging, Breiman 1996): the one of
//     the rows as they are hangs on a few of them.
//   - careful is not above it, and has a false answer to at most Allowed of the questions that have none, and to at most half as many as
//     balanced; of such bounds it is the one with most right answers. It keeps at least half of balanced's right answers: where that and the share do not go together, it is
//     the one with the fewest false answers.
//   - helpful is not below it, and refuses at most half as many of the answerable questions as balanced; of such bounds it is the one with most
//     right refusals. It keeps at least half of balanced's right refusals: where that and the share do not go together, it is the one with
//     the fewest false refusals.
//
// The bounds of careful and helpful lie in the middle, by log-odds, between two probabilities that were seen. CrossFit tells what they come to on questions that they were not found on.
package calibrate
