// Package weights reads model folders as the Hugging Face hub lays them out: config.json, safetensors (one file, or
// shards with an index) or pytorch_model*.bin, checks them before they are used, and writes their 4-bit form as bitsandbytes
// does. It is pure Go.
//
// # Words
//
// A Folder is such a folder, opened: its weight files are mapped into memory, their headers read and checked, no
// data touched. A Tensor is a name, a type, a shape and the bytes in the mapping, valid until Folder.Close. A Linear
// is a weight matrix in whatever storage the folder has for it: plain floats, bitsandbytes NF4 or int8 rows.
// A Report is what Check found out about a folder at import. A Stream writes a safetensors file tensor by tensor. A Quantized is
// the 4-bit form of a folder on its way: Quantize makes it on the CPU, and lays it into the new folder's place when it is whole.
//
// # Trust
//
// Folders come from anywhere. Headers are limited to 100 MB, every offset is checked against the file, and the
// pickle of a .bin file runs on a small interpreter of our own that knows the handful of classes torch.save needs
// and can call nothing else. Errors a person will read carry a core.UserError with a key error.model.*.
//
// Formats: safetensors (huggingface/safetensors README), torch.save's zip (torch/serialization.py), bitsandbytes
// (QuantState.as_dict). "Int8 rows" is Kakoi's own storage of an embedding: NAME is I8 [V, H], NAME.scale F16 [V].
package weights
