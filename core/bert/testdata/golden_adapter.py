"""Writes the golden scores of a LoRA adapter on multilingual E5 (core/bert's TestAdapter).

usage: python golden_adapter.py [FOLDER]      (transformers 5.17, peft 0.21, torch 2.11; KAKOI_EMBEDDER names the folder of multilingual-e5-small)

adapter.json  {"pairs": [[question, text], ...], "plain": [logits], "rslora": [logits]}
The adapter's numbers are not kept: the test makes the same ones by the same formula (values below; adapterValues in adapter_test.go) and writes them as PEFT does. With
FOLDER the adapter "plain" is kept there.
The tokenizer is the file tokenizer.json as it stands: transformers 5 would put another step before it for XLM-R, which keeps spaces at a text's end.
"""
import json, os, sys, tempfile
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = os.environ["KAKOI_EMBEDDER"]
PAIRS = [
    ("倉庫は何時に閉まりますか", "倉庫は午後6時に閉まります。"),
    ("倉庫は何時に閉まりますか", "有給休暇の申請は三日前まで。\n申請は部長に提出してください。"),
    ("When does the warehouse open?", "The warehouse opens at 8 am and closes at 6 pm."),
    ("When does the warehouse open?", "倉庫は午前8時に開きます。"),
    ("Which port does NFSv4 need?", "11.5 NFS\nNFSv4 needs only port 2049; older versions use port 111 and others."),
    ("有給休暇の申請期限は?", "Leave must be requested three days before."),
    ("KX-200 の電源は?", "KX-200、ＡＢＣ ① ㍿ mixed 日本語 and English テキスト。"),
    ("a", " "),
    ("", "b"),
    ("電源の番号は?", "とても長い文書です。倉庫の休暇と電源と番号 2049 を確かめます。" * 60),
    ("Is this a long question? " * 150 + "yes", "The warehouse opens at eight."),
    ("長い質問と長い文書です。" * 120, "The warehouse opens at eight, and closes at six. " * 60 + "End."),
]


def values(name, shape, scale):
    """FNV-1a of the name, then an LCG: the same bits in Go. Stored as fp16."""
    n = 1
    for d in shape: n *= d
    x = 2166136261
    for c in name.encode(): x = ((x ^ c) * 16777619) & 0xFFFFFFFF
    out = []
    for _ in range(n):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(((x >> 8) / 8388608.0 - 1.0) * scale)
    return torch.tensor(out, dtype=torch.float32).to(torch.float16).reshape(shape)


def scale_of(name):
    if "lora_" in name: return 0.06
    if name.startswith("base_model.model.classifier"): return 1.0
    return 0.08  # pooler


def scores(tok, rslora, keep):
    model = AutoModelForSequenceClassification.from_pretrained(BASE, num_labels=1, dtype=torch.float32)
    how = LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8, target_modules=r"bert\.encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|attention\.output\.dense|intermediate\.dense|output\.dense)",
                     modules_to_save=["pooler", "classifier"], use_rslora=rslora)
    with tempfile.TemporaryDirectory() as tmp:
        path = keep or tmp
        get_peft_model(model, how).save_pretrained(path)
        file = os.path.join(path, "adapter_model.safetensors")
        saved = {n: values(n, list(t.shape), scale_of(n)) for n, t in load_file(file).items()}
        save_file(saved, file, metadata={"format": "pt"})
        model = AutoModelForSequenceClassification.from_pretrained(BASE, num_labels=1, dtype=torch.float32)
        model = PeftModel.from_pretrained(model, path).eval().float()
    out = []
    with torch.no_grad():
        for q, t in PAIRS:
            enc = tok(q, t, truncation="longest_first", max_length=512, return_tensors="pt")
            out.append(float(model(**{k: enc[k] for k in ("input_ids", "attention_mask")}).logits[0, 0]))
    return out


tok = PreTrainedTokenizerFast.from_pretrained(BASE)
keep = sys.argv[1] if len(sys.argv) > 1 else None
golden = {"pairs": PAIRS, "plain": scores(tok, False, keep), "rslora": scores(tok, True, None)}
with open(os.path.join(HERE, "adapter.json"), "w") as f:
    json.dump(golden, f, ensure_ascii=False, indent=1)
