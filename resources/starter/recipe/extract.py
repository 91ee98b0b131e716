"""Stage 1: unpacked documentation packages -> passages.jsonl.

usage: extract.py PACKAGES_DIR OUT.jsonl      (PACKAGES_DIR/NAME is the package, unpacked with dpkg-deb -x)

A passage is a run of paragraphs below one heading, 200 to 900 characters: what the product's own splitter would show the model. A line
is {"id","doc","source","licence","lang","title","heading","text"}; a text that came before is dropped.
"""
import glob, gzip, hashlib, json, os, random, re, sys
from lxml import html
from sources import PACKAGES

SKIP = {"script", "style", "nav", "header", "footer", "head", "aside", "form", "svg", "button", "noscript"}
SKIP_CLASS = re.compile(r"\b(nav\w*|toc|sidebar|related|sphinxsidebar\w*|headerlink|footer|breadcrumbs?|menu|toplang|bottomlang|index|embedded|relatedtopics)\b")
CJK = r"\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"
JOIN = re.compile(r"(?<=[%s])\s+(?=[%s])" % (CJK, CJK))
LOW, HIGH = 200, 900


def clean(text):
    text = text.replace("\xa0", " ").replace("\u200b", "").replace("\xad", "").replace("¶", "")
    return re.sub(r"\s+", " ", JOIN.sub("", text)).strip()


def inline(node, blocks_inside=("ul", "ol", "dl", "pre", "table")):
    """The text of a node without the blocks inside it."""
    out = [node.text or ""]
    for c in node:
        if isinstance(c.tag, str) and c.tag not in blocks_inside and c.tag not in SKIP and "headerlink" not in (c.get("class") or ""):
            out += [" " if c.tag == "br" else "", inline(c)]
        out.append(c.tail or "")
    return "".join(out)


def rows(table):
    """A table with a heading row becomes lines "column: value, column: value", as the product writes tables."""
    lines, head = [], None
    for tr in table.iter("tr"):
        cells = [clean(inline(td, ())) for td in tr if td.tag in ("td", "th")]
        if head is None and cells and all(td.tag == "th" for td in tr if td.tag in ("td", "th")):
            head = cells
        elif head and len(head) == len(cells):
            lines.append(", ".join("%s: %s" % (h, c) for h, c in zip(head, cells) if h and c))
        elif any(cells):
            lines.append(": ".join(c for c in cells if c))
    return lines


def blocks(node, out):
    """(kind, text) in reading order: h heading, p paragraph, l list item or table row."""
    for c in node:
        if not isinstance(c.tag, str) or c.tag in SKIP or SKIP_CLASS.search((c.get("class") or "") + " " + (c.get("id") or "")):
            continue
        if re.fullmatch("h[1-6]", c.tag):
            out.append(("h", clean(inline(c))))
        elif c.tag == "table":
            out += [("l", r) for r in rows(c)]
        elif c.tag == "pre":
            continue
        elif c.tag in ("p", "dt", "dd", "li", "td") and not any(d.tag in ("p", "div", "li") for d in c.iterdescendants() if isinstance(d.tag, str)):
            text = clean(inline(c))
            if c.tag == "dd" and out and out[-1][0] == "t":
                out[-1] = ("l", out[-1][1] + ": " + text)
            elif text:
                out.append(({"dt": "t", "li": "l"}.get(c.tag, "p"), text))
            blocks(c, out) if c.tag != "p" else None
        else:
            blocks(c, out)
    return out


def body(data):
    head = re.search(rb"charset=[\"']?([\w-]+)", data[:2000])
    text = data.decode(head.group(1).decode() if head else "utf-8", "replace")
    root = html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    title = clean(root.findtext(".//title") or "")
    for path in ('//div[@id="DisplayArea"]', '//div[@role="main"]', "//main", '//div[@id="page-content"]', "//body"):
        found = root.xpath(path)
        if found:
            return title, blocks(found[0], [])
    return title, []


def passages(title, found):
    heading, lines, size = title, [], 0
    for kind, text in found + [("h", "")]:
        if (kind == "h" or size + len(text) > HIGH) and lines:
            if size >= LOW:
                yield heading, "\n".join(lines)
            lines, size = [], 0
        if kind == "h":
            heading = text or heading
        elif 15 <= len(text) <= HIGH:
            lines.append(("- " if kind == "l" and re.search("[.。]$", text) and len(text) < 90 else "") + text)
            size += len(text)


def main(src, dst):
    seen, n, total = set(), 0, {}
    with open(dst, "w") as out:
        for package, lang, pattern, licence, share in PACKAGES:
            for path in sorted(glob.glob(os.path.join(src, package, pattern), recursive=True)):
                if os.path.islink(path):
                    continue
                data = open(path, "rb").read()
                try:
                    title, found = body(gzip.decompress(data) if path.endswith(".gz") else data)
                except Exception as e:  # a page without a body
                    print(path, e, file=sys.stderr)
                    continue
                doc = os.path.relpath(path, os.path.join(src, package))
                for heading, text in passages(title, found):
                    key = hashlib.md5(text.encode()).hexdigest()[:12]
                    if key in seen or random.Random(key).random() > share:
                        continue
                    japanese = len(re.findall("[\u3040-\u30ff\u4e00-\u9fff]", text)) > 0.2 * len(text)
                    letters = sum(c.isalpha() or c.isspace() for c in text)
                    if japanese != (lang == "ja") or letters < 0.75 * len(text):
                        continue
                    seen.add(key)
                    n += 1
                    t = total.setdefault((package, lang), [0, 0])
                    t[0] += 1
                    t[1] += len(text)
                    out.write(json.dumps(dict(id=key, doc=package + "/" + doc, source=package, licence=licence, lang=lang, title=title, heading=heading, text=text), ensure_ascii=False) + "\n")
    for k, (a, b) in total.items():
        print("%-24s %s %6d passages %9d characters" % (k[0], k[1], a, b))


if __name__ == "__main__":
    main(*sys.argv[1:3])
