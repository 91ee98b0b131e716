"""Logits of kakoi-engine's 4-bit CPU paths beside float32 over the same 4-bit weights, for every instruction set of this processor.

    agreement_cpu.py --engine bin/kakoi-engine --work DIR [--starter resources/starter] [--text FILE ...] [--tokens 1000]
                     [--layers 4 --hidden 2816] [--sets avx2 vnni amx]

The float32 side is computed here, from the files: bitsandbytes' format is taken apart by hand. The random model (--layers 0: none)
has NF4 codes of normal numbers and bf16 embeddings. Prints one JSON line per model, instruction set and path: the share of
positions with the same most likely token and the mean KL divergence in nats. Needs torch (CPU), safetensors, tokenizers.
"""
import argparse, json, math, os, pathlib, subprocess

import numpy as np
import torch
from safetensors.torch import load_file, save_file

LINEARS = ("attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")


def dequantised(t, name):
    """A linear's weights in float32; nested scales as bitsandbytes computes them."""
    state = json.loads(bytes(t[next(k for k in t if k.startswith(name + ".quant_state"))].numpy()).decode())
    scale = t[name + ".absmax"]
    if name + ".nested_absmax" in t:
        outer = t[name + ".nested_absmax"].repeat_interleave(state["nested_blocksize"])[: scale.numel()]
        scale = t[name + ".nested_quant_map"][scale.long()] * outer + state["nested_offset"]
    p = t[name].flatten()
    codes = torch.stack([p >> 4, p & 15], 1).flatten().long()
    return (t[name + ".quant_map"].float()[codes].view(-1, state["blocksize"]) * scale.view(-1, 1)).view(state["shape"])


