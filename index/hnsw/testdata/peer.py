"""hnswlib over the vectors of BenchmarkPeer: python peer.py FOLDER DIMENSION K. An index that lies in the folder is asked, not made."""
import os
import sys
import time

import hnswlib
import numpy

folder, d, k = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
read = lambda name, kind, n: numpy.fromfile(f"{folder}/{name}", dtype=kind).reshape(-1, n)
vectors, queries, truth = read("vectors", "<f4", d), read("queries", "<f4", d), read("truth", "<u4", k)
index = hnswlib.Index(space="ip", dim=d)
kept = f"{folder}/hnswlib"
if os.path.exists(kept):
    index.load_index(kept, max_elements=len(vectors))
else:
    index.init_index(max_elements=len(vectors), M=16, ef_construction=200)
    index.set_num_threads(1)
    start = time.perf_counter()
    index.add_items(vectors, num_threads=1)
    took = time.perf_counter() - start
    print(f"hnswlib  build {took:.1f} s, {len(vectors) / took:.0f} vectors/s on one thread", flush=True)
    index.save_index(kept)
index.set_num_threads(1)
for ef in (16, 20, 24, 28, 32, 48, 64):
    index.set_ef(ef)
    best = 1e9
    for _ in range(9):
        start = time.perf_counter()
        labels, _ = index.knn_query(queries, k=k, num_threads=1)
        best = min(best, time.perf_counter() - start)
    recall = sum(len(set(a) & set(b)) for a, b in zip(labels.tolist(), truth.tolist())) / truth.size
    print(f"hnswlib  ef {ef:3d}  recall@10 {recall:.4f}  {len(queries) / best:6.0f} queries/s", flush=True)
