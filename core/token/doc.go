// Package token turns text into the token ids of a model and back. It is the only importer of daulet/tokenizers
// (Hugging Face's Rust library).
//
// Three things can stand behind a Tokenizer:
//   - a sentencepiece Unigram model (spiece.model), read and run by our own code with sentencepiece's arithmetic:
//     ids are those of spm_encode;
//   - a tokenizer.json of the same family (Unigram with Metaspace), run by the same code with the arithmetic of
//     Hugging Face's library, which differs in the last bit of a score and so in ties;
//   - any other tokenizer.json (WordPiece, BPE), run by daulet/tokenizers. It needs the build tag torch, since the
//     library is linked with the engine; without it such a folder is core.ErrNoDevice.
//
// Ours exists because it loads 250,000 pieces in a tenth of a second, where the library takes over one, and because
// the library's normaliser cannot follow sentencepiece where a half-width kana carries its voice mark.
//
// A Tokenizer is safe for concurrent use. Close frees what the library holds.
package token
