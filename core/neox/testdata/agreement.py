"""Logits of kakoi-engine's 4-bit path beside those of transformers with bitsandbytes, on one GPU.

    agreement.py --engine bin/kakoi-engine --work DIR [--layers 8] [--tokens 512] [--starter resources/starter [--text FILE]] [--lora 8]

Makes a model of the reference width with random weights in DIR (bf16), which both sides quantise themselves, and takes
the starter model with its own words too. Prints one JSON line per comparison: the share of positions with the same
most likely token (or one that the other side holds to be as likely) and the mean KL divergence in nats, of ours against bitsandbytes in bf16, and of either against
the same 4-bit weights computed in float32: how much of a difference is whose rounding. Needs torch, transformers,
bitsandbytes and safetensors. It runs on a GPU alone, so `make golden` does not call it.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GPTNeoXConfig, GPTNeoXForCausalLM

TEXT = """ユーザー:以下の情報を参照し、質問に回答してください。

-----------
有給休暇は入社から六か月後に十日付与されます。申請は三営業日前までに上長へ提出してください。倉庫は平日の午前八時に開き、午後六時に閉まります。土曜日は正午まで営業し、日曜日と祝日は休みです。加湿器の水は毎朝取り替え、フィルターは月に一度洗ってください。

The warehouse opens at eight in the morning and closes at six in the evening on weekdays. On Saturdays it is open until noon. Visitors sign in at the front desk and wear a badge. The fire drill takes place on the first Monday of April and October; everyone leaves the building by the nearest stairs. Expenses above 5,000 yen need a receipt and the signature of a manager within thirty days.
-----------

