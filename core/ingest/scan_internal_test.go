package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/ingest/ingesttest"
)

// bars are those of testdata/golden_pictures.py.
var bars = []image.Rectangle{image.Rect(20, 30, 200, 60), image.Rect(20, 90, 320, 110), image.Rect(360, 400, 380, 480)}

// unlike is how much a picture differs from the drawing in the mean of its points, of 255.
func unlike(img image.Image) float64 {
	if img.Bounds().Size() != image.Pt(400, 500) {
		return 255
	}
	sum := 0
	for y := range 500 {
		for x := range 400 {
			want := 255
			for _, b := range bars {
				if image.Pt(x, y).In(b) {
					want = 0
				}
			}
			sum += max(int(color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y)-want, want-int(color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y))
		}
	}
	return float64(sum) / 200_000
}

func asItIs(int, int) float64 { return 1 }

// TestPictureFiles: what Pillow and libtiff wrote is unpacked as it was drawn, every page of it, upright.
func TestPictureFiles(t *testing.T) {
	for name, pages := range map[string]int{"picture.png": 1, "picture_turned.jpg": 1, "picture_g4.tiff": 3, "picture_lzw.tiff": 1, "picture_deflate.tiff": 1, "picture_jpeg.tiff": 1} {
		data := load1(t, name)
		got, findings, err := found(t, Kind(name), data)
		if !errors.Is(err, errScan) || got != nil || len(findings) != 1 || findings[0].What != core.FindingPicture || findings[0].Pages() != pages {
			t.Errorf("%s: %d pages, %+v, %v", name, len(got), findings, err)
		}
		frames, err := pictureFrames(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i, f := range frames {
			img, err := drawFrame(data, f, asItIs)
			if err != nil {
				t.Errorf("%s, page %d: %v", name, i+1, err)
			} else if d := unlike(img); d > 2 {
				t.Errorf("%s, page %d is another picture: %.1f", name, i+1, d)
			}
		}
	}
	twice, err := drawFrame(load1(t, "picture.png"), frame{bytes: 1, turned: 1}, toBeRead)
	if err != nil || twice.Rect.Size() != image.Pt(800, 1000) {
		t.Errorf("to be read it is %v, %v", twice.Rect, err)
	}
	if toBeRead(10_000, 10_000) > 0.5 || toBeRead(3000, 4000) != 1 {
		t.Error("large pictures are not made smaller, or those of scanners are")
	}
}

// TestUpright: each of the eight ways comes upright.
func TestUpright(t *testing.T) {
	want := image.NewRGBA(image.Rect(0, 0, 2, 3))
	for i := range want.Pix {
		want.Pix[i] = byte(i)
	}
	at := func(img *image.RGBA, x, y int) color.RGBA { return img.RGBAAt(x, y) }
	// Where the upper left and the upper right point of the scene are stored, by the table of TIFF 6.0 for Orientation (a row first, then a column).
	for turned, corners := range map[int][2]image.Point{
		1: {{0, 0}, {1, 0}}, 2: {{1, 0}, {0, 0}}, 3: {{1, 2}, {0, 2}}, 4: {{0, 2}, {1, 2}},
		5: {{0, 0}, {0, 1}}, 6: {{0, 1}, {0, 0}}, 7: {{2, 1}, {2, 0}}, 8: {{2, 0}, {2, 1}},
	} {
		stored := image.NewRGBA(image.Rect(0, 0, 2, 3))
		if turned >= 5 {
			stored = image.NewRGBA(image.Rect(0, 0, 3, 2))
		}
		left, right := color.RGBA{200, 0, 0, 255}, color.RGBA{0, 200, 0, 255}
		stored.SetRGBA(corners[0].X, corners[0].Y, left)
		stored.SetRGBA(corners[1].X, corners[1].Y, right)
		got := upright(stored, turned)
		if got.Rect.Size() != image.Pt(2, 3) || at(got, 0, 0) != left || at(got, 1, 0) != right {
			t.Errorf("turned %d: %v is not upright", turned, got.Rect.Size())
		}
	}
}

// greyPNG is a picture of one grey.
func greyPNG(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPictureTrouble: icons, damage, another format under the name, and pictures that would fill the memory.
func TestPictureTrouble(t *testing.T) {
	said := func(name string, data []byte) (string, error) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := Read(context.Background(), path, Options{})
		var user *core.UserError
		if !errors.As(err, &user) {
			return "", err
		}
		return user.Key, err
	}
	for name, c := range map[string]struct {
		data []byte
		key  string
	}{
		"icon.png": {greyPNG(t, 64, 64), "error.file.icon"}, "scan.png": {greyPNG(t, 800, 1000), "error.file.picture"}, "named.jpg": {greyPNG(t, 800, 1000), "error.file.picture"},
		"cut.tiff": {load1(t, "picture_lzw.tiff")[:60], "error.file.broken"}, "text.png": {[]byte("not a picture"), "error.file.broken"}, "web.jpg": {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "error.file.broken"},
	} {
		if key, err := said(name, c.data); key != c.key {
			t.Errorf("%s: %v, want %s", name, err, c.key)
		}
	}
	huge := greyPNG(t, 8, 8)
	binary.BigEndian.PutUint32(huge[16:], 60_000)
	binary.BigEndian.PutUint32(huge[20:], 60_000)
	if _, err := drawFrame(huge, frame{width: 60_000, height: 60_000, bytes: 60_000 * 60_000, turned: 1}, asItIs); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("a picture of 3.6 billion points: %v", err)
	}
}

