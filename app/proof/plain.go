package proof

import "kakoi/core/bundle"

// Texts gives a text of the translations in a language.
type Texts func(lang, key string, args ...any) string

// Marks of the plain pages.
const (
	markGood    = "○"
	markBad     = "×"
	markNothing = "−" // nothing to say good or bad of
)

// finding is a line of the plain page.
type finding struct {
	mark string
	text string
}

func mark(good bool) string {
	if good {
		return markGood
	}
	return markBad
}

// findings are what the plain page says of a report: nothing that was not tried.
func findings(r Report, text func(key string, args ...any) string) []finding {
	var all []finding
	say := func(mark, key string, args ...any) {
		all = append(all, finding{mark, text("report.plain."+key, args...)})
	}
	network := func(p Process, who string) {
		switch n := len(p.Proof.Attempts); {
		case p.Error != "" && n == 0:
			say(markBad, "untried", text("report.plain."+who), p.Error)
		default:
			say(mark(refused(p.Proof)), "network", text("report.plain."+who), n, p.Proof.Refusals())
		}
	}
	network(r.Kakoi, "kakoi")
	network(r.Engine, "engine")
	if a, b := r.Kakoi.Proof.Process, r.Engine.Proof.Process; a != nil && b != nil {
		open := len(a.Networked()) + len(b.Networked())
		say(mark(open == 0), "sockets", open)
	} else {
		say(markBad, "sockets_untried")
	}
	switch f := r.Engine.Proof.Files; {
	case f == nil:
		say(markBad, "files_untried")
	case !f.On:
		say(markBad, "files_off", text(f.Reason))
	default:
		say(mark(len(f.Attempts) > 0 && f.Refusals() == len(f.Attempts)), "files", len(f.Attempts), f.Refusals())
	}
	if r.PDF.Error != "" {
		say(markBad, "pdf_untried", r.PDF.Error)
	} else {
		say(mark(len(r.PDF.Attempts) > 0 && r.PDF.Refusals() == len(r.PDF.Attempts)), "pdf", len(r.PDF.Attempts), r.PDF.Refusals())
	}
	if r.Kakoi.Proof.Process == nil || r.Engine.Proof.Process == nil {
		say(markBad, "memory_untried")
	} else if exposed(r.Kakoi.Proof) || exposed(r.Engine.Proof) {
		say(markBad, "memory_bad")
	} else if r.Kakoi.Proof.Process.User == 0 {
		say(markNothing, "memory_root")
	} else {
		say(markGood, "memory")
	}
	switch m := r.Manifest; {
	case !m.There:
		say(markNothing, "manifest_none")
	case m.Error != "":
		say(markBad, "manifest_error", m.Error)
	case !m.OK():
		say(markBad, "manifest_bad")
	default:
		files, signed := 0, true
		for _, p := range m.Parts {
			files += p.Files
			signed = signed && p.Signature.State == bundle.Valid
		}
		if signed {
			say(markGood, "manifest_signed", files)
		} else {
			say(markGood, "manifest_unsigned", files)
		}
	}
	switch e := r.Encryption; {
	case e.Error != "":
		say(markBad, "encryption_error", e.Error)
	case e.On:
		say(markGood, "encrypted")
	case e.Disk == DiskEncrypted:
		say(markNothing, "disk_encrypted")
	default:
		say(markNothing, "unencrypted")
	}
	if r.Encryption.Network {
		say(markBad, "network_folder", r.Encryption.FSType)
	}
	return all
}

// promises are what the plain page does not promise.
var promises = []string{"administrator", "same_user", "screen", "later", "elsewhere", "hardware"}

// plainPage writes the page for everybody, in one language, on one page.
func (s *sheet) plainPage(r Report, lang string, texts Texts) {
	text := func(key string, args ...any) string { return texts(lang, key, args...) }
	s.turn()
	s.put(titleStyle, 0, text("report.plain.title"))
	s.put(metaStyle, 0, text("report.plain.made", r.Made.Local().Format("2006-01-02 15:04 MST"), r.Program.Version, orUnknown(r.Machine.System, text)))
	s.rule()
	verdict := "report.plain.verdict_ok"
	if !r.OK {
		verdict = "report.plain.verdict_bad"
	}
	s.put(verdictStyle, 0, text(verdict))
	s.put(plainStyle, 0, text("report.plain.what"))
	s.put(headStyle, 0, text("report.plain.tried"))
	for _, f := range findings(r, text) {
		s.marked(plainStyle, 0, f.mark, f.text)
	}
	s.put(smallStyle, 0, text("report.plain.marks"))
	s.put(headStyle, 0, text("report.plain.not"))
	for _, key := range promises {
		s.marked(plainStyle, 0, "・", text("report.plain.not."+key))
	}
	s.put(headStyle, 0, text("report.plain.how"))
	s.put(plainStyle, 0, text("report.plain.how_text"))
}

func orUnknown(s string, text func(string, ...any) string) string {
	if s == "" {
		return text("report.unknown")
	}
	return s
}
