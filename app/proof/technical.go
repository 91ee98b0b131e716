package proof

import (
	"context"
	"fmt"
	"io"
	"strings"

	"kakoi/app/amount"
	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
)

// WritePDF writes the report: a plain page in Japanese, one in English, and the technical part in lang ("ja" or "en"). fonts is the
// folder of the fonts that came with the program.
func WritePDF(ctx context.Context, w io.Writer, r Report, fonts, lang string, texts Texts) error {
	_, err := writePDF(ctx, w, r, fonts, lang, texts)
	return err
}

// writePDF gives how many pages come before the technical part.
func writePDF(ctx context.Context, w io.Writer, r Report, fonts, lang string, texts Texts) (plain int, err error) {
	s, err := newSheet(fonts, texts(lang, "report.plain.title"), lang)
	if err != nil {
		return 0, err
	}
	s.footer = "Kakoi " + r.Program.Version + " · " + r.Made.Local().Format("2006-01-02 15:04:05 MST")
	s.plainPage(r, "ja", texts)
	s.plainPage(r, "en", texts)
	plain = s.file.Pages()
	t := &technical{s, r, func(key string, args ...any) string { return texts(lang, "report."+key, args...) }, func(key string) string { return texts(lang, key) }}
	t.write()
	return plain, s.write(ctx, w)
}

// technical writes the part for those who check it.
type technical struct {
	*sheet
	r    Report
	text func(key string, args ...any) string
	key  func(key string) string // a text outside of report.
}

func (t *technical) write() {
	t.turn()
	t.put(titleStyle, 0, t.text("title"))
	t.put(bodyStyle, 0, t.text("intro"))
	if len(t.r.Failed) > 0 {
		t.put(subStyle, 0, t.text("failed"))
		for _, f := range t.r.Failed {
			t.marked(bodyStyle, 0, markBad, t.text("fail."+f))
		}
	}
	t.machine()
	t.filter()
	t.process("kakoi", t.r.Kakoi)
	t.process("kakoi-engine", t.r.Engine)
	t.files()
	t.pdf()
	t.manifest()
	t.encryption()
	t.leaks()
	t.libraries("kakoi", t.r.Kakoi)
	t.libraries("kakoi-engine", t.r.Engine)
	t.modules()
}

func (t *technical) head(key string, args ...any) { t.put(headStyle, 0, t.text(key, args...)) }

func (t *technical) pair(name, value string) {
	if value == "" {
		value = t.text("none")
	}
	t.row(bodyStyle, []float64{0, 130}, name, value)
}

func (t *technical) machine() {
	r := t.r
	t.head("machine")
	t.pair(t.text("machine.system"), r.Machine.System)
	t.pair(t.text("machine.kernel"), r.Machine.Kernel)
	t.pair("Landlock", fmt.Sprintf("ABI %d", r.Machine.Landlock))
	t.pair(t.text("machine.gpu"), r.Machine.GPUDriver)
	t.pair("kakoi", r.Program.Version+", "+r.Program.Go)
	if r.Engine.Error == "" {
		i := r.EngineInfo
		t.pair("kakoi-engine", i.Version)
		t.pair("libtorch", i.Device.Torch)
		good := 0
		for _, c := range i.Checks {
			if c.OK {
				good++
			}
		}
		t.pair(t.text("machine.selftest"), t.text("machine.selftest.text", len(i.Checks), good))
		for _, c := range i.Checks {
			if !c.OK {
				t.marked(bodyStyle, 130, markBad, c.Name+": "+c.Detail)
			}
		}
		t.pair(t.text("machine.device"), i.Device.Device+" "+i.Device.Name)
		t.pair(t.text("machine.libraries"), i.Libraries+" ("+t.key(i.Reason)+")")
	}
	var settings []string
	for _, x := range r.Program.Settings {
		settings = append(settings, x.Key+"="+x.Value)
	}
	t.pair(t.text("machine.build"), strings.Join(settings, ", "))
}

