package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"kakoi/core"
)

// wrecks are the fixtures that TestDamage damages: every format that this package reads by itself.
var wrecks = []string{
	"prices.xlsx", "prices.ods", "prices.xls", "ledger.xls", "training.pptx", "training.odp", "manual.epub", "office.docx", "office.odt", "office.rtf", "office.doc", "quote.eml", "jis.eml", "minutes.msg",
	"password.xlsx", "pandoc.html", "rules.md",
}

func load1(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sound reads what may be damaged: it ends in time, without a panic, with text or with a reason that people can be told.
func sound(t testing.TB, what, kind string, data []byte) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s (%s): panic: %v\n%s", what, kind, p, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	start := time.Now()
	pages, _, err := parse(ctx, kind, data, Options{})
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("%s (%s, %d bytes) took %v", what, kind, len(data), took)
	}
	if err == nil {
		for _, p := range pages {
			if strings.ContainsAny(p.Text, "\x00\r") {
				t.Errorf("%s (%s): text with NUL or CR", what, kind)
			}
		}
		return
	}
	for _, known := range []error{core.ErrEmpty, core.ErrCorrupt, core.ErrTooLarge, core.ErrUnsupported, core.ErrEncrypted} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("%s (%s): %v says nothing to people", what, kind, err)
}

// repack is a zip file with one entry changed.
func repack(t testing.TB, data []byte, at int, change func([]byte) []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for i, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if i == at%len(z.File) {
			raw = change(raw)
		}
		w, err := out.Create(f.Name)
		if err == nil {
			_, err = w.Write(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDamage: cuts, flipped bits and splices of every fixture, and the same inside zip packages: more than 3,000 files.
func TestDamage(t *testing.T) {
	const cuts, flips, splices = 50, 90, 40
	total := 0
	for n, name := range wrecks {
		data, kind := load1(t, name), Kind(name)
		other := load1(t, wrecks[(n+3)%len(wrecks)])
		random := rand.New(rand.NewPCG(uint64(n), 7))
		flip := func(raw []byte) []byte {
			raw = bytes.Clone(raw)
			for range 1 + random.IntN(8) {
				if len(raw) > 0 {
					raw[random.IntN(len(raw))] ^= 1 << random.IntN(8)
				}
			}
			return raw
		}
		try := func(how string, i int, raw []byte) {
			total++
			sound(t, fmt.Sprintf("%s %s %d", name, how, i), kind, raw)
		}
		for i := range cuts {
			try("cut", i, data[:len(data)*i/cuts])
		}
		for i := range flips {
			try("flip", i, flip(data))
		}
		for i := range splices {
			at, from := random.IntN(len(data)), random.IntN(len(other))
			try("splice", i, append(bytes.Clone(data[:at]), other[from:]...))
		}
		if !bytes.HasPrefix(data, zipMagic) {
			continue
		}
		for i := range 80 {
			try("inner flip", i, repack(t, data, i, flip))
			try("inner cut", i, repack(t, data, i, func(raw []byte) []byte { return raw[:random.IntN(len(raw)+1)] }))
		}
	}
	if total < 2000 {
		t.Errorf("only %d damaged files", total)
	}
	t.Logf("%d damaged files", total)
}

// parts packs a package.
func parts(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const relHead = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`

// workbook is a package of one sheet.
func workbook(t testing.TB, sheet string, more ...string) []byte {
	t.Helper()
	return parts(t, append([]string{
		"_rels/.rels", relHead + `<Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relHead + `<Relationship Id="a" Type="x/worksheet" Target="worksheets/s.xml"/><Relationship Id="b" Type="x/sharedStrings" Target="shared.xml"/></Relationships>`,
		"xl/worksheets/s.xml", sheet,
	}, more...)...)
}

// odf is a package with a body.
func odf(t testing.TB, body string) []byte {
	return parts(t, "content.xml", `<office:document-content xmlns:office="o"><office:body>`+body+`</office:body></office:document-content>`)
}

