// Package neox is GPT-NeoX (Black et al. 2022, arXiv 2204.06745; the layout of transformers' GPTNeoXForCausalLM):
// Config, weights, Forward, KV cache, sampler and generation. Generator is core.Generator over one loaded model.
//
// # Words
//
// A Model is weights on one device for libtorch's operations. A runner is a model on a device ready to run, libtorch's or
// one of our own kernels over 4-bit weights. A state is the keys and values of the tokens that some rows have seen; a row
// is one prompt with its continuation, a slot a row of the state with what it is known to hold. Prefill runs a prompt
// through the model in chunks. A lane is one token of one row; a step runs lanes: the token that is due of every row, and
// guesses of what follows it (lookup.go).
//
// # Who closes what
//
// Generator.Close frees the runner, the state and the tokenizer, and waits for running calls. All calls of a Generator
// share one loop (schedule.go), which ends when there are no rows; the state outlives it, so that prompts which begin
// alike are not computed twice. Everything of a device happens inside device.Device.Do, once per prefill chunk and once
// per step, so a cancel is seen there and a row always holds whole chunks.
//
// Config, the sampler and the text stream are pure Go. The rest needs the build tag "torch"; without it Load,
// Selftest and Bench return core.ErrNoDevice.
package neox
