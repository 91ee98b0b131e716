"""Stage 5, part 2: training on one GPU.

usage: train.py --data DIR --written DIR --state STATE.pt --seconds N --start A --stop B

A run covers the share A to B of the schedule (0 to 1), so that training can be cut into several runs: each begins with the state that
the last one left in STATE.pt. Muon (Jordan 2024) on the matrices, AdamW on the rest. In the last part the matrices are read through NF4,
so that storing them in 4 bits costs nothing later.
"""
import argparse, os, queue, threading, time
import multiprocessing as mp
import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention.flex_attention import create_block_mask
import model, rows

T0 = time.time()


def log(*a):
    print("%6.1f" % (time.time() - T0), *a, flush=True)


def worker(data, seed, done, out):
    rows.R.seed(seed)
    waiting = []
    while True:
        batch = [data.packed(done.value, waiting) for _ in range(8)]
        out.put([np.stack(x) for x in zip(*batch)])


def orthogonal(g, steps=5):
    """Newton-Schulz iteration towards the nearest orthogonal matrix."""
    x = g.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


class Muon:
    def __init__(self, net, rate, heads):
        self.rate, self.heads, self.groups = rate, heads, net.matrices()
        self.moment = {k: torch.zeros(len(v), *v[0].shape, device=v[0].device) for k, v in self.groups.items()}

    @torch.no_grad()
    def step(self, share, momentum, decay):
        for k, ps in self.groups.items():
            g = torch.stack([p.grad for p in ps])
            m = self.moment[k].mul_(momentum).add_(g)
            g = g + momentum * m
            n, r, c = g.shape
            if k == "qkv":  # query, key and value apart
                u = g.view(n, self.heads, 3, -1, c).permute(0, 2, 1, 3, 4).reshape(n * 3, r // 3, c)
                u = orthogonal(u).view(n, 3, self.heads, -1, c).permute(0, 2, 1, 3, 4).reshape(n, r, c)
            else:
                u = orthogonal(g) * max(1, r / c) ** 0.5
            rate = self.rate * share
            torch._foreach_mul_(ps, 1 - rate * decay)
            torch._foreach_add_(ps, list(u.float().unbind(0)), alpha=-rate)


def rate_at(p):
    return 1.0 if p < 0.45 else max(0.01, (1 - p) / 0.55)


def loss_of(hidden, embed, y, w):
    logits = (hidden.reshape(-1, hidden.shape[-1]) @ embed.to(hidden.dtype).t()).float()
    return F.cross_entropy(logits, y.reshape(-1), reduction="none") * w.reshape(-1)


def main():
    ap = argparse.ArgumentParser()
    for name, kind, default in (("data", str, "pack"), ("written", str, "written"), ("state", str, "state.pt"), ("out", str, "out"), ("seconds", float, 60), ("start", float, 0), ("stop", float, 1), ("batch", int, 64),
                                ("width", int, 512), ("heads", int, 8), ("layers", int, 14), ("muon", float, 0.02), ("adam", float, 1.5e-3), ("decay", float, 0.03), ("nf4", float, 0.8), ("share", float, 1), ("workers", int, 15)):
        ap.add_argument("--" + name, type=kind, default=default)
    a = ap.parse_args()
    torch.manual_seed(7)
    torch.backends.cuda.matmul.allow_tf32 = True
    data = rows.Data(a.data, a.written, a.share)
    data.index()
    log("passages", {l: len(v) for l, v in data.real.items()}, "written", {l: len(v) for l, v in data.written.items()}, "held back", {l: len(v) for l, v in data.dev.items()})
    ctx = mp.get_context("fork")
    done, made = ctx.Value("d", a.start, lock=False), ctx.Queue(maxsize=160)
    people = [ctx.Process(target=worker, args=(data, 1000 + i + int(a.start * 1e4), done, made), daemon=True) for i in range(a.workers)]
    for w in people:
        w.start()
    net = model.NeoX(data.sp.get_piece_size(), a.width, a.heads, a.layers, data.meaning).cuda()
    log("parameters %.1fM" % (sum(p.numel() for p in net.parameters()) / 1e6))
    muon = Muon(net, a.muon, a.heads)
    matrices = [p for g in muon.groups.values() for p in g]
    ids = {id(p) for p in matrices}
    rest = [p for p in net.parameters() if id(p) not in ids]
    adam = torch.optim.AdamW([{"params": [p for p in rest if p.ndim == 2], "weight_decay": a.decay}, {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0}], lr=a.adam, betas=(0.9, 0.95), fused=True)
    steps = 0
    if os.path.exists(a.state) and a.start > 0:
        s = torch.load(a.state, map_location="cuda")
        net.load_state_dict(s["raw"])
        adam.load_state_dict(s["adam"])
        muon.moment, steps = s["moment"], s["steps"]
        log("goes on after step", steps)
    for b in net.blocks:
        b.compile()
    loss_fn = torch.compile(loss_of)
    mask_fn = torch.compile(create_block_mask)
    ready = queue.Queue(4)

    def feed():
        while True:
            parts = [made.get() for _ in range(a.batch // 8)]
            ready.put([torch.from_numpy(np.concatenate(x)).pin_memory() for x in zip(*parts)])

    threading.Thread(target=feed, daemon=True).start()
    begun, first, tokens, exact = None, steps, 0, None
    total = torch.zeros(4, device="cuda")
    while True:
        tok, y, doc, pos, w = [t.cuda(non_blocking=True) for t in ready.get()]
        p = a.start if begun is None else a.start + (a.stop - a.start) * (time.time() - begun) / a.seconds
        if p >= a.stop:
            break
        done.value = p
        share = rate_at(p) * min(1, (steps + 1) / 80) * min(1, (steps - first + 1) / 20)
        if p >= a.nf4:  # the matrices are used as they will be stored; exact holds what is trained
            with torch.no_grad():
                if exact is None:
                    exact = [m.detach().clone() for m in matrices]
                    log("reads through NF4 from here")
                for m, e in zip(matrices, exact):
                    m.data.copy_(model.nf4(e))
        row, branch = doc // 64, doc % 64

        def seen(b, h, q, k):
            return (row[b, q] == row[b, k]) & ((branch[b, k] == 0) | (branch[b, k] == branch[b, q])) & (q >= k)

        mask = mask_fn(seen, tok.shape[0], None, rows.T, rows.T, device="cuda")
        with torch.autocast("cuda", torch.bfloat16):
            table = net.table()
            l = loss_fn(net(tok.long(), pos.long(), mask, table).bfloat16(), table, y.long(), w)
        (l.sum() / w.sum()).backward()
        with torch.no_grad():
            f = w.reshape(-1)
            for i, part in enumerate((f >= 3, (f >= 1.5) & (f < 3))):
                total[2 * i] += (l * part / f.clamp_min(1e-6)).sum()
                total[2 * i + 1] += part.sum()
            torch.nn.utils.clip_grad_norm_(rest, 1.0)
            if exact is not None:
                for m, e in zip(matrices, exact):
                    m.data.copy_(e)
        for g in adam.param_groups:
            g["lr"] = a.adam * share
        adam.step()
        muon.step(share, 0.85 + 0.1 * min(1, steps / 300), a.decay)
        if exact is not None:
            torch._foreach_copy_(exact, [m.data for m in matrices])
        net.zero_grad(set_to_none=True)
        steps += 1
        tokens += tok.numel()
        if steps - first == 3:
            torch.cuda.synchronize()
            begun, tokens = time.time(), 0
            log("compiled, %.0f GB" % (torch.cuda.max_memory_allocated() / 1e9))
        if steps % 50 == 0:
            t = total.tolist()
            total.zero_()
            log("step %d at %.3f rate %.3f answers %.3f refusals %.3f, %.0fk tokens/s, %d waiting" % (steps, p, share, t[0] / max(1, t[1]), t[2] / max(1, t[3]), tokens / (time.time() - (begun or T0)) / 1e3, made.qsize()))
    log("end of run: step", steps, "tokens %.0fM" % (tokens / 1e6))
    for w in people:
        w.kill()
    torch.save({"net": net.stored(), "raw": net.state_dict(), "adam": adam.state_dict(), "moment": muon.moment, "steps": steps}, a.state)
    log("saved")
    os._exit(0)


if __name__ == "__main__":
    main()
