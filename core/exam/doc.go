// Package exam scores answers to questions whose right answers are known, and decides whether one who answered is better than another.
// It is pure Go and asks nobody: the answers, and whether they are refusals and cite the right place, are handed in.
//
// Questions come in two forms: with one answer each, as adapters are examined on (Question), and as people ask them, with all short forms of the
// answer that count, their places and their kinds (Natural), as a model is examined on.
//
// # Figures
//
// Texts are compared in Unicode's compatibility form (NFKC), in lower case, as letters and digits only; a point between digits stays
// (Fold). F1 is the harmonic mean of the shares of either text in their longest common subsequence of characters, as ROUGE-L has it for
// words (Lin 2004): order counts, and Japanese needs no word borders. An answer is Right when it says what was expected and little more,
// with the same numbers. Shares have Wilson's interval (Wilson 1927), means and differences a bootstrap's (Efron 1979), all at 95%; the
// bootstrap is seeded, so an exam scored again has the same figures.
package exam
