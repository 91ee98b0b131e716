"""GPT-NeoX as the starter is shaped (sequential residual, full rotary, exact gelu, tied embeddings), and NF4 as it is stored."""
import json, math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.attention.flex_attention import flex_attention

LINEAR = {"qkv": "attention.query_key_value", "out": "attention.dense", "up": "mlp.dense_h_to_4h", "down": "mlp.dense_4h_to_h"}
NORM = {"norm1": "input_layernorm", "norm2": "post_attention_layernorm"}
NF4 = torch.tensor([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
                    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0])


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-5), nn.LayerNorm(width, eps=1e-5)
        self.drop = nn.Dropout(0.05)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, cos, sin, mask):
        b, n, w = x.shape
        # GPT-NeoX keeps query, key and value of one head together.
        q, k, v = self.qkv(self.norm1(x)).view(b, n, self.heads, 3, w // self.heads).permute(3, 0, 2, 1, 4)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        if mask is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = flex_attention(q, k, v, block_mask=mask)
        x = x + self.drop(self.out(y.transpose(1, 2).reshape(b, n, w)))
        return x + self.drop(self.down(F.gelu(self.up(self.norm2(x)))))


class NeoX(nn.Module):
    """meaning: fixed vectors [vocab, d] of the pieces; the embeddings are then a trained part plus a trained map of these. Stored as their sum."""

    def __init__(self, vocab, width, heads, layers, meaning=None):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.lift = None
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=1e-5)
        angle = torch.outer(torch.arange(2048).float(), 10000 ** (-torch.arange(0, width // heads, 2).float() / (width // heads)))
        angle = torch.cat((angle, angle), -1)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02 / (math.sqrt(2 * layers) if name.endswith(("out.weight", "down.weight")) else 1))
            elif "bias" in name:
                nn.init.zeros_(p)

        if meaning is not None:
            self.register_buffer("meaning", meaning, persistent=False)
            self.lift = nn.Parameter(torch.linalg.qr(torch.randn(width, meaning.shape[1]))[0].T.contiguous() * 0.02 * math.sqrt(width))
            self.embed.weight.data *= 0.5

    def table(self):
        """The embeddings [vocab, width], read at both ends."""
        return self.embed.weight if self.lift is None else self.embed.weight + self.meaning @ self.lift

    def stored(self):
        """State with the two parts of the embeddings added up."""
        sd = {k: v for k, v in self.state_dict().items() if k != "lift"}
        sd["embed.weight"] = self.table().detach().clone()
        return sd

    def forward(self, ids, pos, mask, table=None):
        x = F.embedding(ids, self.table() if table is None else table)
        cos, sin = self.cos[pos][:, None], self.sin[pos][:, None]
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return self.norm(x)

    def matrices(self):
        return {k: [getattr(b, k).weight for b in self.blocks] for k in LINEAR}


def nf4(w):
    """w as it reads after storing: blocks of 64, nearest of 16 values times the block's largest."""
    x = w.detach().reshape(-1, 64)
    top = x.abs().amax(1, keepdim=True).clamp_min(1e-12)
    table = NF4.to(w.device)
    code = torch.bucketize(x / top, (table[1:] + table[:-1]) / 2)
    return (table[code] * top).view_as(w)


def names(layers):
    """(our name, hub name) of every parameter."""
    out = [("embed.weight", "gpt_neox.embed_in.weight")]
    for i in range(layers):
        for ours, theirs in {**LINEAR, **NORM}.items():
            out += [("blocks.%d.%s.%s" % (i, ours, p), "gpt_neox.layers.%d.%s.%s" % (i, theirs, p)) for p in ("weight", "bias")]
    return out + [("norm.%s" % p, "gpt_neox.final_layer_norm.%s" % p) for p in ("weight", "bias")]


def load_folder(folder):
    """A stored starter (NF4 with double quantisation, int8 embedding rows) as a NeoX in fp32."""
    from safetensors.torch import load_file

    c, sd = json.load(open(folder + "/config.json")), load_file(folder + "/model.safetensors")
    m = NeoX(c["vocab_size"], c["hidden_size"], c["num_attention_heads"], c["num_hidden_layers"])
    own = dict(m.named_parameters())
    for ours, theirs in names(c["num_hidden_layers"]):
        t, p = sd[theirs], own[ours]
        if t.dtype == torch.int8:
            t = t.float() * sd[theirs + ".scale"].float()[:, None]
        elif t.dtype == torch.uint8:
            state = json.loads(bytes(sd[theirs + ".quant_state.bitsandbytes__nf4"].tolist()))
            top = sd[theirs + ".nested_quant_map"][sd[theirs + ".absmax"].long()].view(-1)
            top = top * sd[theirs + ".nested_absmax"].repeat_interleave(state["nested_blocksize"])[: len(top)] + state["nested_offset"]
            b = t.view(-1)
            code = torch.stack((b >> 4, b & 15), 1).view(-1, 64).long()
            t = sd[theirs + ".quant_map"][code] * top[:, None]
        p.data.copy_(t.float().view(p.shape))
    return m
