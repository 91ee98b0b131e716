// Package lora is low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685) of a GPT-NeoX model as PEFT stores them.
// It is pure Go.
//
// # Words
//
// An Adapter is one folder: adapter_config.json and adapter_model.safetensors (or adapter_model.bin, PEFT before 0.5). A Target is one
// matrix of the model that it changes, by layer and by name below the layer:
//
//	y = W x + b + Scale * B (A x)     x [In], A [Rank, In], B [Out, Rank], y [Out]
//
// Scale is lora_alpha/r, or lora_alpha/sqrt(r) with use_rslora (Kalajdzievski 2023, arXiv:2312.03732). An Adapter is never merged
// into the weights: adding it to a 4-bit matrix would round it away.
//
// Parts is an adapter of a model of any kind, by the model's own names for its modules, with the modules that were saved whole beside it; package bert makes a
// cross-encoder of an encoder with one.
//
// # What is refused
//
// What changes the formula above, or the model beside it: DoRA, trained embeddings, biases or, but in Parts, whole modules (modules_to_save), activated
// LoRA, copied layers, and initialisations that change the base model (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) unless PEFT converted them.
// Each is a core.ErrUnsupported with a sentence. Shapes, missing halves and values that are no numbers are core.ErrCorrupt.
package lora
