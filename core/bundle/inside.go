package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"kakoi/core/manifest"
)

// inside is what is read of a package or tarball.
type inside struct {
	ctx     context.Context
	report  *Report
	base    string // name of the file
	prefix  string // of its entries: "usr" or "NAME-VERSION"
	found   []manifest.Entry
	order   []string          // of entries, folders with a slash at their end
	kept    map[string][]byte // small files of the parts' own folders
	control []byte            // control.tar of a package
	when    time.Time
	broken  bool // could not be read to its end
}

// tarball reads a tarball without its seal.
func (in *inside) tarball(r io.Reader) {
	head := make([]byte, 10)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.Equal(head, []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}) {
		in.report.find(in.base, manifest.Form, "", "")
	}
	rest := bufio.NewReader(io.MultiReader(bytes.NewReader(head), r))
	z, err := gzip.NewReader(rest)
	if err != nil {
		in.fail(in.base, err)
		return
	}
	z.Multistream(false)
	in.archive(z, false)
	if n, err := io.Copy(io.Discard, rest); !in.broken && (n > 0 || err != nil) {
		in.report.find(in.base, manifest.Form, "", "")
	}
}

// deb reads a package without its seal; last is the header of the seal's member.
func (in *inside) deb(r io.Reader, last string) {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != arMagic {
		in.report.find(in.base, manifest.Form, "", "")
	}
	for i, name := range []string{"debian-binary", "control.tar", "data.tar.zst", ""} {
		head := make([]byte, arHeader)
		n, err := io.ReadFull(r, head)
		if name == "" {
			if n > 0 { // something between data and seal
				in.report.find(in.base, manifest.Form, "", strings.TrimSpace(string(head[:min(n, 16)])))
			}
			break
		}
		if err != nil {
			in.fail(name, err)
			return
		}
		size, err := strconv.ParseInt(strings.TrimRight(string(head[48:58]), " "), 10, 64)
		unix, timeErr := strconv.ParseInt(strings.TrimRight(string(head[16:28]), " "), 10, 64)
		if err != nil || timeErr != nil || size < 0 {
			in.fail(name, fmt.Errorf("%q is no header of a member", head))
			return
		}
		if i == 0 {
			in.when = time.Unix(unix, 0)
		}
		if string(head) != arLine(name, in.when, size) {
			in.report.find(name, manifest.Form, "", "")
		}
		member := io.LimitReader(r, size)
		switch i {
		case 0:
			if b, err := io.ReadAll(io.LimitReader(member, 64)); err != nil || string(b) != debianBinary {
				in.report.find(name, manifest.Changed, "", "")
			}
		case 1:
			if in.control, err = io.ReadAll(io.LimitReader(member, 4<<20)); err != nil {
				in.fail(name, err)
				return
			}
		case 2:
			z, err := zstd.NewReader(member, zstd.WithDecoderMaxWindow(64<<20), zstd.WithDecoderLowmem(true))
			if err != nil {
				in.fail(name, err)
				return
			}
			in.archive(z, true)
			z.Close()
		}
		if in.broken {
			return
		}
		if n, err := io.Copy(io.Discard, member); n > 0 || err != nil {
			in.report.find(name, manifest.Form, "", "")
		}
		if size%2 == 1 {
			pad := make([]byte, 1)
			if _, err := io.ReadFull(r, pad); err != nil || pad[0] != '\n' {
				in.report.find(name, manifest.Form, "", "")
			}
		}
	}
	if last != arLine(sealMember, in.when, sealLength) {
		in.report.find(in.base, manifest.Form, "", sealMember)
	}
}

// fail says where the reading ended.
func (in *inside) fail(where string, err error) {
	in.broken = true
	if in.ctx.Err() == nil {
		in.report.find(where, manifest.Unreadable, "", err.Error())
	}
}

// echo compares what would be written with what was read.
type echo struct {
	read bytes.Buffer
	bad  bool
}

func (e *echo) Write(b []byte) (int, error) {
	if !e.bad && !bytes.Equal(e.read.Next(len(b)), b) {
		e.bad = true
	}
	if e.bad {
		e.read.Reset()
	}
	return len(b), nil
}

// tee gives the echo what is read.
type tee struct {
	ctx context.Context
	r   io.Reader
	e   *echo
}

