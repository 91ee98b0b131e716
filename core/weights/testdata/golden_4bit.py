"""Holds 4-bit folders against transformers + bitsandbytes, both ways. Writes 4bit/full (a tiny model in float16), 4bit/theirs (it quantised and saved
by them) and 4bit.json: what they compute for theirs, and for 4bit/ours, which Kakoi writes from full (the tests keep it the same).

    python golden_4bit.py        (transformers 5.17, bitsandbytes 0.50.2, torch 2.11; CPU)
"""
import hashlib, json, pathlib, shutil
import numpy as np, torch
import bitsandbytes as bnb
from transformers import BitsAndBytesConfig, GPTNeoXConfig, GPTNeoXForCausalLM

torch.set_grad_enabled(False)
here = pathlib.Path(__file__).parent / "4bit"
IDS = [3, 14, 15, 9, 26, 5, 31, 0, 8, 21]


def fresh(name):
    shutil.rmtree(here / name, ignore_errors=True)
    (here / name).parent.mkdir(exist_ok=True)
    return here / name


torch.manual_seed(7)
config = GPTNeoXConfig(vocab_size=32, hidden_size=64, num_hidden_layers=1, num_attention_heads=4, intermediate_size=128, max_position_embeddings=32,
                       rotary_pct=0.5, use_parallel_residual=False)
full = GPTNeoXForCausalLM(config)
for k, p in full.named_parameters():  # spread, so that a wrong matrix shows
    p.copy_(torch.randn(p.shape) * (1.5 / p.shape[-1] ** 0.5) if p.dim() == 2 and "embed" not in k and "lm_head" not in k else torch.randn(p.shape) * 0.3 + ("norm.weight" in k))
full.half().save_pretrained(fresh("full"))
theirs = GPTNeoXForCausalLM.from_pretrained(here / "full", device_map="cpu", quantization_config=BitsAndBytesConfig(
    load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16))
theirs.save_pretrained(fresh("theirs"))
for name in ("full", "theirs"):
    for x in (here / name).iterdir():
        if x.name not in ("config.json", "model.safetensors"): x.unlink()

golden = dict(ids=IDS)
for name in ("theirs", "ours"):
    if not (here / name).exists(): continue
    m = GPTNeoXForCausalLM.from_pretrained(here / name, device_map="cpu", dtype=torch.float32, quantization_config=BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32))
    for p in m.parameters():  # the embeddings and norms come in the stored type
        if not isinstance(p, bnb.nn.Params4bit): p.data = p.data.float()
    linears = {}
    for k, l in m.named_modules():
        if isinstance(l, bnb.nn.Linear4bit):
            assert l.weight.bnb_quantized and l.weight.quant_state.nested and l.weight.quant_state.blocksize == 64, k
            l.compute_dtype, l.support_avx512bf16_for_cpu = torch.float32, False  # else it computes in bfloat16 where the processor can
            w = bnb.functional.dequantize_4bit(l.weight.data, l.weight.quant_state).float()
            linears[k + ".weight"] = hashlib.sha256(w.half().numpy().tobytes()).hexdigest()[:16]
    assert len(linears) == 4, linears
    golden[name] = dict(linears=linears, logits=[[float(np.float32(v)) for v in row] for row in m(torch.tensor([IDS])).logits[0]])
(here / "4bit.json").write_text(json.dumps(golden) + "\n")