// TestOfficeBombs: small files that would become large texts or take for ever.
func TestOfficeBombs(t *testing.T) {
	laughs := `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>`
	long := strings.Repeat("長", 10_000)
	mail := "Subject: x\n\nend"
	for i := range 200 {
		mail = fmt.Sprintf("Subject: x\nContent-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n", i, i, mail, i)
	}
	forwarded := "Subject: x\n\nend"
	for i := range 50 {
		forwarded = fmt.Sprintf("Subject: x%d\nContent-Type: multipart/mixed; boundary=b%d\n\n--b%d\n\ntext\n--b%d\nContent-Type: message/rfc822\n\n%s\n--b%d--\n", i, i, i, i, forwarded, i)
	}
	for _, c := range []struct {
		what, kind string
		data       []byte
		is         error
	}{
		{"entities in xlsx", "xlsx", workbook(t, laughs+`<worksheet><sheetData><row><c t="str"><v>&c;</v></c></row></sheetData></worksheet>`), core.ErrCorrupt},
		{"entities in odt", "odt", parts(t, "content.xml", laughs+`<d><body><p>&c;</p></body></d>`), core.ErrCorrupt},
		{"one string in every cell", "xlsx", workbook(t, `<worksheet><sheetData>`+strings.Repeat(`<row><c t="s"><v>0</v></c></row>`, 60_000)+`</sheetData></worksheet>`,
			"xl/shared.xml", `<sst><si><t>`+long+`</t></si></sst>`), core.ErrTooLarge},
		{"merged in xlsx", "xlsx", workbook(t, `<worksheet><sheetData><row r="1"><c r="A1" t="str"><v>`+long[:3900]+`</v></c></row>`+func() string {
			var b strings.Builder
			for i := 2; i < 60_000; i++ {
				fmt.Fprintf(&b, `<row r="%d"><c r="B%d"><v>1</v></c></row>`, i, i)
			}
			return b.String()
		}()+`</sheetData><mergeCells><mergeCell ref="A1:A1048576"/></mergeCells></worksheet>`), core.ErrTooLarge},
		{"deep xlsx", "xlsx", workbook(t, strings.Repeat("<a>", 100_000)), core.ErrCorrupt},
		{"deep odt", "odt", odf(t, strings.Repeat("<a:section>", 100_000)), core.ErrCorrupt},
		{"lists in lists", "odt", odf(t, strings.Repeat("<t:list><t:list-item>", 100_000)), core.ErrCorrupt},
		{"cells without end in ods", "ods", odf(t, `<o:spreadsheet><t:table t:name="S">`+strings.Repeat(`<t:table-row t:number-rows-repeated="1048576"><t:table-cell t:number-columns-repeated="16384"><t:p>`+long[:3000]+`</t:p></t:table-cell></t:table-row>`, 50)+`</t:table></o:spreadsheet>`), core.ErrTooLarge},
		{"rows without end in odt", "odt", odf(t, `<t:table>`+strings.Repeat(`<t:table-row t:number-rows-repeated="999999999"><t:table-cell t:number-columns-repeated="99999"><t:p>`+long[:3000]+`</t:p></t:table-cell></t:table-row>`, 50)+`</t:table>`), core.ErrTooLarge},
		{"groups in rtf", "rtf", []byte(`{\rtf1` + strings.Repeat("{", 1<<20)), core.ErrCorrupt},
		{"parts in parts", "eml", []byte(mail), core.ErrTooLarge},
		{"no text in a slide", "pptx", parts(t, "_rels/.rels", relHead+`<Relationship Id="r" Type="x/officeDocument" Target="ppt/p.xml"/></Relationships>`, "ppt/p.xml", `<p/>`), core.ErrEmpty},
	} {
		start := time.Now()
		pages, _, err := parse(t.Context(), c.kind, c.data, Options{})
		if !errors.Is(err, c.is) {
			t.Errorf("%s, %d bytes: %d pages, %v", c.what, len(c.data), len(pages), err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %v", c.what, took)
		}
	}
	// Mails in mails end at some depth, and what is above is read.
	pages, _, err := parse(t.Context(), "eml", []byte(forwarded), Options{})
	if err != nil || len(pages) != maxNesting+1 {
		t.Errorf("mails in mails: %d pages, %v", len(pages), err)
	}
}

// TestCompoundCycles: chains of sectors that lead back, and folders that hold themselves.
func TestCompoundCycles(t *testing.T) {
	data := load1(t, "office.doc")
	le := binary.LittleEndian
	fat := int(le.Uint32(data[76:])+1) * 512
	for i := range 128 { // each sector is followed by the first
		bad := bytes.Clone(data)
		le.PutUint32(bad[fat+4*i:], uint32(i%3))
		sound(t, fmt.Sprintf("cycle at %d", i), "doc", bad)
	}
	all := bytes.Clone(data)
	for i := range 128 {
		le.PutUint32(all[fat+4*i:], uint32((i+1)%128))
	}
	if _, _, err := parse(t.Context(), "doc", all, Options{}); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a ring of all sectors: %v", err)
	}
	difat := bytes.Clone(data)
	le.PutUint32(difat[68:], 0)
	sound(t, "list of the FAT's sectors", "doc", difat)
	directory := int(le.Uint32(data[48:])+1) * 512
	loop := bytes.Clone(data)
	for i := range 4 {
		for _, field := range []int{68, 72, 76} {
			le.PutUint32(loop[directory+128*i+field:], 0)
		}
	}
	sound(t, "folder in itself", "doc", loop)
}

