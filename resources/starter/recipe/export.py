"""Stage 6: training state -> the folder that the engine loads.

usage: export.py STATE.pt PACK_DIR OUT_DIR

Matrices as bitsandbytes NF4 with double quantisation (blocks of 64, their scales in 8 bits by blocks of 256), the tied embedding as int8
rows with one fp16 scale each (NAME.scale), the rest fp16. config.json says so.
"""
import hashlib, json, os, shutil, sys
import torch
from safetensors.torch import save_file
import model, rows


def dynamic_map():
    """bitsandbytes' signed 8-bit dynamic map: exponent by leading zeros, linear fraction (Dettmers 2015)."""
    out = []
    for i in range(7):
        edges = torch.linspace(0.1, 1, 2**i + 1)
        mid = ((edges[:-1] + edges[1:]) / 2) * 10.0 ** (i - 6)
        out += mid.tolist() + (-mid).tolist()
    return torch.tensor(sorted(out + [0.0, 1.0]))


def nearest(x, table):
    return torch.bucketize(x, (table[1:] + table[:-1]) / 2)


def pack(w, name, out):
    x = w.half().float().reshape(-1, 64)
    top = x.abs().amax(1)
    code = nearest(x / top.clamp_min(1e-12)[:, None], model.NF4).to(torch.uint8).view(-1, 2)
    out[name] = (code[:, 0] << 4 | code[:, 1])[:, None].contiguous()
    offset = top.mean()
    rest = top - offset
    pad = (-len(rest)) % 256
    blocks = torch.cat((rest, torch.zeros(pad))).view(-1, 256)
    scale = blocks.abs().amax(1)
    table = dynamic_map()
    out[name + ".absmax"] = nearest(blocks / scale.clamp_min(1e-12)[:, None], table).to(torch.uint8).view(-1)[: len(rest)].contiguous()
    out[name + ".nested_absmax"], out[name + ".nested_quant_map"], out[name + ".quant_map"] = scale, table, model.NF4.clone()
    state = dict(quant_type="nf4", blocksize=64, dtype="float16", shape=list(w.shape), nested_blocksize=256, nested_dtype="float32", nested_offset=offset.item())
    out[name + ".quant_state.bitsandbytes__nf4"] = torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)


def main(state, packed, dst):
    os.makedirs(dst, exist_ok=True)
    net = {k: v.float().cpu() for k, v in torch.load(state, map_location="cpu")["net"].items()}
    layers = 1 + max(int(k.split(".")[1]) for k in net if k.startswith("blocks."))
    vocab, width = net["embed.weight"].shape
    out = {}
    for ours, theirs in model.names(layers):
        t = net[ours]
        if ours == "embed.weight":
            s = (t.abs().amax(1) / 127).clamp_min(1e-8).half()
            out[theirs], out[theirs + ".scale"] = (t / s.float()[:, None]).round().clamp(-127, 127).to(torch.int8), s
        elif t.ndim == 2:
            pack(t, theirs, out)
        else:
            out[theirs] = t.half()
    save_file(out, dst + "/model.safetensors", metadata={"format": "pt"})
    config = dict(
        architectures=["GPTNeoXForCausalLM"], model_type="gpt_neox", vocab_size=vocab, hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 64, intermediate_size=4 * width, hidden_act="gelu",
        rotary_pct=1.0, rotary_emb_base=10000, max_position_embeddings=rows.MAXPOS, layer_norm_eps=1e-5, use_parallel_residual=False, attention_bias=True, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
        pad_token_id=3, torch_dtype="float16", quantization_config=dict(quant_method="bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype="bfloat16"),
        kakoi_embedding_storage="int8_rows")
    json.dump(config, open(dst + "/config.json", "w"), indent=1)
    json.dump(dict(bos_token_id=1, eos_token_id=2, pad_token_id=3, do_sample=False, max_new_tokens=96), open(dst + "/generation_config.json", "w"))
    for f in ("spiece.model", "tokenizer.json"):
        if os.path.exists(packed + "/" + f):
            shutil.copy(packed + "/" + f, dst + "/" + f)
    with open(dst + "/SHA256SUMS", "w") as f:
        for n in sorted(os.listdir(dst)):
            if n not in ("SHA256SUMS", "MODEL_CARD.md"):
                f.write("%s  %s\n" % (hashlib.sha256(open(dst + "/" + n, "rb").read()).hexdigest(), n))
    print("wrote", dst, sum(os.path.getsize(dst + "/" + n) for n in os.listdir(dst)))


if __name__ == "__main__":
    main(*sys.argv[1:4])
