"""Writes the test lines, three small sentencepiece models and the golden ids of core/token.

usage: python golden.py        (sentencepiece 0.1.99, tokenizers 0.23.3; spm_train and spm_encode of Debian 12, 0.1.97)

lines.gz      2,000 lines, each as a JSON string
*.model.gz    spm_train: nfkc (nmt_nfkc, byte fallback), plain (identity, no dummy prefix, "\\n" its own piece, byte
              fallback), unk (identity, no byte fallback)
ids.bin       per oracle 2,000 CRC-32 (little-endian) of a line's ids (int32, little-endian): the order is in ORDER
Where a line has no line end and no NUL, spm_encode itself is asked too and must agree with the Python module.
(From 0.2 on sentencepiece sums scores with another rounding: ties differ on about one line in 300.)
"""
import gzip, json, os, random, struct, subprocess, sys, tempfile, zlib
import sentencepiece as spm
from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
STARTER = os.path.join(HERE, "../../../resources/starter")
FOLDERS = {"starter": STARTER, "minilm": os.environ["KAKOI_MINILM"], "e5": os.environ["KAKOI_EMBEDDER"]}
ORDER = ["starter.spm", "nfkc.spm", "plain.spm", "unk.spm", "starter.hf", "minilm.hf", "e5.hf"]

random.seed(20261123)
JA = "資料 倉庫 有給休暇 申請 期限 営業日 請求書 株式会社 電源 点検 部品 会議室 予約 天気 晴れ 気温 製品 保証 期間 料金 東京都 京都府 大阪 担当者 部長 午前 午後 安全 手順 確認 連絡先 更新 記録 は が を に で と も から まで です ます した する ください ある ない こと もの ため ユーザー システム サーバー データ ファイル プリンター コーヒー メンテナンス、 。 「 」 ・ ー".split()
EN = "the a of to and warehouse opens at invoice due within thirty days please contact manager printer warranty covers parts labour email address don't can't it's temperature degrees meeting room number version release notes safety check list of open questions internationalization ISO-9001 e-mail U.S. co-operate".split()
HALF = "ｱｲｳｴｵｶﾞｷﾞｸﾞﾊﾟﾋﾟﾌﾟﾎﾟｻｼｽﾔｭｮｯｰ｡｢｣､･ﾞﾟ"
EMOJI = ["😀", "🎉", "👍🏽", "👩‍👩‍👧‍👦", "🇯🇵", "❤️", "☕", "🏳️‍🌈", "🧑‍💻", "1️⃣", "✈︎"]
ODD = ["①", "㈱", "㍿", "髙", "﨑", "𠮷", "ﬁ", "Å", "é", "e\u0301", "が", "か\u3099", "は\u309a", "Ⅳ", "™", "½", "\u00a0", "\u3000", "\u200b", "\u200d", "\ufeff", "\u2028", "…", "〜", "～", "－", "ａｂｃ", "１２３", "ß", "İ", "ǆ", "ﷺ", "한국어", "각", "ไทย", "العربية", "हिन्दी", "Ω", "▁", "a▁b", "<s>", "</s>", "<unk>", "<0x41>", "[CLS]", "[UNK]", "\ufffd", "\U0010ffff", "\ue000"]
CTRL = [chr(c) for c in list(range(1, 32)) + [127, 0x85, 0x9f]]


def word():
    r = random.random()
    if r < 0.45: return random.choice(JA)
    if r < 0.75: return random.choice(EN) + random.choice([" ", " ", " ", ", ", ". ", ""])
    if r < 0.80: return "".join(random.choice(HALF) for _ in range(random.randint(1, 8)))
    if r < 0.84: return random.choice(EMOJI)
    if r < 0.89: return random.choice(ODD)
    if r < 0.91: return random.choice(CTRL)
    if r < 0.95: return str(random.randint(0, 10 ** random.randint(1, 8))) + random.choice(["", "円", "%", "-", "/", "."])
    if r < 0.97: return " " * random.randint(1, 4)
    if r < 0.98: return random.choice(["\n", "\n\n", "\r\n", "\t"])
    if r < 0.99: return "".join(chr(random.randint(0x4E00, 0x9FFF)) for _ in range(random.randint(1, 4)))
    return chr(random.choice([random.randint(0xA0, 0x2FF), random.randint(0x3040, 0x30FF), random.randint(0x1F300, 0x1FAFF), random.randint(0x2000, 0x2BFF)]))


