"""Stage 4b: what the pieces mean -> meaning.npz (vectors [V, 256] int8, neighbours [V, 6] int32).

usage: meaning.py E5_DIR PACK_DIR      (E5_DIR: multilingual-e5-small as sentence-transformers ships it, MIT)

A model this small cannot learn from its own texts which words mean nearly the same. The embedder that Kakoi ships knows, in both
languages: each piece that is a word is embedded, the common part taken off. The vectors become a fixed part of the model's embeddings,
and rows say a word of the passage by a near one in the question.
"""
import re, sys
import numpy as np
import sentencepiece as spm
import torch
from transformers import AutoModel, AutoTokenizer


def main(e5, pack):
    torch.set_num_threads(2)
    sp = spm.SentencePieceProcessor(pack + "/spiece.model")
    n = sp.get_piece_size()
    pieces = [sp.id_to_piece(i) for i in range(n)]
    words = [i for i in range(n) if not (sp.is_control(i) or sp.is_unknown(i) or sp.is_byte(i)) and re.search(r"[^\W\d_]", pieces[i])]
    tk, net = AutoTokenizer.from_pretrained(e5), AutoModel.from_pretrained(e5).eval()
    out = np.zeros((n, 384), np.float32)
    with torch.inference_mode():
        for s in range(0, len(words), 256):
            ix = words[s : s + 256]
            b = tk(["query: " + pieces[i].replace("\u2581", "") for i in ix], return_tensors="pt", padding=True)
            h = net(**b).last_hidden_state * b["attention_mask"][..., None]
            out[ix] = (h.sum(1) / b["attention_mask"].sum(1, keepdim=True)).numpy()
    w = out[words]
    # The common part and the few directions of script and length hide the meaning.
    w = w - w.mean(0)
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    w = w - (w @ vt[:3].T) @ vt[:3]
    w /= np.linalg.norm(w, axis=1, keepdims=True) + 1e-6
    out[:] = 0
    out[words] = w
    near = np.full((n, 6), -1, np.int32)

    def group(p):
        x = p.lstrip("\u2581")
        if re.fullmatch("[一-鿿々]+", x) and p == x:
            return "kanji"
        if re.fullmatch("[ァ-ヺー]{2,}", x):
            return "kana"
        if re.fullmatch("[A-Za-z]{3,}", x):
            return "latin" + str(p != x) + str(x[0].isupper())

    groups = {}
    for i in words:
        g = group(pieces[i])
        if g:
            groups.setdefault("ja" if g in ("kanji", "kana") else g, []).append(i)
    for g, ix in groups.items():
        ix = np.array(ix)
        for s in range(0, len(ix), 1000):
            c = out[ix[s : s + 1000]] @ out[ix].T
            for r in range(len(c)):
                me = pieces[ix[s + r]].lstrip("\u2581").lower()
                k = 0
                for j in np.argsort(-c[r])[1:14]:
                    other = pieces[ix[j]].lstrip("\u2581").lower()
                    if c[r, j] > 0.5 and other != me and k < 6:
                        near[ix[s + r], k] = ix[j]
                        k += 1
    _, _, vt = np.linalg.svd(out[words], full_matrices=False)  # 256 directions, one byte each
    small = out @ vt[:256].T
    small /= np.abs(small).max(1, keepdims=True) + 1e-6
    small /= np.linalg.norm(small, axis=1, keepdims=True) + 1e-6
    np.savez_compressed(pack + "/meaning.npz", vectors=(small * 508).round().clip(-127, 127).astype(np.int8), near=near)
    rnd = np.random.default_rng(3)
    print("words", len(words), "with neighbours", int((near[:, 0] >= 0).sum()))
    for i in rnd.choice([i for i in words if near[i, 0] >= 0], 40, replace=False):
        print(pieces[i], [pieces[j] for j in near[i] if j >= 0])
    for w in ("料金", "担当", "\u2581price", "\u2581deadline", "理由", "期限"):
        i = sp.piece_to_id(w)
        print(w, i, [pieces[j] for j in near[i] if j >= 0], [pieces[j] for j in np.argsort(-(out @ out[i]))[1:9]])


if __name__ == "__main__":
    main(*sys.argv[1:3])
