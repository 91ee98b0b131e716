"""sentence-transformers on a list of texts, timed: what `kakoi bench embed --peer PYTHON` compares with.

usage: python peer_st.py DIR TEXTS.json PROMPT RUNS BATCH DEVICE       (DEVICE: cpu or cuda:N)
Prints a JSON object a line: fp32, then on the CPU torch's dynamic int8 (quantize_dynamic over all Linear layers), on a
GPU fp16 with batches of 256. seconds is the best run. Settings are encode()'s defaults but for the batch size (its
default is 32). The fp32 vectors are written to TEXTS.json.f32.
"""
import json, sys, time
import numpy, sentence_transformers, torch
from sentence_transformers import SentenceTransformer

folder, path, prompt, runs, batch, device = sys.argv[1:7]
with open(path, encoding="utf-8") as f: texts = json.load(f)


def measure(model, name, dtype, size):
    encode = lambda t: model.encode(t, prompt=prompt or None, batch_size=size, normalize_embeddings=True, show_progress_bar=False)
    encode(texts[:size])
    best = float("inf")
    for _ in range(max(1, int(runs))):
        start = time.perf_counter()
        vectors = encode(texts)
        best = min(best, time.perf_counter() - start)
    note = f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}, batch {size}"
    print(json.dumps({"name": name, "device": device, "dtype": dtype, "seconds": best, "texts": len(texts), "note": note}), flush=True)
    return vectors


model = SentenceTransformer(folder, device=device).float()
numpy.asarray(measure(model, "peer", "fp32", int(batch)), dtype="<f4").tofile(path + ".f32")
if device == "cpu":
    model[0].auto_model = torch.ao.quantization.quantize_dynamic(model[0].auto_model, {torch.nn.Linear}, dtype=torch.qint8)
    measure(model, "peer int8", "int8", int(batch))
else:
    measure(model.half(), "peer fp16", "fp16", 256)