lines = ["", " ", "  ", "\n", "a", "あ", " a ", "\x00", "a\x00b", "\u3000あ\u3000"]
lines += ["".join(word() for _ in range(random.randint(1, 40))) for _ in range(2000 - len(lines))]
with gzip.GzipFile(os.path.join(HERE, "lines.gz"), "wb", 9, mtime=0) as f:
    f.write("\n".join(json.dumps(l, ensure_ascii=False) for l in lines).encode("utf-8", "surrogatepass"))

with tempfile.TemporaryDirectory() as tmp:
    corpus = os.path.join(tmp, "corpus")
    with open(corpus, "w") as f:
        for _ in range(20000): f.write("".join(random.choice(JA) if random.random() < 0.55 else random.choice(EN) + " " for _ in range(random.randint(3, 20))) + "\n")
        for l in lines[:600]: f.write(l.replace("\n", " ").replace("\r", " ").replace("\x00", "") + "\n")
    for name, opts in {
        "nfkc": ["--normalization_rule_name=nmt_nfkc", "--byte_fallback=true"],
        "plain": ["--normalization_rule_name=identity", "--byte_fallback=true", "--add_dummy_prefix=false", "--remove_extra_whitespaces=false", "--user_defined_symbols=\n,質問→"],
        "unk": ["--normalization_rule_name=identity"],
    }.items():
        subprocess.run(["spm_train", f"--input={corpus}", f"--model_prefix={tmp}/{name}", "--vocab_size=1500", "--model_type=unigram", "--hard_vocab_limit=false", "--minloglevel=2", "--num_threads=1"] + opts, check=True)
        with gzip.GzipFile(os.path.join(HERE, name + ".model.gz"), "wb", 9, mtime=0) as f: f.write(open(f"{tmp}/{name}.model", "rb").read())

    crc = lambda ids: struct.pack("<I", zlib.crc32(struct.pack(f"<{len(ids)}i", *ids)))
    out = b""
    for o in ORDER:
        name, kind = o.split(".")
        if kind == "spm":
            path = f"{tmp}/{name}.model" if name != "starter" else os.path.join(STARTER, "spiece.model")
            sp = spm.SentencePieceProcessor(path)
            ids = [sp.encode(l) for l in lines]
            plain = [i for i, l in enumerate(lines) if not set(l) & set("\n\r\x00")]
            r = subprocess.run(["spm_encode", f"--model={path}", "--output_format=id"], input="\n".join(lines[i] for i in plain).encode(), stdout=subprocess.PIPE, check=True)
            got = r.stdout.decode().split("\n")
            bad = [i for i, g in zip(plain, got) if [int(x) for x in g.split()] != ids[i]]
            assert not bad, (o, "spm_encode differs from the Python module", [lines[i] for i in bad[:3]])
        else:
            tk = Tokenizer.from_file(os.path.join(FOLDERS[name], "tokenizer.json"))
            tk.no_truncation(); tk.no_padding()
            tk.encode_special_tokens = True
            ids = [tk.encode(l, add_special_tokens=name != "starter").ids for l in lines]
        out += b"".join(crc(i) for i in ids)
        if o == "starter.hf": print("starter: tokenizers differ from sentencepiece on", sum(a != b for a, b in zip(ids, first)), "lines")
        if o == "starter.spm": first = ids
    open(os.path.join(HERE, "ids.bin"), "wb").write(out)