func (t *technical) filter() {
	t.head("filter")
	t.put(bodyStyle, 0, t.text("filter.text"))
	t.y += 3
	for i, line := range t.r.Kakoi.Proof.Filter {
		code := line
		if len(line) > 23 { // "%2d  %04x %2d %2d %08x  " is before the words
			code = line[:23]
		}
		meaning := t.text(fmt.Sprintf("filter.%d", i))
		t.row(codeStyle, []float64{0, 130}, code, meaning)
	}
	same := strings.Join(t.r.Kakoi.Proof.Filter, "\n") == strings.Join(t.r.Engine.Proof.Filter, "\n")
	switch {
	case t.r.Engine.Error != "":
	case same:
		t.put(bodyStyle, 0, t.text("filter.same"))
	default:
		t.put(bodyStyle, 0, t.text("filter.other"))
		for _, line := range t.r.Engine.Proof.Filter {
			t.put(codeStyle, 0, line)
		}
	}
}

func (t *technical) process(name string, p Process) {
	t.head("process", name)
	if p.Error != "" {
		t.marked(bodyStyle, 0, markBad, p.Error)
	}
	proof := p.Proof
	if len(proof.Attempts) > 0 {
		t.put(subStyle, 0, t.text("attempts", len(proof.Attempts), proof.Refusals(), proof.When.Local().Format("15:04:05")))
		for _, a := range proof.Attempts {
			t.attempt(a.What, a.Refused, a.Error)
		}
	}
	x := proof.Process
	if x == nil {
		return
	}
	t.put(subStyle, 0, t.text("kernel"))
	t.pair(t.text("kernel.pid"), fmt.Sprintf("%d (%s, UID %d)", x.PID, x.Program, x.User))
	t.pair(t.text("kernel.threads"), t.text("kernel.filtered", x.Threads, x.Filtered, x.NoNewPrivs))
	t.pair(t.text("kernel.capabilities"), x.Capabilities)
	t.pair(t.text("kernel.memory"), t.text("kernel.memory."+yes(x.Unreadable))+" "+t.text("kernel.core."+yes(x.NoCore)))
	t.pair(t.text("kernel.code"), t.text("kernel.code.text", len(x.Mapped), x.Anonymous))
	t.put(subStyle, 0, t.text("descriptors", len(x.Descriptors), len(x.Networked())))
	for _, d := range x.Descriptors {
		t.row(codeStyle, []float64{0, 24, 180}, fmt.Sprint(d.FD), t.text("kind."+d.Kind)+" · "+t.text("access."+yes(d.Write)), t.target(d))
	}
}

