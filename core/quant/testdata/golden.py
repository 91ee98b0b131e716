"""Writes nf4.json: what bitsandbytes gives for weights that the test makes again from the same integers.

usage: python golden.py > nf4.json      (bitsandbytes 0.50.2, torch 2.11.0, CPU)

Three differences between its CPU path and its CUDA kernels are taken out here, in favour of the kernels:
- a last block that is not full is divided by its absmax on the CPU, multiplied by the reciprocal on CUDA: the
  weight is padded with zeros to whole blocks before the call, and cut after it;
- a block of zeros gets code 7 on the CPU and code 0 on CUDA (its NaN compares false);
- the CPU's 8-bit search misses the nearest value now and then (about one in 500): the codes are those of the
  package's own default path (backends/default/ops.py), midpoints and a binary search as in the kernel.
"""
import hashlib, json, sys
import numpy as np, torch
import bitsandbytes.functional as F


def weight(n, seed):
    """Roughly normal, from integers only: exact in float32. Every 11th block is zero, every 13th tiny, every 17th one value."""
    x = np.empty(4 * n, dtype=np.uint32)
    s = seed
    for i in range(4 * n):
        s ^= (s << 13) & 0xFFFFFFFF
        s ^= s >> 17
        s ^= (s << 5) & 0xFFFFFFFF
        x[i] = s
    v = (x.reshape(n, 4) >> 12).astype(np.int64).sum(1) - (1 << 21)
    w = (v.astype(np.float64) / (1 << 23)).astype(np.float32)
    for b in range((n + 63) // 64):
        k = slice(64 * b, min(n, 64 * b + 64))
        if b % 11 == 5: w[k] = 0
        if b % 13 == 6: w[k] *= np.float32(2.0**-20)  # float16 subnormals
        if b % 17 == 8: w[k] = w[64 * b]
    return w


sha = lambda a: hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16]
out = []
for shape in ([1, 64], [3, 100], [7, 33], [64, 512], [130, 257]):
    n = shape[0] * shape[1]
    for name, dt in (("float32", torch.float32), ("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        w = torch.from_numpy(weight(n, 1234567 + n)).to(dt)
        padded = torch.zeros((n + 63) // 64 * 64, dtype=dt)
        padded[:n] = w
        q, st = F.quantize_4bit(padded, blocksize=64, compress_statistics=False, quant_type="nf4")
        q = q.numpy().reshape(-1).copy()
        zero = (st.absmax == 0).numpy()
        q.reshape(-1, 32)[zero] = 0
        q = q[: (n + 1) // 2]
        if n % 2: q[-1] = (q[-1] & 0xF0) | 7
        offset = st.absmax.mean()
        native, st2 = F.quantize_blockwise(st.absmax - offset, blocksize=256)
        scaled = (st.absmax - offset) * (1.0 / st2.absmax).repeat_interleave(256)[: len(native)]
        codes = torch.bucketize(scaled, (st2.code[:-1] + st2.code[1:]) / 2).to(torch.uint8)
        codes[scaled.isnan()] = 0  # a nested block of one value: its NaN ends at code 0, in the kernel as on the CPU
        apart = (codes.int() - native.int()).abs()
        assert apart.max() <= 1 and apart.sum() <= 2 + len(codes) // 100, apart
        nested = F.dequantize_blockwise(codes, st2) + offset
        value = F.get_4bit_type("nf4", device="cpu").numpy()
        both = np.stack([q >> 4, q & 15], 1).reshape(-1)[:n]
        full = value[both] * np.repeat(nested.numpy(), 64)[:n]
        plain = value[both] * np.repeat(st.absmax.numpy(), 64)[:n]
        out.append(dict(shape=shape, dtype=name, packed=sha(q), absmax=sha(st.absmax.numpy()), offset=offset.item(), codes=sha(codes.numpy()), absmax2=sha(st2.absmax.numpy()),
                        plain=sha(plain), nested=sha(full), source=sha(w.float().numpy())))
json.dump(dict(map=sha(F.create_dynamic_map().numpy()), cases=out), sys.stdout, indent=0)
