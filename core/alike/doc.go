// Package alike finds documents that say the same: copies, and versions of one text.
//
// # Words
//
// The shingles of a text are all its stretches of five characters, after compatibility forms, letter case and white space are
// levelled: so the same text is the same whether it came from a PDF or from Word, in full or half width. Two texts are alike by the
// share of the shingles of both that both have (Jaccard). A Sign is 128 numbers from which that share is estimated: MinHash with one
// permutation (Li, Owen and Zhang, "One Permutation Hashing", 2012) whose empty places are filled as in Shrivastava, "Optimal
// Densification for Fast and Accurate Minwise Hashing", 2017. The standard error is sqrt(J(1-J)/128): 2.7 points at 0.9.
//
// Pairs finds, among many signs, those worth comparing: signs are cut into bands of four numbers, and two that agree in any band
// meet. Of pairs that are 0.6 alike 98.8% meet, of pairs at 0.8 all but one in ten million.
package alike
