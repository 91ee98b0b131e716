"""Writes golden_export.json.gz: what transformers makes of the folder that `kakoi model export starter DIR` writes.

    python golden_export.py [FOLDER]      (torch 2.11, transformers 5.17; CPU, fp32)

Without a folder the starter is exported with ../../../bin/kakoi, which has to be built. The prompts are made of questions about the sample collection
(resources/questions) in both languages, with the passage that answers and another one; of those without an answer, with two others. Prints their number.
"""
import base64, gzip, hashlib, json, pathlib, subprocess, sys, tempfile
import numpy as np, torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_grad_enabled(False)
torch.use_deterministic_algorithms(True)
here = pathlib.Path(__file__).parent.resolve()
root = here / "../../.."
EACH = 40  # questions of a language
STRIDE = 80  # of the logits that are kept

TEMPLATE = {
    "ja": "ユーザー:以下の情報を参照し、質問に回答してください。\n\n-----------\n{context}\n-----------\n\n質問→{question}\nシステム:",
    "en": "User: Answer the question using the information below.\n\n-----------\n{context}\n-----------\n\nQuestion: {question}\nSystem:",
}


def prompts():
    rows = [json.loads(l) for l in (root / "resources/questions/questions.jsonl").read_text().splitlines() if l.startswith("{")]
    out = []
    for lang, template in TEMPLATE.items():
        mine = [r for r in rows if r["set"] == "samples" and r["lang"] == lang]
        texts = list(dict.fromkeys(g["text"] for r in mine for g in r.get("gold", [])))
        for i, r in enumerate(mine[:: max(1, len(mine) // EACH)][:EACH]):
            gold = [g["text"] for g in r.get("gold", [])]
            others = [t for t in texts[i:] + texts[:i] if t not in gold]
            passages = others[:1] + gold if gold else others[:2]
            out.append(template.format(context="\n\n".join(passages), question=r["question"]))
    return out


def main(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(report.values()), report  # nothing missing, nothing unexpected
    cases = []
    for p in prompts():
        ids = tokenizer(p, return_tensors="pt", return_token_type_ids=False)
        made = model.generate(**ids, max_new_tokens=48, do_sample=False)[0, ids.input_ids.shape[1] :]
        logits = model(**ids).logits[0, -1]
        some = np.ascontiguousarray(logits[::STRIDE].numpy(), dtype="<f4")
        cases.append(dict(prompt=p, ids=ids.input_ids[0].tolist(), made=made.tolist(), text=tokenizer.decode(made, skip_special_tokens=True), some=base64.b64encode(some.tobytes()).decode()))
    sum256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    golden = dict(sha256=sum256, stride=STRIDE, cases=cases)
    with open(here / "golden_export.json.gz", "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
        z.write(json.dumps(golden, ensure_ascii=False).encode())
    print(len(cases), "prompts;", len({c["text"] for c in cases}), "different answers; sha256", sum256)


if len(sys.argv) > 1:
    main(pathlib.Path(sys.argv[1]))
else:
    with tempfile.TemporaryDirectory() as tmp:
        out = pathlib.Path(tmp) / "starter"
        subprocess.run([root / "bin/kakoi", "--data", f"{tmp}/data", "model", "export", "starter", out, "--format", "hf"], check=True)
        main(out)