// TestDamagedPictures: flipped and cut files of each format end in an error or in a picture.
func TestDamagedPictures(t *testing.T) {
	for _, name := range []string{"picture.png", "picture_turned.jpg", "picture_g4.tiff", "picture_lzw.tiff", "picture_deflate.tiff", "picture_jpeg.tiff"} {
		whole := load1(t, name)
		for i := range 150 {
			data := bytes.Clone(whole)
			at := (i * 7919) % len(data)
			if i < 60 {
				at = i % min(len(data), 60)
			}
			if data[at] ^= byte(1 << (i % 8)); i%5 == 4 {
				data = data[:at]
			}
			frames, err := pictureFrames(data)
			if err != nil {
				continue
			}
			for _, f := range frames {
				if f.bytes <= 4<<20 {
					_, _ = drawFrame(data, f, asItIs)
				}
			}
		}
	}
}

// TestWalkPassesIcons: pictures of few points in folders and archives are passed over; one that is named is told about.
func TestWalkPassesIcons(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"icon.png": greyPNG(t, 32, 32), "scan.png": greyPNG(t, 700, 900), "page.tif": load1(t, "picture_lzw.tiff"),
		"all.zip": parts(t, "deep/icon.png", string(greyPNG(t, 32, 32)), "deep/scan.png", string(greyPNG(t, 700, 900))),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	skipped := 0
	files, problems, err := Walk(t.Context(), []string{dir}, Options{OnSkip: func(string) { skipped++ }})
	var names []string
	for _, f := range files {
		name, _ := filepath.Rel(dir, f.Path)
		names = append(names, name+" "+f.Kind)
	}
	if err != nil || len(problems) > 0 || skipped != 2 || fmt.Sprint(names) != "[all.zip/deep/scan.png png page.tif tiff scan.png png]" {
		t.Errorf("%v, %d passed over, %v, %v", names, skipped, problems, err)
	}
	if files, _, _ = Walk(t.Context(), []string{filepath.Join(dir, "icon.png")}, Options{}); len(files) != 1 {
		t.Error("an icon that was named is passed over")
	}
}

// letter is a mail with attachments.
func letter(files ...any) []byte {
	mail := "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n"
	for i := 0; i < len(files); i += 2 {
		mail += "--b\nContent-Disposition: attachment; filename=" + files[i].(string) + "\nContent-Transfer-Encoding: base64\n\n" + base64Lines(files[i+1].([]byte)) + "\n"
	}
	return []byte(mail + "--b--\n")
}

