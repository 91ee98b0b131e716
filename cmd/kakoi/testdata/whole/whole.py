"""The peer of `kakoi bench add --peer`: pypdf, python-docx, sentence-transformers and hnswlib, used as their documentation shows.

Arguments: model folder, threads. Paths of files on standard input, one a line. One line of JSON on standard output.
Loading the libraries and the model is told apart from the work.
"""
import sys, os, json, time, html.parser

start = time.perf_counter()
model_dir, threads = sys.argv[1], int(sys.argv[2])
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(threads)
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
import docx, hnswlib, numpy, pypdf, torch
from sentence_transformers import SentenceTransformer

torch.set_num_threads(threads)
# The folder keeps its weights in half precision, in which PyTorch is slow on processors; the model's authors publish them in fp32.
model = SentenceTransformer(model_dir, device="cpu").float()
model.encode(["passage: 1"])
loaded = time.perf_counter()


class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "style", "title"):
            self.hidden += 1
        elif tag in ("p", "h1", "h2", "h3", "li", "tr", "br", "div"):
            self.parts.append("\n\n")

    def handle_endtag(self, tag):
        if tag in ("script", "style", "title"):
            self.hidden -= 1

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)


def read(path):
    kind = path.rsplit(".", 1)[-1]
    if kind == "pdf":
        return [p.extract_text() for p in pypdf.PdfReader(path).pages]
    if kind == "docx":
        return ["\n\n".join(p.text for p in docx.Document(path).paragraphs)]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if kind == "html":
        parser = Text()
        parser.feed(text)
        text = "".join(parser.parts)
    return [text]


SEPARATORS = ["\n\n", "。", ". ", "\n", "、", " ", ""]


def split(text, size=300, overlap=40, separators=SEPARATORS):
    """Cuts at the first separator that is there, gathers pieces up to size, repeats up to overlap."""
    sep = next(s for s in separators if s == "" or s in text)
    rest = separators[separators.index(sep) + 1 :]
    pieces = list(text) if sep == "" else [p + sep for p in text.split(sep)]
    out, good, total = [], [], 0

    def flush():
        if good and "".join(good).strip():
            out.append("".join(good).strip())

    for p in pieces:
        if len(p) >= size and rest:
            flush()
            good, total = [], 0
            out.extend(split(p, size, overlap, rest))
            continue
        if total + len(p) > size:
            flush()
            while good and (total > overlap or total + len(p) > size):
                total -= len(good.pop(0))
        good.append(p)
        total += len(p)
    flush()
    return out


chunks, characters = [], 0
for path in sys.stdin.read().splitlines():
    for page in read(path):
        characters += len(page)
        chunks.extend(split(page))
was_read = time.perf_counter()
vectors = model.encode(["passage: " + c for c in chunks], normalize_embeddings=True, show_progress_bar=False)
embedded = time.perf_counter()
index = hnswlib.Index(space="ip", dim=vectors.shape[1])
index.init_index(max_elements=len(chunks), ef_construction=200, M=16)
index.add_items(vectors, numpy.arange(len(chunks)), num_threads=threads)
index.set_ef(64)
index.knn_query(vectors[:1], k=min(10, len(chunks)))
end = time.perf_counter()
print(json.dumps({
    "load_seconds": loaded - start, "seconds": end - loaded, "read_seconds": was_read - loaded, "embed_seconds": embedded - was_read,
    "index_seconds": end - embedded, "chunks": len(chunks), "characters": characters, "torch": torch.__version__, "dtype": str(next(model.parameters()).dtype),
}))