func (t *tee) Read(b []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := t.r.Read(b)
	if !t.e.bad {
		t.e.read.Write(b[:n])
	}
	return n, err
}

// archive reads a tar archive, hashes its files, and compares it with how it would have been written.
func (in *inside) archive(r io.Reader, dot bool) {
	e := &echo{}
	raw := &tee{in.ctx, r, e}
	t := tar.NewReader(raw)
	again := tar.NewWriter(e)
	in.kept = map[string][]byte{}
	where, told := in.base, false
	check := func() {
		if e.bad && !told {
			told = true
			in.report.find(where, manifest.Form, "", "")
		}
	}
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			in.fail(where, err)
			return
		}
		m, ok := in.member(h)
		if where = m.entry.Path; !ok {
			in.report.find(where, manifest.Form, "", "")
			e.bad, told = true, true
		}
		if in.when.IsZero() {
			in.when = h.ModTime
		}
		if err := again.WriteHeader(m.header(in.when, dot)); err != nil {
			e.bad = true
		}
		check()
		if h.Typeflag == tar.TypeReg {
			if err := in.content(t, h, &m.entry, again); err != nil {
				in.fail(where, err)
				return
			}
			check()
		}
		if m.dir {
			in.order = append(in.order, m.entry.Path+"/")
			continue
		}
		in.order = append(in.order, m.entry.Path)
		in.found = append(in.found, m.entry)
	}
	if _, err := io.Copy(io.Discard, raw); err != nil { // the checksum behind the last block
		in.fail(where, err)
		return
	}
	if err := again.Close(); err != nil || e.read.Len() > 0 {
		e.bad = true
	}
	check()
}

// member is what a header says; false where no header of ours says it so.
func (in *inside) member(h *tar.Header) (member, bool) {
	name := strings.TrimPrefix(h.Name, "./")
	m := member{entry: manifest.Entry{Path: name, Mode: h.FileInfo().Mode().Perm(), Size: h.Size}}
	ok := h.Mode&^0o777 == 0
	if !ok {
		m.entry.Mode |= h.FileInfo().Mode() & (fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	}
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir:
		m.dir, m.entry.Path = true, strings.TrimSuffix(name, "/")
	case tar.TypeSymlink:
		m.entry.Link, m.entry.Mode, m.entry.Size = h.Linkname, 0, 0
	default:
		m.entry.Mode = fs.ModeIrregular
		ok = false
	}
	return m, ok && fs.ValidPath(m.entry.Path)
}

// keptSize is the most that is kept of a file of a part's own folder; a manifest may be larger.
const keptSize = 1 << 20

// content hashes a file and writes it to the echo.
func (in *inside) content(t io.Reader, h *tar.Header, e *manifest.Entry, again io.Writer) error {
	sum := sha256.New()
	to := []io.Writer{sum, again}
	var keep *bytes.Buffer
	_, below, _ := strings.Cut(e.Path, "/")
	for _, kind := range kinds {
		if strings.HasPrefix(below, Folder(kind)+"/") && (h.Size <= keptSize || path.Base(below) == ManifestName && h.Size <= manifest.MaxText) {
			keep = &bytes.Buffer{}
			to = append(to, keep)
		}
	}
	if _, err := io.Copy(io.MultiWriter(to...), t); err != nil {
		return err
	}
	e.SHA256 = manifest.Sum(sum.Sum(nil))
	if keep != nil {
		in.kept[e.Path] = keep.Bytes()
	}
	return nil
}

