// Package neox is GPT-NeoX (Black et al. 2022, arXiv 2204.06745; the layout of transformers' GPTNeoXForCausalLM):
// Config, weights, Forward, KV cache, sampler and generation. Generator is core.Generator over one loaded model.
//
// # Words
//
// A Model is weights on one device. A KVCache is the keys and values of the tokens a batch of rows has seen; a
// row is one prompt with its continuation. Prefill runs a prompt through the model in chunks; decode runs one
// token per row.
//
// # Who closes what
//
// Generator.Close frees the Model and the tokenizer, and waits for running calls. Each Generate call owns the
// KVCache of its batch and closes it. Everything of libtorch happens inside device.Device.Do, once per prefill
// chunk and once per token, so a cancel is seen there and the cache always holds whole chunks.
//
// Config, the sampler and the text stream are pure Go. The rest needs the build tag "torch"; without it Load,
// Selftest and Bench return core.ErrNoDevice.
package neox
