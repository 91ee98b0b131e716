// Command kakoi-engine is the process with libtorch: it loads models and computes, and nothing else. `kakoi` starts it
// over an inherited socketpair (descriptor 3); it sees no documents, no library and no network.
//
// It can also be run by hand:
//
//	kakoi-engine selftest [--device cpu|cuda:0]
//	kakoi-engine bench load|prefill|decode|embed|train --model DIR [--shape rinna-4b] [...]
//	kakoi-engine logits --model DIR --ids FILE --out FILE [--path prefill|lanes] [--adapter DIR] [--device D] [--dtype T]
//	kakoi-engine train --model DIR --request FILE [--device D] [--dtype T] [--threads N]
//	kakoi-engine --version
package main