// judge compares what was read with the manifest in it.
func (in *inside) judge(opt Options) {
	r := in.report
	prefix := "usr"
	if r.Form == Tarball && len(in.order) > 0 {
		prefix, _, _ = strings.Cut(in.order[0], "/")
	}
	var m *manifest.Manifest
	var text []byte
	for _, kind := range kinds {
		where := path.Join(prefix, Folder(kind), ManifestName)
		raw, ok := in.kept[where]
		if !ok {
			continue
		}
		one, err := manifest.Parse(raw)
		switch {
		case err != nil:
			r.find(where, manifest.Unreadable, "", err.Error())
			return
		case m != nil || one.Kind != kind:
			r.find(where, manifest.Additional, "", "")
			return
		}
		m, text = one, raw
	}
	if m == nil {
		if !in.broken {
			r.find(path.Join(prefix, Folder("bundle"), ManifestName), manifest.Missing, "", "")
		}
		return
	}
	r.describe(m, text)
	dir := path.Join(prefix, Folder(m.Kind))
	own := []string{Folder(m.Kind) + "/" + ManifestName}
	signature, signed := in.kept[dir+"/"+SignatureName]
	if signed {
		own = append(own, Folder(m.Kind)+"/"+SignatureName)
	}
	if in.broken && !signed {
		opt.Key = nil // it may stand behind the place where the reading ended
	}
	if !in.broken || signed {
		r.judgeSignature(m, text, signature, in.kept[dir+"/"+KeyName], opt)
	}
	in.compare(m, own, prefix)
	if r.Form == Package {
		in.judgeControl(m, dir+"/"+ControlFolder+"/")
	}
}

// compare compares the entries, and then their order.
func (in *inside) compare(m *manifest.Manifest, own []string, prefix string) {
	r := in.report
	want := &manifest.Manifest{}
	for _, e := range m.Entries {
		e.Path = prefix + "/" + e.Path
		want.Entries = append(want.Entries, e)
	}
	var links []manifest.Entry
	if r.Form == Tarball {
		if prefix != tarPrefix(m) {
			r.find(prefix, manifest.Form, tarPrefix(m), prefix)
		}
		links = tarLinks(m)
		want.Entries = append(want.Entries, links...)
	}
	var found []manifest.Entry
	for _, e := range in.found {
		if mine := strings.TrimPrefix(e.Path, prefix+"/"); mine != e.Path && contains(own, mine) && e.Link == "" && e.Mode == 0o644 {
			continue
		}
		found = append(found, e)
	}
	before := len(r.Findings)
	for _, f := range want.Compare(found) {
		if in.broken && f.Problem == manifest.Missing {
			continue // it stands behind the place where the reading ended
		}
		r.Findings = append(r.Findings, f)
	}
	if epoch := m.Field("epoch"); epoch != strconv.FormatInt(in.when.Unix(), 10) {
		r.find(in.base, manifest.Form, epoch, strconv.FormatInt(in.when.Unix(), 10))
	}
	if in.broken || len(r.Findings) > before {
		return
	}
	if order := orderOf(m, own, prefix, links); strings.Join(order, "\n") != strings.Join(in.order, "\n") {
		for i, name := range in.order {
			if i >= len(order) || name != order[i] {
				r.find(name, manifest.Form, "", "")
				return
			}
		}
		r.find(in.base, manifest.Form, "", "")
	}
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// orderOf lists the entries as they are written, folders with a slash at their end.
func orderOf(m *manifest.Manifest, own []string, prefix string, links []manifest.Entry) []string {
	var order []string
	for _, x := range allMembers(m, own, prefix, links) {
		if x.dir {
			x.entry.Path += "/"
		}
		order = append(order, x.entry.Path)
	}
	return order
}

// judgeControl compares a package's control files, which run as root, with those that the manifest lists.
func (in *inside) judgeControl(m *manifest.Manifest, dir string) {
	files := map[string][]byte{}
	var names []string
	for _, e := range in.found {
		if name, ok := strings.CutPrefix(e.Path, dir); ok && e.Link == "" {
			if raw, ok := in.kept[e.Path]; ok {
				files[name] = raw
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 && in.broken {
		return
	}
	want, err := controlTar(context.Background(), names, files, in.when)
	if err == nil && bytes.Equal(want, in.control) {
		return
	}
	r := in.report
	found := false
	for t := tar.NewReader(bytes.NewReader(in.control)); ; {
		h, err := t.Next()
		if err != nil {
			break
		}
		name := strings.TrimPrefix(h.Name, "./")
		raw, err := io.ReadAll(t)
		if err != nil {
			break
		}
		switch listed, ok := files[name]; {
		case !ok:
			r.find("control.tar/"+name, manifest.Additional, "", "")
			found = true
		case !bytes.Equal(raw, listed):
			r.find("control.tar/"+name, manifest.Changed, "", "")
			found = true
		}
	}
	if !found {
		r.find("control.tar", manifest.Form, "", "")
	}
}
