package models

import (
	"path/filepath"
	"strconv"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/resources"
)

// row is a card as it is shown.
type row struct {
	name     string
	inUse    bool
	tags     string // kind of origin: "came with the program", "imported on ..."
	facts    string
	place    string // folder and ID
	speed    string
	note     string
	bad      bool // the note is about damage
	working  string
	share    float64 // of the work; below 0: unknown
	licences []string
	stale    bool // the note is about documents that need its vectors
}

// rows of the models of one kind.
func (m *model) rows(kind app.ModelKind) []row {
	var rows []row
	for _, c := range m.cards {
		if c.model.Kind == kind {
			rows = append(rows, m.row(c))
		}
	}
	return rows
}

func (m *model) row(c *card) row {
	t := m.host.Text
	r := row{name: c.model.Name, inUse: c.model.InUse, share: -1, tags: t("models.bundled")}
	if !c.model.Bundled {
		r.tags = t("models.imported")
		if !c.model.Imported.IsZero() {
			r.tags = t("models.imported.on", c.model.Imported.Local().Format("2006-01-02"))
		}
	}
	facts := []string{}
	if d := c.details; d != nil {
		facts = m.facts(*d)
		r.licences = d.Licences
	}
	r.facts = strings.Join(append(facts, amount.Bytes(c.model.Bytes)), "  ·  ")
	switch id := c.model.ID; {
	case c.model.Bundled && id != "": // where the program lies is no news; the details say it
		r.place = t("models.place.id", id)
	case c.model.Bundled:
	case id != "":
		r.place = t("models.place", m.near(c.model.Dir), id)
	default:
		r.place = m.near(c.model.Dir)
	}
	if s := c.speed; s != nil {
		r.speed = m.pace(*s)
	}
	switch {
	case c.note.err != nil:
		r.note, r.bad = m.sentence(c.note.err), true
	case c.note.key != "":
		r.note = t(c.note.key)
	case c.broken != nil:
		r.note, r.bad = m.sentence(c.broken), true
	case c.model.Kind == app.KindEmbedder && c.model.InUse && m.stale > 0:
		r.note, r.stale = t("models.stale", m.stale), true
	}
	if w := c.work; w != nil {
		r.working = t("models.work." + w.kind)
		r.share = share(w.state)
		if w.state.Stage == "wait" {
			r.working = t("models.work.wait")
		} else if w.kind == "export" && w.state.Left > 0 {
			r.working += t("models.pack.left", amount.Clock(w.state.Left))
		}
	}
	return r
}

// near writes a folder below the person's own with ~ for that.
func (m *model) near(dir string) string {
	if below, ok := strings.CutPrefix(dir, m.home+string(filepath.Separator)); ok && m.home != "" {
		return filepath.Join("~", below)
	}
	return dir
}

// share is how much of a stage is done; below 0: unknown.
func share(s job.State) float64 {
	if s.Total <= 0 {
		return -1
	}
	return min(1, max(0, float64(s.Done)/float64(s.Total)))
}

func (m *model) facts(d app.Details) []string {
	t := m.host.Text
	return []string{
		d.Architecture, t("models.fact.parameters", count(d.Parameters)), t("models.fact.layers", d.Layers), t("models.fact.width", d.Hidden),
		t("models.fact.context", d.MaxTokens), d.Storage,
	}
}

// count writes a large number as people name models: 38.4M, 3.8B.
func count(n int64) string {
	switch {
	case n >= 1e9:
		return trimmed(float64(n)/1e9) + "B"
	case n >= 1e6:
		return trimmed(float64(n)/1e6) + "M"
	}
	return trimmed(float64(n)/1e3) + "k"
}

func trimmed(x float64) string {
	if x >= 100 {
		return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 0, 64), ".0")
	}
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

func (m *model) pace(s app.Speed) string {
	when := s.When.Local().Format("2006-01-02")
	device := s.Device
	if s.DType != "" {
		device += " " + s.DType
	}
	if s.Embeds > 0 {
		return m.host.Text("models.speed.embeds", s.Embeds, device, when)
	}
	return m.host.Text("models.speed.chat", s.Prefill, s.Decode, device, when)
}

// sentence is an error with its hint.
func (m *model) sentence(err error) string {
	sentence, hint := resources.ErrorText(m.host.Lang(), err)
	if hint == "" {
		return sentence
	}
	if m.host.Lang() == "ja" && !strings.HasSuffix(sentence, "。") { // it ends with a name
		sentence += "。"
	}
	return sentence + m.space() + hint
}

// space parts one sentence from the next: Japanese needs none.
func (m *model) space() string {
	if m.host.Lang() == "ja" {
		return ""
	}
	return " "
}

// line is one step of an import as it is shown.
type line struct {
	state int
	text  string
}

func (m *model) lines(i *importing) []line {
	t := m.host.Text
	lines := make([]line, len(steps))
	for k, name := range steps {
		lines[k] = line{i.step(k), t("models.step." + name)}
		if i.facts == nil || lines[k].state != stepDone {
			continue
		}
		d := i.facts
		fact := ""
		switch name {
		case "files":
			fact = t("models.step.files.fact", d.Files, amount.Bytes(d.Bytes))
		case "tensors":
			fact = t("models.step.tensors.fact", d.Tensors, count(d.Parameters), d.Layers)
		case "tokenizer":
			fact = t("models.step.tokenizer.fact", d.Tokenizer, d.Vocab)
		case "verify":
			fact = t("models.step.verify.fact")
		case "licence":
			if fact = strings.Join(d.Licences, ", "); fact == "" {
				fact = t("models.step.licence.none")
			}
		}
		if fact != "" {
			lines[k].text += t("models.step.colon") + fact
		}
	}
	return lines
}
