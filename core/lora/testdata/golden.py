"""Writes adapters with PEFT, and golden.json.gz: the change that PEFT itself computes for each matrix. Then loads the folder that Kakoi
wrote (kakoi/, the test keeps it the same) and holds PEFT's change against plain arithmetic over its file.

    python golden.py        (peft 0.21, transformers 5.17, torch 2.11; CPU)
"""
import base64, gzip, json, pathlib, shutil
import numpy as np, torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

here = pathlib.Path(__file__).parent
HIDDEN, FFN, LAYERS = 16, 24, 2


def base():
    torch.manual_seed(1)
    return GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=32, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=2,
                                            intermediate_size=FFN, max_position_embeddings=32))


ALL = ["query_key_value", "attention.dense", "dense_h_to_4h", "dense_4h_to_h"]
CASES = {
    "plain": dict(r=4, lora_alpha=32, target_modules=["query_key_value"]),
    "patterns": dict(r=4, lora_alpha=8, target_modules=ALL, use_rslora=True, lora_dropout=0.05, init_lora_weights="gaussian",
                     rank_pattern={r"layers\.1\.mlp\.dense_h_to_4h": 2, "query_key_value": 3}, alpha_pattern={"dense_4h_to_h": 5}),
    "half": dict(r=2, lora_alpha=3, target_modules=ALL),   # bfloat16
    "old": dict(r=2, lora_alpha=4, target_modules=ALL),    # adapter_model.bin
    "layers": dict(r=2, lora_alpha=4, target_modules=["query_key_value"], layers_to_transform=[1]),
    "dora": dict(r=2, lora_alpha=4, target_modules=["query_key_value"], use_dora=True),
    "saved": dict(r=2, lora_alpha=4, target_modules=["query_key_value"], modules_to_save=["lm_head"]),
    "biased": dict(r=2, lora_alpha=4, target_modules=["query_key_value"], bias="lora_only"),
    "head": dict(r=2, lora_alpha=4, target_modules=["query_key_value", "lm_head"]),
    "words": dict(r=2, lora_alpha=4, target_modules=["query_key_value", "embed_in"]),
    "pissa": dict(r=2, lora_alpha=4, target_modules=["query_key_value"], init_lora_weights="pissa"),
}


def deltas(model):
    out = {}
    for name, m in model.named_modules():
        if hasattr(m, "get_delta_weight") and hasattr(m, "lora_A") and len(m.lora_A):
            d = m.get_delta_weight("default").detach().double()  # scaling * B @ A
            out[name.removeprefix("base_model.model.")] = dict(scale=m.scaling["default"], rank=m.r["default"], shape=list(d.shape),
                                                               delta=base64.b64encode(d.float().numpy().astype("<f4").tobytes()).decode())
    return out


golden = {}
for name, kw in CASES.items():
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    config = LoraConfig(task_type="CAUSAL_LM", **kw)
    model = get_peft_model(base(), config)
    config.base_model_name_or_path = "rinna/example"
    torch.manual_seed(2)
    for k, p in model.named_parameters():
        if "lora_" in k:
            p.data = torch.randn(p.shape) * 0.1
    if name == "half":
        model = model.to(torch.bfloat16).float()
    golden[name] = deltas(model)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    text = json.loads((folder / "adapter_config.json").read_text())
    text["target_modules"] = sorted(text["target_modules"])  # a set: its order changes from run to run
    (folder / "adapter_config.json").write_text(json.dumps(text, indent=1, sort_keys=True) + "\n")
    weights = folder / "adapter_model.safetensors"
    if name == "half":
        save_file({k: v.bfloat16() for k, v in load_file(weights).items()}, weights, metadata={"format": "pt"})
    if name == "old":
        torch.save(load_file(weights), folder / "adapter_model.bin")
        weights.unlink()

for name in ("plain", "patterns", "half", "old", "layers"):  # what was saved is what was measured
    again = deltas(PeftModel.from_pretrained(base(), here / name))
    assert again.keys() == golden[name].keys(), name
    for k, d in again.items():
        assert d == golden[name][k], (name, k)

ours = here / "kakoi"
if ours.exists():
    model = PeftModel.from_pretrained(base(), ours)
    files = load_file(ours / "adapter_model.safetensors")
    golden["kakoi"] = deltas(model)
    assert len(golden["kakoi"]) * 2 == len(files)
    for k, d in golden["kakoi"].items():
        a, b = (files[f"base_model.model.{k}.lora_{x}.weight"].double() for x in "AB")
        got = np.frombuffer(base64.b64decode(d["delta"]), "<f4").reshape(d["shape"])
        assert np.abs(got - (d["scale"] * b @ a).numpy()).max() < 1e-6, k

(here / "golden.json.gz").write_bytes(gzip.compress((json.dumps(golden, indent=0, sort_keys=True) + "\n").encode(), 9, mtime=0))