// TestScans: pages that are pictures are drawn by their numbers in the document, wherever they are.
func TestScans(t *testing.T) {
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 600, 800)), nil); err != nil {
		t.Fatal(err)
	}
	mail := letter(
		"scan.pdf", ingesttest.Sheets(ingesttest.ScanSheet, "", ingesttest.ScanSheet), "logo.png", greyPNG(t, 40, 40), "fax.tiff", load1(t, "picture_g4.tiff"), "a.txt", []byte("text"),
		"all.zip", parts(t, "b.txt", "text", "photo.jpg", photo.String(), "inner.eml", string(letter("deep.pdf", ingesttest.Sheets(ingesttest.TextSheet("Hello"), ingesttest.ScanSheet)))), "drawing.png", load1(t, "picture.png"),
	)
	path := filepath.Join(t.TempDir(), "letter.eml")
	if err := os.WriteFile(path, mail, 0o600); err != nil {
		t.Fatal(err)
	}
	opt := testOptions(t)
	pictures := OpenPictures(opt)
	defer pictures.Close()
	s := OpenScans(pictures, path, opt)
	doc, pages, err := s.Read(t.Context())
	if err != nil || len(pages) != 14 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	check(t, "letter", doc.Findings, []core.Finding{
		{What: core.FindingInside, Name: "logo.png", Why: core.WhyEmpty}, {What: core.FindingPicture, Page: 2, Name: "scan.pdf"}, {What: core.FindingBlank, Page: 3, Name: "scan.pdf"},
		{What: core.FindingPicture, Page: 4, Name: "scan.pdf"}, {What: core.FindingPicture, Page: 5, Last: 7, Name: "fax.tiff"}, {What: core.FindingPicture, Page: 10, Name: "photo.jpg"},
		{What: core.FindingPicture, Page: 13, Name: "deep.pdf"}, {What: core.FindingPicture, Page: 14, Name: "drawing.png"},
	})
	sizes := map[int]image.Point{2: {1250, 834}, 4: {1250, 834}, 5: {800, 1000}, 7: {800, 1000}, 10: {1200, 1600}, 13: {1250, 834}, 14: {800, 1000}}
	for _, forget := range []bool{false, true} {
		for number, want := range sizes {
			if forget { // as where there was no room for all
				for i := range s.scans {
					s.scans[i].data = nil
				}
			}
			img, _, err := s.Page(t.Context(), number, 300)
			if err != nil || img.Bounds().Size() != want {
				t.Errorf("page %d: %v, want %v: %v", number, img.Bounds(), want, err)
			}
		}
	}
	if _, _, err := s.Page(t.Context(), 8, 300); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("a page of text: %v", err)
	}
	for i := range s.scans {
		s.scans[i].data = nil
	}
	if err := os.WriteFile(path, letter("a.txt", []byte("another letter")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Page(t.Context(), 14, 300); !errors.Is(err, core.ErrBusy) {
		t.Errorf("the file is another one: %v", err)
	}
}

// TestScansHoldLittle: beyond the bound only what is asked for is held.
func TestScansHoldLittle(t *testing.T) {
	k := &scanKeeper{}
	q := &budget{keeper: k}
	big := make([]byte, maxHeld/2+1)
	for range 3 {
		q.note(core.Finding{What: core.FindingPicture, Page: 1})
		q.keepScan(len(q.found)-1, 1, "png", big)
	}
	if len(k.scans) != 3 || k.scans[0].data == nil || k.scans[1].data != nil || k.scans[2].data != nil {
		t.Error("more is held than there is room for")
	}
	q.keeper = &scanKeeper{skip: 2}
	for range 3 {
		q.keepScan(0, 1, "png", big)
	}
	if q.keeper.scans[2].data == nil || q.keeper.scans[0].data != nil {
		t.Error("what is asked for is not held")
	}
}

// TestPictureShown: a picture file is shown to a person as a page, no larger than it is.
func TestPictureShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fax.tiff")
	if err := os.WriteFile(path, load1(t, "picture_g4.tiff"), 0o600); err != nil {
		t.Fatal(err)
	}
	pictures := OpenPictures(Options{})
	defer pictures.Close()
	p, err := pictures.Page(t.Context(), path, 3, 200)
	if err != nil || p.Pages != 3 || unlike(p.Image) > 2 {
		t.Errorf("%v, %v", p.Pages, err)
	}
	if p, err = pictures.Page(t.Context(), path, 1, 20); err != nil || p.Image.Rect.Dy() != 234 {
		t.Errorf("small: %v, %v", p.Image.Rect, err)
	}
	if _, err := pictures.Page(t.Context(), path, 4, 200); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("a page it has not: %v", err)
	}
}

// TestHostileTIFF: a file whose pieces are each nearly all of it is refused before they are unpacked, and a grey one of JPEG counts with the colours it gets.
func TestHostileTIFF(t *testing.T) {
	data := append(load1(t, "picture_jpeg.tiff"), make([]byte, 12<<20)...)
	frames, err := pictureFrames(data)
	if err != nil || len(frames) != 1 {
		t.Fatalf("%d pages, %v", len(frames), err)
	}
	if _, err := drawFrame(data, frames[0], asItIs); err != nil {
		t.Fatalf("with zeros behind it: %v", err)
	}
	if f := frames[0]; f.bytes != 4*int64(f.width)*int64(f.height) {
		t.Errorf("%d bytes of %d x %d", f.bytes, f.width, f.height)
	}
	d, _, err := tiffAt(data, frames[0].at)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := d.raw(tagStripOffsets)
	if n := len(at) / 4; n < 8 {
		t.Fatalf("%d strips", n)
	}
	field := d.where[tagStripCounts]
	sizes := make([]byte, len(at))
	for i := 0; i < len(at); i += 4 {
		copy(at[i:], at[:4])
		d.order.PutUint32(sizes[i:], uint32(len(data))-d.order.Uint32(at))
	}
	d.order.PutUint16(data[field+2:], 4)
	d.order.PutUint32(data[field+8:], uint32(len(data)))
	if _, err := drawFrame(append(data, sizes...), frames[0], asItIs); !errors.Is(err, errTIFF) {
		t.Errorf("pieces of %d MB: %v", len(at)/4*12, err)
	}
}
