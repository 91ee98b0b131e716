"""Writes the fixtures that no program makes: PDFs whose Japanese fonts are not embedded, a page without text, a page in Shift_JIS.

Run by fixtures.sh.
"""


def pdf(name, objects):
    """Writes objects (bytes, numbered from 1; the first is the catalog) with a cross-reference table."""
    out, offsets = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for i, o in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, o)
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)
    open(name, "wb").write(out)


def stream(data):
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(data), data)


def pages(name, contents):
    """contents: for each page its font objects and its content stream; the fonts are called F1, F2 ..."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for fonts, content in contents:
        refs = []
        for font in fonts:
            objects.append(font[1])
            descendant = len(objects)
            objects.append(font[0] % descendant)
            refs.append(len(objects))
        objects.append(stream(content))
        body = len(objects)
        resources = b"<< /Font << %s >> >>" % b" ".join(b"/F%d %d 0 R" % (i, r) for i, r in enumerate(refs, 1))
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources %s /Contents %d 0 R >>" % (resources, body))
        kids.append(len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % k for k in kids))
    pdf(name, objects)


def font(encoding):
    """A composite font of Adobe-Japan1 that is only named: the reader has to know the encoding and bring the glyphs."""
    return (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light-" + encoding + b" /Encoding /" + encoding + b" /DescendantFonts [%d 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin-Light /DW 1000 "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 6 >> "
        b"/FontDescriptor << /Type /FontDescriptor /FontName /Ryumin-Light /Flags 4 /FontBBox [-170 -331 1024 903] "
        b"/ItalicAngle 0 /Ascent 723 /Descent -241 /CapHeight 709 /StemV 69 >> >>",
    )


def lines(*texts):
    out = b"BT /F1 16 Tf 24 TL 72 760 Td\n"
    for t in texts:
        out += b"<" + t.hex().encode() + b"> Tj T*\n"
    return out + b"ET"


utf16 = lambda s: s.encode("utf-16-be")
pages("cid.pdf", [
    ([font(b"90ms-RKSJ-H")], lines("有給休暇の日数は①十日".encode("cp932"), "髙橋㈱の規程".encode("cp932"))),
    ([font(b"UniJIS-UTF16-H")], lines(utf16("出張旅費の精算"), utf16("上限は五万円𠮷野"))),
    # Adobe-Japan1: 843 is あ, 845 い, 847 う (hiragana in order of JIS X 0208 from CID 842 = ぁ).
    ([font(b"Identity-H")], lines(bytes.fromhex("034b034d034f"))),
    ([font(b"UniJIS-UTF16-V")], b"BT /F1 16 Tf 500 760 Td <" + utf16("縦書きの通達").hex().encode() + b"> Tj ET "
     b"BT /F1 16 Tf 470 760 Td <" + utf16("第二行です").hex().encode() + b"> Tj ET"),
])
latin = (b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /Extra %d >>", b"null")
pages("scan.pdf", [([latin], b"0.8 g 72 72 400 600 re f"), ([latin], b"0.5 g 72 72 400 600 re f")])
pages("columns.pdf", [
    ([latin], b"BT /F1 12 Tf 72 760 Td (Order form) Tj 0 -30 Td (Item) Tj 150 0 Td (Price) Tj -150 -20 Td (Bolt M3) Tj 150 0 Td (80 yen) Tj ET "
     b"BT /F1 12 Tf 72 640 Td (The maintenance of this docu-) Tj 0 -16 Td (ment is yearly.) Tj ET"),
    ([latin], b""),
])

html = """<!DOCTYPE html>
<html lang="ja"><head><meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS">
<title>価格表 ①</title><style>p { color: red }</style><script>var x = "隠し";</script></head>
<body><nav><a href="/">ホーム</a></nav>
<h1>価格表 ①</h1>
<p><ruby>有給<rp>(</rp><rt>ゆうきゅう</rt><rp>)</rp></ruby>休暇は
   十日です。<br>ＡＢＣ㈱ &amp; 髙橋</p>
<table><caption>二〇二六年</caption>
<tr><th>品目</th><th>価格</th><th>在庫</th></tr>
<tr><td rowspan="2">ネジ</td><td>120円</td><td>あり</td></tr>
<tr><td>150円</td><td>なし</td></tr>
<tr><td colspan="2">送料</td><td>無料</td></tr>
</table>
<ul><li>平日<ul><li>午前</li></ul></li><li><p>休日</p></li></ul>
<pre>x  =  1
y</pre>
<div hidden>見えない</div>
</body></html>
"""
open("sjis.html", "wb").write(html.encode("cp932"))
