// Package bert is the sentence embedder: an encoder of the BERT family (Devlin et al. 2018, arXiv 1810.04805; XLM-R:
// Conneau et al. 2019, arXiv 1911.02116) with the pooling and the prompts of its sentence-transformers folder.
// Embedder is core.Embedder over one loaded folder.
//
// Reranker is core.Reranker, a cross-encoder: over a folder of its own, or over an encoder's folder with a LoRA adapter (package lora, Parts), which is added to the
// weights in fp32 as they are loaded. How a question and a text are put together is what tokenizer.json says of pairs.
//
// # Words
//
// A Layout is what the folder's small files say: pooling, prompts, longest input. A window is the stretch of a text's
// tokens that runs through the model at once, with the special tokens around it. A batch is windows that run together;
// their tokens lie one after the other, without padding, and windows of one length form a group for attention.
//
// # Long texts
//
// A text longer than the model's input becomes several windows of equal length that overlap by at least an eighth;
// the prompt stands before each. The text's vector is the average of the windows' normalised vectors, each weighted
// by its tokens, normalised again. Nothing of a text is cut off.
//
// # Who closes what
//
// Embedder.Close frees the weights, the tokenizer and the mapped files, and waits for running calls. The word
// embeddings stay in the mapping, in the type they are stored in, where the computation is on the CPU.
//
// # Arithmetic
//
// On a GPU libtorch computes, in fp16 by itself. On the CPU our own kernels do (package kernel/cpu), with 8-bit codes
// by themselves where the processor has VNNI, in BF16 when asked to; fp32, by libtorch, is exact. The ID of an embedder
// does not tell them apart: their vectors are compared with each other (docs/decisions/0014).
//
// Everything up to the batches is pure Go. The rest needs the build tag "torch"; without it Load and Bench return
// core.ErrNoDevice.
package bert
