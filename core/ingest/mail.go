package ingest

import (
	"errors"
	"strings"

	"kakoi/core"
)

// mail is a message of any format.
type mail struct {
	subject, from, to, cc, date string
	body                        string
	attachments                 []attachment
	web                         bool // a page saved with its pictures: it has no sender
	more                        int  // attachments that were passed over, as there are too many
}

// attachment is a file, or a mail, in a mail.
type attachment struct {
	name string
	data []byte
	mail *mail
	err  error // why it could not be taken out of the mail
}

const (
	maxAttachments = 1000
	maxMailParts   = 5000
)

// mailTexts are the pages of a mail: who wrote what to whom, then those of its attachments, each under the attachment's name. One that cannot be
// read is named with the reason: the mail itself is still worth having.
func (r *reading) mailTexts(m *mail) ([]string, error) {
	var names, texts []string
	texts = append(texts, "")
	for _, a := range m.attachments {
		name, mark := fileName(a.name), r.q.inside()
		inner, err := r.attached(a)
		if r.q.err != nil || r.q.ctx.Err() != nil {
			return nil, errors.Join(r.q.err, r.q.ctx.Err())
		}
		switch {
		case err == nil:
			for i, text := range inner {
				if strings.TrimSpace(text) != "" {
					inner[i] = name + "\n\n" + strings.TrimLeft(text, "\n")
				}
			}
			r.q.entered(mark, len(texts), name)
			texts = append(texts, inner...)
		case errors.Is(err, core.ErrEncrypted):
			name += " (password)"
		case errors.Is(err, core.ErrTooLarge):
			name += " (too large)"
		case errors.Is(err, core.ErrCorrupt) && !IsPicture(Kind(a.name)):
			name += " (damaged)"
		}
		if err != nil {
			r.q.missed(mark, fileName(a.name), err)
		}
		names = append(names, name)
	}
	if m.more > 0 {
		r.q.note(core.Finding{What: core.FindingCut, Why: core.WhyFiles, Count: m.more})
	}
	var b strings.Builder
	if m.subject != "" && !(m.web && strings.HasPrefix(m.body, m.subject)) {
		b.WriteString(m.subject + "\n\n")
	}
	if !m.web {
		for _, line := range [][2]string{{"From", m.from}, {"To", m.to}, {"Cc", m.cc}, {"Date", m.date}, {"Attachments", strings.Join(names, ", ")}} {
			if line[1] != "" {
				b.WriteString(line[0] + ": " + line[1] + "\n")
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(m.body)
	r.q.spend(b.Len())
	texts[0] = b.String()
	return texts, r.q.err
}

// attached reads an attachment.
func (r *reading) attached(a attachment) ([]string, error) {
	inner := *r
	if inner.depth++; inner.depth > maxNesting {
		return nil, errNested
	}
	if a.err != nil {
		return nil, a.err
	}
	if a.mail != nil {
		return inner.mailTexts(a.mail)
	}
	kind := Kind(a.name)
	switch {
	case len(a.data) == 0:
		return nil, core.ErrEmpty
	case kind == "":
		return nil, core.ErrUnsupported
	}
	return inner.texts(kind, a.data)
}

// fileName is a name without folders and line ends, for people.
func fileName(name string) string {
	name = oneLine(strings.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, name))
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if runes := []rune(name); len(runes) > 200 {
		name = string(runes[:200])
	}
	return name
}
