"""Writes the fixtures of spreadsheets, slides, books and mails, with programs that are not Kakoi: openpyxl, xlwt, python-pptx, ebooklib, Python's
email and extract-msg (which needs no Outlook to write an OLE file). LibreOffice, called SOFFICE in the environment, turns some into other formats.

    pip install openpyxl xlwt python-pptx ebooklib extract-msg msoffcrypto-tool
    SOFFICE=soffice python3 office.py

The tests hold the exact texts: look at every difference after running it.
"""

import datetime
import os
import shutil
import subprocess
import tempfile

import openpyxl
import xlwt
from openpyxl.styles import Font

DAY = datetime.date(2026, 4, 1)


def prices():
    """A sheet with a title above the names of its columns, merged cells, eras and readings; one that is a form; one without text."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "単価表"
    sheet["A1"] = "2026年度 単価表"
    sheet.merge_cells("A1:E1")
    for column, name in enumerate(["分類", "品名", "単価", "改定日", "割引"], 1):
        sheet.cell(3, column, name).font = Font(bold=True)
    rows = [("ネジ", "M3×10", 1200, DAY, 0.05), (None, "M4×12", 1500.5, DAY, 0.1), ("ワッシャー", "平座金", 80, datetime.date(2019, 5, 1), None)]
    for at, (kind, name, price, day, discount) in enumerate(rows, 4):
        sheet.cell(at, 1, kind)
        sheet.cell(at, 2, name)
        sheet.cell(at, 3, price).number_format = '"¥"#,##0'
        sheet.cell(at, 4, day).number_format = '[$-411]ggge"年"m"月"d"日"'
        if discount is not None:
            sheet.cell(at, 5, discount).number_format = "0%"
    sheet.merge_cells("A4:A5")
    sheet["B7"] = "合計"
    sheet["C7"] = "=SUM(C4:C6)"
    sheet["C7"].number_format = '"¥"#,##0'
    form = book.create_sheet("申請者")
    for at, (key, value) in enumerate([("氏名", "田中"), ("部署", "総務部"), ("備考", "一行目\n二行目")], 1):
        form.cell(at, 1, key)
        form.cell(at, 2, value)
    book.create_sheet("空")
    two = book.create_sheet("見出し二段")
    for cell, text in {"A1": "支店", "B1": "上期", "D1": "下期", "B2": "目標", "C2": "実績", "D2": "目標", "E2": "実績", "A3": "東京", "A4": "大阪"}.items():
        two[cell] = text
    for ref in ["A1:A2", "B1:C1", "D1:E1"]:
        two.merge_cells(ref)
    for row, values in [(3, [10, 12, 20, 18]), (4, [5, 6, 7, 8])]:
        for column, value in enumerate(values, 2):
            two.cell(row, column, value)
    two["A6"] = "注 単位は百万円"
    book.save("prices.xlsx")


def locked():
    """A workbook behind a password: an OLE file around the encrypted package."""
    from msoffcrypto.format.ooxml import OOXMLFile

    with open("prices.xlsx", "rb") as plain, open("password.xlsx", "wb") as out:
        OOXMLFile(plain).encrypt("secret", out)


def legacy():
    """BIFF8 from another program than LibreOffice; so many strings that their table goes on in CONTINUE records."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("台帳")
    for column, name in enumerate(["番号", "品名", "数量", "納品日"]):
        sheet.write(0, column, name)
    date = xlwt.easyxf(num_format_str="yyyy/mm/dd")
    for row in range(1, 601):
        sheet.write(row, 0, row)
        sheet.write(row, 1, f"部品{row:04d} " + "あいうえお" * 4 + ("ascii only " + "x" * (row % 7) if row % 3 == 0 else ""))
        sheet.write(row, 2, row * 1.5)
        sheet.write(row, 3, DAY + datetime.timedelta(days=row), date)
    sheet.write_merge(601, 602, 0, 1, "合計")
    sheet.write(601, 2, xlwt.Formula("SUM(C2:C601)"))
    book.save("ledger.xls")


