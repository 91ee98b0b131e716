"""Writes nf4.json: what bitsandbytes gives for weights that the test makes again from the same integers.

    python golden.py [cpu|cuda]      (bitsandbytes 0.50.2, torch 2.11.0)

"cuda" writes nf4_cuda.json instead, the kernels' own bytes, with nothing changed; it needs a GPU, so `make golden` leaves it alone.

On the CPU four differences between bitsandbytes' two libraries are taken out, in favour of the kernels:
- a last block that is not full is divided by its absmax on the CPU, multiplied by the reciprocal on CUDA: the
  weight is padded with zeros to whole blocks before the call, and cut after it;
- a block of zeros gets code 7 on the CPU and code 0 on CUDA (its NaN compares false);
- the kernels are compiled with --use_fast_math: float32 subnormals are zero to them, so they are made zero here;
- the CPU's 8-bit search misses the nearest value now and then (about one in 500): the codes are those of the
  package's own default path (backends/default/ops.py), midpoints and a binary search as in the kernel.
The mean that is the offset is torch's, whose last bits differ between CPU and GPU.
"""
import hashlib, json, pathlib, sys
import numpy as np, torch
import bitsandbytes.functional as F

SHAPES = ([1, 1], [1, 2], [1, 63], [1, 64], [1, 65], [33, 1], [2, 96], [1, 127], [3, 100], [7, 33], [5, 129], [64, 64], [64, 512], [130, 257],
          [16, 1024], [257, 64], [100, 300], [11, 4096], [384, 1536], [768, 769])
TYPES = (("float32", torch.float32), ("float16", torch.float16), ("bfloat16", torch.bfloat16))
MEANS = (1, 2, 5, 31, 64, 100, 127, 128, 129, 511, 1000, 4097, 65536, 123904, 131071, 131072, 371712, 495616, 2883584)


def weight(n, seed):
    """Roughly normal, from integers only: exact in float32. Some blocks are zero, tiny, of one value, of one number, or subnormal."""
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
        if b % 7 == 3: w[64 * b + 1 : k.stop] = 0
        if b % 19 == 9: w[k] *= np.float32(2.0**-126)  # float32 subnormals
        if b % 23 == 10: w[k] *= np.float32(2.0**-122)  # a few of them beside the smallest normal numbers
    return w


def scales(n):
    """Numbers like scales, for the mean alone."""
    h = (np.arange(n, dtype=np.uint64) * 2654435761 + 12345) & 0xFFFFFFFF
    h = h.astype(np.uint32)
    h ^= h >> 16
    h *= np.uint32(0x7FEB352D)
    h ^= h >> 15
    return (h >> 8).astype(np.float32) * np.float32(2.0**-26) + np.float32(0.03)


sha = lambda a: hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16]


def codes_of(absmax, offset):
    """The nested codes, by midpoints."""
    native, st2 = F.quantize_blockwise(absmax - offset, blocksize=256)
    scaled = (absmax - offset) * (1.0 / st2.absmax).repeat_interleave(256)[: len(native)]
    codes = torch.bucketize(scaled, (st2.code[:-1] + st2.code[1:]) / 2).to(torch.uint8)
    codes[scaled.isnan()] = 0  # a nested block of one value: its NaN ends at code 0, in the kernel as on the CPU
    apart = (codes.int() - native.int()).abs()
    assert apart.max() <= 1 and apart.sum() <= 2 + len(codes) // 100, apart
    return codes, st2


def on_cpu(w, dt):
    n = len(w)
    padded = torch.zeros((n + 63) // 64 * 64, dtype=dt)
    padded[:n] = w
    padded[padded.float().abs() < 2.0**-126] = 0
    q, st = F.quantize_4bit(padded, blocksize=64, compress_statistics=False, quant_type="nf4")
    q = q.numpy().reshape(-1).copy()
    zero = (st.absmax == 0).numpy()
    q.reshape(-1, 32)[zero] = 0
    q = q[: (n + 1) // 2]
    if n % 2 and not zero[-1]: q[-1] = (q[-1] & 0xF0) | 7
    offset = st.absmax.mean()
    codes, st2 = codes_of(st.absmax, offset)
    nested = F.dequantize_blockwise(codes, st2) + offset
    return q, st.absmax, offset, codes, st2, nested


def on_cuda(w, dt):
    w = w.cuda()
    q, plain = F.quantize_4bit(w, blocksize=64, compress_statistics=False, quant_type="nf4")
    q2, st = F.quantize_4bit(w, blocksize=64, compress_statistics=True, quant_type="nf4")
    assert torch.equal(q, q2)
    nested = F.dequantize_blockwise(st.absmax, st.state2) + st.offset
    st.state2.absmax = st.state2.absmax.cpu()
    return q.cpu().numpy().reshape(-1), plain.absmax.cpu(), st.offset.cpu(), st.absmax.cpu(), st.state2, nested.cpu()


def main(device):
    out = []
    value = F.get_4bit_type("nf4", device="cpu").numpy()
    for shape in SHAPES:
        n = shape[0] * shape[1]
        source = torch.from_numpy(weight(n, 1234567 + n))
        for name, dt in TYPES:
            w = source.to(dt)
            q, absmax, offset, codes, st2, nested = (on_cuda if device == "cuda" else on_cpu)(w, dt)
            both = np.stack([q >> 4, q & 15], 1).reshape(-1)[:n]
            full = value[both] * np.repeat(nested.numpy(), 64)[:n]
            plain = value[both] * np.repeat(absmax.numpy(), 64)[:n]
            out.append(dict(shape=shape, dtype=name, packed=sha(q), absmax=sha(absmax.numpy()), offset=offset.item(), codes=sha(codes.numpy()),
                            absmax2=sha(st2.absmax.numpy()), plain=sha(plain), nested=sha(full), source=sha(w.float().numpy())))
    result = dict(map=sha(F.create_dynamic_map().numpy()), cases=out)
    if device == "cuda":
        result["gpu"] = torch.cuda.get_device_name()
        result["means"] = {str(n): torch.from_numpy(scales(n)).cuda().mean().item() for n in MEANS}
        # The one pair of halves whose code depends on the last bit of the kernel's reciprocal (docs/decisions): -1206/1024 beside 1975/1024.
        pair = torch.zeros(64, dtype=torch.float16, device="cuda")
        pair[0], pair[1] = 1975 / 1024, -1206 / 1024
        result["pair"] = int(F.quantize_4bit(pair, blocksize=64, quant_type="nf4")[0].reshape(-1)[0].item() & 15)
        result["torch"] = torch.__version__
    name = "nf4_cuda.json" if device == "cuda" else "nf4.json"
    where = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent
    (where / name).write_text(json.dumps(result, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "cpu")
