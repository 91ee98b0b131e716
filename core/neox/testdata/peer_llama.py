"""Speed of llama.cpp with Q4_0 on this CPU, for the reference shape with random weights, to stand beside `kakoi-engine bench decode|prefill --shape rinna-4b`.

    peer_llama.py --work DIR [--layers 36] [--threads 2] [--context 600] [--prompt 256] [--new 24]

DIR holds node_modules with node-llama-cpp (npm install node-llama-cpp@3.22.1: its prebuilt binaries); the GGUF, 2.2 GB, is written there once.
Prints one JSON line each for the prompt and for decoding. Needs numpy, gguf and Node.js.
"""
import argparse, json, pathlib, subprocess

import numpy as np

RUN = """
import {getLlama, LlamaLogLevel} from "node-llama-cpp";
const [file, threads, context, prompt, fresh] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: threads});
const model = await llama.loadModel({modelPath: file, gpuLayers: 0});
const c = await model.createContext({contextSize: context + prompt + fresh + 64, batchSize: 256, threads});
const s = c.getSequence();
const ids = n => Array.from({length: n}, (_, i) => 300 + i * 7919 % 60000);
const middle = a => a.sort((x, y) => x - y)[a.length >> 1];
const times = [];
for (let i = 0; i < 4; i++) {
  await s.clearHistory();
  const t = performance.now();
  await s.evaluateWithoutGeneratingNewTokens(ids(prompt));
  if (i > 0) times.push(performance.now() - t);
}
console.log(JSON.stringify({name: "prefill", tokens: prompt, tokens_per_second: prompt * 1000 / middle(times)}));
await s.clearHistory();
await s.evaluateWithoutGeneratingNewTokens(ids(context));
const steps = [];
let last = performance.now();
for await (const token of s.evaluate([7], {temperature: 0, yieldEogToken: true})) {
  const now = performance.now();
  steps.push(now - last);
  last = now;
  if (steps.length > fresh) break;
}
console.log(JSON.stringify({name: "decode", context, tokens: fresh, tokens_per_second: 1000 / middle(steps.slice(1))}));
await model.dispose();
process.exit(0);
"""


def write(path, layers, d=2816, heads=22, vocab=65536):
    import gguf

    kind, rng = gguf.GGMLQuantizationType.Q4_0, np.random.default_rng(1)
    w = gguf.GGUFWriter(str(path), "gptneox")
    w.add_context_length(2048), w.add_embedding_length(d), w.add_block_count(layers), w.add_feed_forward_length(4 * d)
    w.add_rope_dimension_count(d // heads), w.add_head_count(heads), w.add_layer_norm_eps(1e-5), w.add_parallel_residual(False)
    w.add_tokenizer_model("gpt2"), w.add_tokenizer_pre("gpt-2"), w.add_token_merges(["a b"])
    w.add_token_list([f"t{i}" for i in range(vocab - 3)] + ["a", "b", "ab"]), w.add_token_types([1] * vocab)
    w.add_bos_token_id(0), w.add_eos_token_id(1)

    def matrix(name, rows, cols):
        blocks = rng.integers(0, 256, (rows, cols // 32, 18), dtype=np.uint8)
        blocks[:, :, :2] = np.float16(0.003).reshape(1).view(np.uint8)
        w.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=kind)

    def vector(name, n, value):
        w.add_tensor(name, np.full(n, value, np.float32))

    matrix("token_embd.weight", vocab, d), matrix("output.weight", vocab, d)
    vector("output_norm.weight", d, 1), vector("output_norm.bias", d, 0)
    for i in range(layers):
        p = f"blk.{i}."
        for name in ("attn_norm", "ffn_norm"):
            vector(p + name + ".weight", d, 1), vector(p + name + ".bias", d, 0)
        for name, rows, cols in (("attn_qkv", 3 * d, d), ("attn_output", d, d), ("ffn_up", 4 * d, d), ("ffn_down", d, 4 * d)):
            matrix(p + name + ".weight", rows, cols), vector(p + name + ".bias", rows, 0)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", type=pathlib.Path, required=True)
    for name, value in (("layers", 36), ("threads", 2), ("context", 600), ("prompt", 256), ("new", 24)):
        a.add_argument("--" + name, type=int, default=value)
    o = a.parse_args()
    model, script = o.work / f"q4_0-{o.layers}.gguf", o.work / "run.mjs"
    if not model.exists():
        part = model.with_suffix(".part")
        write(part, o.layers)
        part.rename(model)
    script.write_text(RUN)
    out = subprocess.run(["node", script.name, model.name] + [str(n) for n in (o.threads, o.context, o.prompt, o.new)], cwd=o.work, check=True, capture_output=True, text=True)
    for line in out.stdout.splitlines():
        if line.startswith("{"):
            print(json.dumps({"peer": "llama.cpp Q4_0", **json.loads(line)}), flush=True)


if __name__ == "__main__":
    main()
