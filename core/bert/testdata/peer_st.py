"""sentence-transformers on a list of texts, timed: what `kakoi bench embed --peer PYTHON` compares with.

usage: python peer_st.py DIR TEXTS.json PROMPT RUNS BATCH DEVICE       (DEVICE: cpu or cuda:N)
Prints one JSON object; seconds is the best run. Defaults of encode() but for the batch size (its default is 32).
"""
import json, sys, time
import sentence_transformers
from sentence_transformers import SentenceTransformer

folder, path, prompt, runs, batch, device = sys.argv[1:7]
with open(path, encoding="utf-8") as f: texts = json.load(f)
model = SentenceTransformer(folder, device=device).float()
encode = lambda t: model.encode(t, prompt=prompt or None, batch_size=int(batch), normalize_embeddings=True, show_progress_bar=False)
encode(texts[: int(batch)])
best = float("inf")
for _ in range(max(1, int(runs))):
    start = time.perf_counter()
    encode(texts)
    best = min(best, time.perf_counter() - start)
print(json.dumps({"name": "peer", "device": device, "dtype": "fp32", "seconds": best, "texts": len(texts), "note": "sentence-transformers " + sentence_transformers.__version__}))