def exact(folder, ids):
    """Logits [tokens, vocabulary] of a model without parallel residual, in float32."""
    c, t = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
    d, heads = c["hidden_size"], c["num_attention_heads"]
    dim, n = d // heads, len(ids)
    assert not c["use_parallel_residual"] and c["rotary_pct"] == 1 and c["hidden_act"] == "gelu"
    table = lambda name: t[name].float() * (t[name + ".scale"].float()[:, None] if name + ".scale" in t else 1)
    norm = lambda x, p: torch.nn.functional.layer_norm(x, (d,), t[p + ".weight"].float(), t[p + ".bias"].float(), c["layer_norm_eps"])
    linear = lambda x, p: x @ dequantised(t, p + ".weight").T + t[p + ".bias"].float()
    angle = torch.arange(n)[:, None] * c["rotary_emb_base"] ** -(torch.arange(0, dim, 2) / dim)
    cos, sin = torch.cat([angle, angle], 1).cos(), torch.cat([angle, angle], 1).sin()
    turn = lambda x: x * cos + torch.cat([-x[..., dim // 2 :], x[..., : dim // 2]], -1) * sin
    hidden = torch.full((n, n), -torch.inf).triu(1)
    x = table("gpt_neox.embed_in.weight")[ids]
    for i in range(c["num_hidden_layers"]):
        p = f"gpt_neox.layers.{i}."
        q, k, v = linear(norm(x, p + "input_layernorm"), p + LINEARS[0]).view(n, heads, 3, dim).permute(2, 1, 0, 3)
        a = torch.softmax(turn(q) @ turn(k).transpose(1, 2) / math.sqrt(dim) + hidden, -1) @ v
        x = x + linear(a.transpose(0, 1).reshape(n, d), p + LINEARS[1])
        x = x + linear(torch.nn.functional.gelu(linear(norm(x, p + "post_attention_layernorm"), p + LINEARS[2])), p + LINEARS[3])
    return norm(x, "gpt_neox.final_layer_norm") @ table("gpt_neox.embed_in.weight" if c["tie_word_embeddings"] else "embed_out.weight").T


def random_model(folder, starter, layers, d, vocab=16384):
    """Normal numbers of deviation 0.02 to their nearest NF4 codes, one float32 scale per 64, and bf16 embeddings."""
    folder.mkdir(parents=True, exist_ok=True)
    g, t = torch.Generator().manual_seed(1), {}
    codes = next(v for k, v in load_file(starter / "model.safetensors").items() if k.endswith(".quant_map")).float()
    middle = (codes[1:] + codes[:-1]) / 2
    for i in range(layers):
        p = f"gpt_neox.layers.{i}."
        for name, out, cols in zip(LINEARS, (3 * d, d, 4 * d, d), (d, d, d, 4 * d)):
            w = torch.randn(out * cols // 64, 64, generator=g) * 0.02
            scale = w.abs().amax(1)
            q = torch.bucketize(w / scale[:, None], middle).to(torch.uint8).view(-1, 2)
            state = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [out, cols]}
            t[p + name + ".weight"] = (q[:, 0] << 4 | q[:, 1]).view(-1, 1)
            t[p + name + ".weight.absmax"], t[p + name + ".weight.quant_map"] = scale, codes.clone()
            t[p + name + ".weight.quant_state.bitsandbytes__nf4"] = torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)
            t[p + name + ".bias"] = (torch.randn(out, generator=g) * 0.05).bfloat16()
        for name in ("input_layernorm", "post_attention_layernorm"):
            t[p + name + ".weight"] = (1 + torch.randn(d, generator=g) * 0.05).bfloat16()
            t[p + name + ".bias"] = (torch.randn(d, generator=g) * 0.05).bfloat16()
    t["gpt_neox.final_layer_norm.weight"], t["gpt_neox.final_layer_norm.bias"] = torch.ones(d).bfloat16(), torch.zeros(d).bfloat16()
    for name in ("gpt_neox.embed_in.weight", "embed_out.weight"):
        t[name] = (torch.randn(vocab, d, generator=g) * 0.02).bfloat16()
    save_file(t, folder / "model.safetensors", metadata={"format": "pt"})
    c = json.loads((starter / "config.json").read_text())
    c.update(vocab_size=vocab, hidden_size=d, num_hidden_layers=layers, num_attention_heads=d // 128, intermediate_size=4 * d, tie_word_embeddings=False)
    c["quantization_config"]["bnb_4bit_use_double_quant"] = False
    c.pop("kakoi_embedding_storage")
    (folder / "config.json").write_text(json.dumps(c))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--engine", required=True)
    a.add_argument("--work", type=pathlib.Path, required=True)
    a.add_argument("--starter", type=pathlib.Path, default=pathlib.Path("resources/starter"))
    a.add_argument("--text", type=pathlib.Path, nargs="*", default=[], help="what the starter model reads; by default the sample documents' sources")
    a.add_argument("--tokens", type=int, default=1000)
    a.add_argument("--layers", type=int, default=4)
    a.add_argument("--hidden", type=int, default=2816)
    a.add_argument("--sets", nargs="*", default=["avx2", "vnni", "amx"])
    o = a.parse_args()
    o.work.mkdir(parents=True, exist_ok=True)
    from tokenizers import Tokenizer
    text = "".join(f.read_text() for f in o.text or sorted(pathlib.Path("resources/samples_src").glob("*.md")))
    jobs = [("starter", o.starter, Tokenizer.from_file(str(o.starter / "tokenizer.json")).encode(text, add_special_tokens=False).ids[: o.tokens])]
    if o.layers:
        folder = o.work / f"random-{o.layers}-{o.hidden}"
        if not (folder / "config.json").exists():
            random_model(folder, o.starter, o.layers, o.hidden)
        jobs.append((f"random {o.layers} x {o.hidden}", folder, np.random.default_rng(3).integers(0, 16384, o.tokens).tolist()))
    for name, folder, ids in jobs:
        with torch.no_grad():
            want = exact(folder, ids).double()
        log = torch.log_softmax(want, 1)
        (o.work / "ids.json").write_text(json.dumps(ids))
        for kind in o.sets:
            for path in ("prefill", "lanes"):
                out = o.work / "logits.f32"
                subprocess.run([o.engine, "logits", "--model", str(folder), "--device", "cpu", "--dtype", "nf4", "--ids", str(o.work / "ids.json"), "--out", str(out),
                                "--path", path], check=True, env=os.environ | {"KAKOI_CPU": kind})
                got = torch.from_numpy(np.fromfile(out, dtype="<f4").reshape(len(ids), -1)).double()
                same = (got.argmax(1) == want.argmax(1)).double().mean().item()
                kl = (log.exp() * (log - torch.log_softmax(got, 1))).sum(1).mean().item()
                print(json.dumps({"model": name, "tokens": len(ids), "instructions": kind, "path": path, "top1": round(same, 4), "kl": kl}), flush=True)


if __name__ == "__main__":
    main()