質問→有給休暇は何日付与されますか
システム:有給休暇は入社から六か月後に十日付与されます。"""


def random_model(folder, layers):
    torch.manual_seed(1)
    c = GPTNeoXConfig(vocab_size=65536, hidden_size=2816, num_hidden_layers=layers, num_attention_heads=22, intermediate_size=11264,
                      hidden_act="gelu", rotary_pct=1.0, max_position_embeddings=2048, use_parallel_residual=False, tie_word_embeddings=False)
    with torch.device("cuda"):
        m = GPTNeoXForCausalLM(c).to(torch.bfloat16)
    for name, p in m.named_parameters():  # biases and norms that are not 0 and 1
        if p.dim() == 1:
            p.data += torch.randn_like(p) * 0.05
    m.save_pretrained(folder)
    del m
    torch.cuda.empty_cache()


def readable_starter(src, folder):
    """The starter model with its embedding as plain floats, as transformers wants it."""
    folder.mkdir(parents=True, exist_ok=True)
    t = load_file(src / "model.safetensors")
    name = "gpt_neox.embed_in.weight"
    t[name] = (t[name].float() * t.pop(name + ".scale").float()[:, None]).to(torch.float16)
    save_file(t, folder / "model.safetensors", metadata={"format": "pt"})
    for f in src.glob("*.json"):
        shutil.copy(f, folder)


def peer(folder, ids, lora=None):
    c = json.loads((folder / "config.json").read_text())
    q = {} if "quantization_config" in c else dict(quantization_config=BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16))
    m = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, device_map={"": 0}, **q).eval()
    for mod in m.modules():
        if hasattr(mod, "compute_dtype"):
            mod.compute_dtype = torch.bfloat16
    if lora:
        from peft import PeftModel
        m = PeftModel.from_pretrained(m, lora).eval()
    with torch.no_grad():
        bf16 = m(torch.tensor([ids], device="cuda")).logits[0].float().cpu().numpy()
        full = GPTNeoXForCausalLM(m.config if not lora else m.base_model.model.config).float().eval()
        state = {}
        for name, mod in m.named_modules():
            clean = name.replace("base_model.model.", "").replace(".base_layer", "")
            if type(mod).__name__ == "Linear4bit":
                import bitsandbytes.functional as F
                w = F.dequantize_4bit(mod.weight.data, mod.weight.quant_state).float()
                state[clean + ".weight"] = w
                if mod.bias is not None:
                    state[clean + ".bias"] = mod.bias.data.float()
                if lora and hasattr(m.get_submodule(name.rsplit(".", 1)[0]) if name.endswith(".base_layer") else None, "lora_A"):
                    outer = m.get_submodule(name.rsplit(".", 1)[0])
                    a, b, k = outer.lora_A["default"].weight.float(), outer.lora_B["default"].weight.float(), outer.scaling["default"]
                    state[clean + ".weight"] = w + k * b @ a
            elif type(mod).__name__ in ("LayerNorm", "Embedding", "Linear") and "lora" not in name:
                for n, p in mod.named_parameters(recurse=False):
                    state[clean + "." + n] = p.data.float()
        missing = full.load_state_dict(state, strict=False)
        assert not [k for k in missing.missing_keys if "rotary" not in k and k != "embed_out.weight"] and not missing.unexpected_keys, missing
        full = full.cuda()
        torch.backends.cuda.matmul.allow_tf32 = False
        exact = full(torch.tensor([ids], device="cuda")).logits[0].cpu().numpy()
    del m, full, state
    torch.cuda.empty_cache()
    return bf16, exact


def ours(engine, folder, ids, work, mode, lora=None):
    (work / "ids.json").write_text(json.dumps(ids))
    out = work / "logits.f32"
    cmd = [engine, "logits", "--model", str(folder), "--device", "cuda:0", "--dtype", "nf4", "--ids", str(work / "ids.json"), "--out", str(out), "--path", mode]
    if lora:
        cmd += ["--adapter", str(lora)]
    subprocess.run(cmd, check=True)
    return np.fromfile(out, dtype="<f4").reshape(len(ids), -1)


def compare(a, b):
    """Share of equal top-1 and mean KL(a || b) over the positions. Logits in bf16, as transformers gives them, often have
    several largest: a choice among them is the same."""
    same, kl = 0, 0.0
    for x, y in zip(a, b):
        x, y = torch.from_numpy(x).cuda().double(), torch.from_numpy(y).cuda().double()
        same += int(x[y.argmax()] == x.max() or y[x.argmax()] == y.max())
        p, q = torch.log_softmax(x, 0), torch.log_softmax(y, 0)
        kl += float((p.exp() * (p - q)).sum())
    return {"top1": round(same / len(a), 4), "kl": kl / len(a)}


def make_lora(folder, rank, layers, hidden):
    folder.mkdir(parents=True, exist_ok=True)
    g = torch.Generator().manual_seed(7)
    t = {}
    for i in range(layers):
        p = f"base_model.model.gpt_neox.layers.{i}.attention.query_key_value."
        t[p + "lora_A.weight"] = torch.randn(rank, hidden, generator=g) / hidden**0.5
        t[p + "lora_B.weight"] = torch.randn(3 * hidden, rank, generator=g) * 0.05
    save_file(t, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "", "r": rank, "lora_alpha": 4 * rank, "lora_dropout": 0.0,
        "target_modules": ["query_key_value"], "bias": "none", "fan_in_fan_out": False, "inference_mode": True}))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--engine", required=True)
    a.add_argument("--work", type=pathlib.Path, required=True)
    a.add_argument("--layers", type=int, default=8)
    a.add_argument("--tokens", type=int, default=512)
    a.add_argument("--lora", type=int, default=0)
    a.add_argument("--starter", type=pathlib.Path)
    a.add_argument("--text", type=pathlib.Path, help="more words for the starter model")
    o = a.parse_args()
    o.work.mkdir(parents=True, exist_ok=True)
    jobs = []
    if o.layers:
        folder = o.work / "random"
        if not (folder / "config.json").exists():
            random_model(folder, o.layers)
        ids = np.random.default_rng(3).integers(0, 65536, o.tokens).tolist()
        jobs.append((f"random {o.layers} x 2816", folder, folder, ids, None))
        if o.lora:
            make_lora(o.work / "lora", o.lora, o.layers, 2816)
            jobs.append((f"random {o.layers} x 2816, LoRA {o.lora}", folder, folder, ids, o.work / "lora"))
    if o.starter:
        from tokenizers import Tokenizer
        readable_starter(o.starter, o.work / "starter")
        ids = Tokenizer.from_file(str(o.starter / "tokenizer.json")).encode(TEXT + (o.text.read_text() if o.text else ""), add_special_tokens=False).ids[:1000]
        jobs.append(("starter, its own words", o.starter, o.work / "starter", ids, None))
    for name, mine, theirs, ids, lora in jobs:
        bnb, exact = peer(theirs, ids, lora)
        line = {"model": name, "tokens": len(ids), "bnb bf16 / fp32": compare(exact, bnb)}
        for mode in ("prefill", "lanes"):
            try:
                mineful = ours(o.engine, mine, ids, o.work, mode, lora)
            except subprocess.CalledProcessError as e:
                line[mode] = str(e)
                continue
            line[mode + " / bnb bf16"] = compare(bnb, mineful)
            line[mode + " / fp32"] = compare(exact, mineful)
        print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
