"""usage: python starter_hash.py resources/starter/model.safetensors   (bitsandbytes 0.50.2)

SHA-256 over the float32 values of every matrix of the starter model, in the order of their names."""
import hashlib, sys, torch, bitsandbytes.functional as F
from safetensors.torch import load_file
w = load_file(sys.argv[1])
h = hashlib.sha256()
names = sorted(k for k in w if k + '.quant_state.bitsandbytes__nf4' in w or k + '.scale' in w)
for k in names:
    if k + '.scale' in w: v = w[k].float() * w[k + '.scale'].float()[:, None]
    else:
        st = F.QuantState.from_dict({n[len(k)+1:]: t for n, t in w.items() if n.startswith(k + '.')}, device='cpu')
        st.dtype = torch.float32
        absmax = F.dequantize_blockwise(st.absmax, st.state2) + st.offset
        q = w[k].reshape(-1); codes = torch.stack([q >> 4, q & 15], 1).reshape(-1).long()
        v = (st.code[codes].reshape(-1, 64) * absmax[:, None]).reshape(st.shape)
        l = F.dequantize_4bit(w[k], st); d = (l - v).abs().max().item()
        if d > 0: print('library differs', k, d)
    h.update(v.contiguous().numpy().tobytes())
print(len(names), h.hexdigest())