// target says where a descriptor leads.
func (t *technical) target(d closed.Descriptor) string {
	switch {
	case d.Kind == closed.KindUnix && d.Peer == "":
		return d.Target + " (" + t.text("kind.pair") + ")"
	case d.Kind == closed.KindUnix:
		return d.Target + " " + d.Peer
	}
	return d.Target
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (t *technical) attempt(what string, refused bool, err string) {
	if !refused {
		err = t.text("not_refused")
	}
	t.row(codeStyle, []float64{0, 14, 300}, mark(refused), what, err)
}

func (t *technical) files() {
	t.head("files")
	t.put(bodyStyle, 0, t.text("files.text"))
	f := t.r.Engine.Proof.Files
	switch {
	case f == nil:
		t.marked(bodyStyle, 0, markBad, t.text("files.unknown"))
		return
	case !f.On:
		t.marked(bodyStyle, 0, markBad, t.text("files.off", f.ABI, t.key(f.Reason)))
		return
	}
	t.put(bodyStyle, 0, t.text("files.on", f.ABI, t.text(yes(f.TCP)), t.text(yes(f.Abstract)), t.text(yes(f.Signals)), t.text(yes(f.Devices))))
	t.put(subStyle, 0, t.text("files.grants", len(f.Grants)))
	for _, g := range f.Grants {
		t.row(codeStyle, []float64{0, 110}, t.access(g), g.Path)
	}
	t.put(subStyle, 0, t.text("files.attempts", len(f.Attempts), f.Refusals()))
	for _, a := range f.Attempts {
		t.attempt(a.What, a.Refused, a.Error)
	}
}

// access says what a grant allows. Devices and the engine's own files in /proc are granted alike, but a reader should not take one for the other.
func (t *technical) access(g landlock.Grant) string {
	if g.Access == landlock.AccessUse && strings.HasPrefix(g.Path, "/proc/") {
		return t.text("access.own")
	}
	return t.text("access." + g.Access)
}

func (t *technical) pdf() {
	t.head("pdf")
	t.put(bodyStyle, 0, t.text("pdf.text", len(t.r.PDF.Attempts), t.r.PDF.Refusals()))
	if t.r.PDF.Error != "" {
		t.marked(bodyStyle, 0, markBad, t.r.PDF.Error)
	}
	var all []string
	for _, a := range t.r.PDF.Attempts {
		if a.Refused {
			all = append(all, a.What+" → "+a.Error)
		} else {
			t.attempt(a.What, false, "")
		}
	}
	t.put(codeStyle, 0, strings.Join(all, ";  "))
}

func (t *technical) manifest() {
	t.head("manifest")
	m := t.r.Manifest
	switch {
	case !m.There:
		t.put(bodyStyle, 0, t.text("manifest.none"))
	case m.Error != "":
		t.marked(bodyStyle, 0, markBad, m.Error)
	}
	for _, p := range m.Parts {
		t.put(bodyStyle, 0, t.text("manifest.part", p.Name, p.Version, p.Files, amount.Bytes(p.Bytes), p.Path))
		t.put(codeStyle, 0, "SHA-256 "+p.Manifest)
		t.put(bodyStyle, 0, t.text("manifest.signature."+p.Signature.State, p.Signature.Key, p.Signature.Comment))
		for _, f := range p.Findings {
			t.marked(bodyStyle, 0, markBad, f.String())
		}
	}
}

func (t *technical) encryption() {
	t.head("encryption")
	e := t.r.Encryption
	if e.Error != "" {
		t.marked(bodyStyle, 0, markBad, e.Error)
	}
	t.put(bodyStyle, 0, t.text("encryption."+yes(e.On)))
	if e.Recovery {
		t.put(bodyStyle, 0, t.text("encryption.recovery"))
	}
	t.put(bodyStyle, 0, t.text("encryption.disk."+e.Disk, orUnknown(e.FSType, func(string, ...any) string { return t.text("unknown") })))
}

func (t *technical) leaks() {
	t.head("leaks")
	t.put(bodyStyle, 0, t.text("leaks.text"))
	for _, l := range t.r.Leaks {
		t.put(subStyle, 0, t.text("leak."+l.Key)+" — "+t.text("leak.state."+l.State))
		t.put(bodyStyle, 0, t.text("leak."+l.Key+".what"))
		t.put(bodyStyle, 0, t.text("leak."+l.Key+".off"))
		if len(l.Evidence) > 0 {
			t.put(codeStyle, 0, strings.Join(l.Evidence, ";  "))
		}
	}
}

func (t *technical) libraries(name string, p Process) {
	t.head("libraries", name)
	t.put(bodyStyle, 0, t.text("libraries.text"))
	for _, l := range p.Libraries {
		switch {
		case l.Error != "":
			t.row(codeStyle, []float64{0, 14}, markBad, l.Path+": "+l.Error)
		case l.Loaded:
			how := ""
			if l.Needed {
				how = ", " + t.text("libraries.needed")
			}
			t.put(codeStyle, 0, l.Path+"  ("+amount.Bytes(l.Bytes)+how+")")
			t.put(style{mono, 6.6, 9.2, 0.3, 0, 0}, 14, l.SHA256)
		default:
			t.put(codeStyle, 0, l.Path+"  ("+t.text("libraries.not_loaded")+")")
		}
	}
}

func (t *technical) modules() {
	t.head("modules")
	t.put(bodyStyle, 0, t.text("modules.text", len(t.r.Modules)))
	for _, m := range t.r.Modules {
		t.row(codeStyle, []float64{0, 290}, m.Path+" "+m.Version, m.Sum)
	}
	t.head("licences")
	t.put(bodyStyle, 0, t.text("licences.text", len(t.r.Licences)))
	for _, l := range t.r.Licences {
		t.row(codeStyle, []float64{0, 290}, strings.TrimSpace(l.Name+" "+l.Version), l.Licence)
	}
}