func FuzzCompound(f *testing.F) {
	for _, name := range []string{"prices.xls", "office.doc", "minutes.msg"} {
		f.Add(load1(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, "fuzz", "doc", data) })
}

func FuzzText(f *testing.F) {
	for i, name := range []string{"office.rtf", "quote.eml", "jis.eml", "pandoc.html", "rules.md"} {
		f.Add(byte(i), load1(f, name))
	}
	f.Add(byte(5), []byte("品名,数\n\"ネジ\",1\n"))
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		kinds := []string{"rtf", "eml", "mht", "html", "md", "csv", "tsv", "doc", "xls"}
		sound(t, "fuzz", kinds[int(kind)%len(kinds)], data)
	})
}

// FuzzPackage changes one XML part of a package.
func FuzzPackage(f *testing.F) {
	names := []string{"prices.xlsx", "prices.ods", "training.pptx", "training.odp", "manual.epub", "office.docx", "office.odt"}
	for i, name := range names {
		z, err := zip.NewReader(bytes.NewReader(load1(f, name)), int64(len(load1(f, name))))
		if err != nil {
			f.Fatal(err)
		}
		for at, file := range z.File {
			if !strings.HasSuffix(file.Name, "ml") && !strings.HasSuffix(file.Name, ".rels") && !strings.HasSuffix(file.Name, ".opf") || strings.Contains(file.Name, "slideLayout") || strings.Contains(file.Name, "theme") {
				continue
			}
			r, err := file.Open()
			if err != nil {
				f.Fatal(err)
			}
			raw, err := io.ReadAll(r)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(byte(i), byte(at), raw)
		}
	}
	f.Fuzz(func(t *testing.T, which, at byte, part []byte) {
		name := names[int(which)%len(names)]
		sound(t, name, Kind(name), repack(t, load1(t, name), int(at), func([]byte) []byte { return part }))
	})
}

func FuzzZip(f *testing.F) {
	f.Add(parts(f, "a.txt", "text", "b/c.csv", "x,y\n1,2\n"))
	f.Add(load1(f, "prices.xlsx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []string{"zip", "xlsx", "odt", "epub", "pptx"} {
			sound(t, "fuzz", kind, data)
		}
	})
}

func FuzzNumberFormat(f *testing.F) {
	for _, code := range builtinFormats {
		f.Add(code, 45989.5)
	}
	f.Fuzz(func(t *testing.T, code string, v float64) {
		n := parseFormat(code)
		if out := n.show(v, false); len(out) > 64*maxFormat {
			t.Errorf("%q of %v: %d bytes", code, v, len(out))
		}
		n.showText(code)
	})
}