def slides():
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text = "安全講習"
    first.placeholders[1].text = "2026年度 第1回"
    second = deck.slides.add_slide(deck.slide_layouts[1])
    second.shapes.title.text = "保護具"
    body = second.placeholders[1].text_frame
    body.text = "ヘルメットを着用する"
    line = body.add_paragraph()
    line.text, line.level = "顎ひもを締める", 1
    second.notes_slide.notes_text_frame.text = "話し方: 実物を見せながら説明する。"
    third = deck.slides.add_slide(deck.slide_layouts[5])
    third.shapes.title.text = "連絡先"
    table = third.shapes.add_table(3, 3, Inches(1), Inches(2), Inches(6), Inches(2)).table
    for row, cells in enumerate([["部署", "担当", "内線"], ["総務", "田中", "101"], ["", "鈴木", "102"]]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    deck.slides.add_slide(deck.slide_layouts[6])
    last = deck.slides.add_slide(deck.slide_layouts[6])
    group = last.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame.text = "グループの中の文字"
    deck.save("training.pptx")


def book():
    from ebooklib import epub

    b = epub.EpubBook()
    b.set_title("保守の手引き")
    b.set_language("ja")
    chapters = []
    for number, title, text in [
        (2, "第2章 点検", "<p>点検は毎月<ruby>朔日<rt>ついたち</rt></ruby>に行う。</p><table><tr><th>箇所</th><th>周期</th></tr><tr><td>軸受</td><td>1か月</td></tr></table>"),
        (1, "第1章 概要", "<p>この機械は切削に使う。</p><ul><li>重さ 120kg</li></ul>"),
    ]:
        c = epub.EpubHtml(title=title, file_name=f"text/{number}.xhtml", lang="ja")
        c.content = f"<h1>{title}</h1>{text}"
        b.add_item(c)
        chapters.append(c)
    chapters.reverse()
    b.toc = chapters
    b.add_item(epub.EpubNcx())
    b.add_item(epub.EpubNav())
    b.spine = chapters
    epub.write_epub("manual.epub", b)


def mails():
    """Mails with attachments: one of today by Python, one of an old Japanese mailer by hand, one of Outlook."""
    from email.message import EmailMessage

    m = EmailMessage()
    m["Subject"] = "見積書の送付について"
    m["From"] = "田中 太郎 <tanaka@example.jp>"
    m["To"] = "購買課 <buy@example.jp>"
    m["Date"] = "Wed, 01 Apr 2026 09:30:00 +0900"
    m.set_content("お世話になっております。\n見積書をお送りします。\n", cte="base64")
    m.add_alternative("<html><body><p>お世話になっております。</p><p>見積書を<b>お送りします</b>。</p></body></html>", subtype="html")
    m.add_attachment(open("prices.xlsx", "rb").read(), maintype="application", subtype="octet-stream", filename="見積書2026.xlsx")
    m.add_attachment(b"\x89PNG\r\n", maintype="image", subtype="png", filename="印影.png")
    inner = EmailMessage()
    inner["Subject"] = "Re: 納期"
    inner["From"] = "suzuki@example.jp"
    inner.set_content("納期は4月20日です。")
    m.add_attachment(inner)
    m.set_boundary("=outer=")
    for part in m.walk():
        if part.get_content_type() == "multipart/alternative":
            part.set_boundary("=inner=")
    open("quote.eml", "wb").write(m.as_bytes())

    jis = lambda s: s.encode("iso-2022-jp")
    import base64

    word = lambda s: b"=?ISO-2022-JP?B?" + base64.b64encode(jis(s)) + b"?="
    text = b"\r\n".join([
        b"Received: from example (unknown)", b"\tby mail", b"Subject: " + word("定期点検の") + b"\r\n " + word("お知らせ"), b"From: " + word("設備課") + b" <setubi@example.jp>",
        b"Date: Mon, 2 Mar 2026 10:00:00 +0900 (JST)", b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="--=_x"', b"",
        b"This is a multi-part message.", b"----=_x", b"Content-Type: text/plain; charset=ISO-2022-JP", b"Content-Transfer-Encoding: 7bit", b"",
        jis("設備の点検を3月10日に行います。"), jis("担当: 佐藤"), b"----=_x", b"Content-Type: text/plain;", b" name*0*=iso-2022-jp'ja'%1B%24B%3Cj%3Dg%1B%28B;", b' name*1=".txt"',
        b"Content-Transfer-Encoding: quoted-printable", b"Content-Disposition: attachment", b"", b"=8E=E8=8F=87=82=50=0D=0A=93=64=8C=B9=82=F0=90=D8=82=E9=81=42", b"----=_x--", b"",
    ])
    open("jis.eml", "wb").write(text)


def outlook():
    from extract_msg.ole_writer import OleWriter
    import struct

    def properties(head, values):
        raw = bytes(head)
        for tag, value in values:
            raw += struct.pack("<IIQ", tag, 6, value)
        return raw

    def wide(path, number, text):
        w.addEntry(path + [f"__substg1.0_{number:04X}001F"], data=text.encode("utf-16-le"))

    w = OleWriter()
    sent = (int(datetime.datetime(2026, 4, 2, 1, 15, tzinfo=datetime.timezone.utc).timestamp()) + 11644473600) * 10_000_000
    w.addEntry(["__properties_version1.0"], data=properties(32, [(0x00390040, sent)]))
    wide([], 0x0037, "会議の議事録")
    wide([], 0x0C1A, "鈴木 花子")
    wide([], 0x5D01, "suzuki@example.jp")
    wide([], 0x0E04, "総務部; 田中")
    wide([], 0x1000, "議事録を添付します。\r\n次回は5月7日です。\r\n")
    for number, (name, data) in enumerate([("議事録.docx", open("pandoc.docx", "rb").read()), ("図.png", b"\x89PNG")]):
        path = [f"__attach_version1.0_#{number:08X}"]
        w.addEntry(path, storage=True)
        w.addEntry(path + ["__properties_version1.0"], data=properties(8, [(0x37050003, 1)]))
        wide(path, 0x3707, name)
        w.addEntry(path + ["__substg1.0_37010102"], data=data)
    path = ["__attach_version1.0_#00000002"]
    w.addEntry(path, storage=True)
    w.addEntry(path + ["__properties_version1.0"], data=properties(8, [(0x37050003, 5)]))
    inner = path + ["__substg1.0_3701000D"]
    w.addEntry(inner, storage=True)
    w.addEntry(inner + ["__properties_version1.0"], data=properties(24, []))
    wide(inner, 0x0037, "前回の議事")
    # RTF of Outlook around HTML, not compressed ("MELA"); in code page 932.
    rtf = rb"{\rtf1\ansi\ansicpg932\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 \'91\'4f\'89\'f1\'82\'cc{\*\htmltag84 <b>}\'8c\'88\'92\'e8{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0 {\*\htmltag72 </p>}\htmlrtf \par\htmlrtf0 \u20107?\'8d\'80}"
    w.addEntry(inner + ["__substg1.0_10090102"], data=struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf)
    w.write("minutes.msg")


def office(name, kind):
    """Converts a file with LibreOffice into the kind that the ending of the new name says."""
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([os.environ.get("SOFFICE", "soffice"), "--headless", "--convert-to", kind, "--outdir", tmp, name], check=True, capture_output=True)
        made = os.path.join(tmp, os.path.splitext(name)[0] + "." + kind.split(":")[0])
        shutil.move(made, "office." + kind.split(":")[0] if name.startswith("pandoc") else os.path.basename(made))


prices()
locked()
legacy()
slides()
book()
mails()
outlook()
for name, kind in [("prices.xlsx", "ods"), ("prices.xlsx", "xls"), ("training.pptx", "odp"), ("pandoc.docx", "odt"), ("pandoc.docx", "rtf"), ("pandoc.docx", "doc")]:
    office(name, kind)
