package training

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// settingsPage is the second page: preset, what the run will need, and every field.
type settingsPage struct {
	s       *Screen
	sheet   *widget.Sheet
	column  *widget.Box
	preset  *widget.Choice
	about   *widget.Prose
	base    *widget.Choice
	bases   []string
	stack   *widget.Stack
	told    *widget.Prose
	wrong   *widget.Prose
	card    *widget.Box
	begin   *widget.Button
	all     *widget.Tick
	fields  *widget.Box
	updates []func()
}

// partColors of the memory plan.
var partColors = map[string]fyne.ThemeColorName{
	"weights": fynetheme.ColorNamePrimary, "adapter": fynetheme.ColorNameSuccess, "optimizer": fynetheme.ColorNameWarning,
	"activations": fynetheme.ColorNameHyperlink, "logits": fynetheme.ColorNameError, "buffers": theme.ColorSecondary,
}

func (s *Screen) makeSettings() *page {
	p := &settingsPage{s: s}
	st := &s.m.settings
	reveal := func(o fyne.CanvasObject) func() { return func() { p.sheet.Reveal(o) } }
	var names []string
	for _, k := range presets {
		names = append(names, s.text("training.preset."+k))
	}
	p.preset = widget.NewChoice(names, func(i int) {
		if i >= 0 && i < len(presets) {
			st.setPreset(presets[i])
		}
	})
	p.preset.OnFocus = reveal(p.preset)
	p.about = s.aside("")
	p.base = widget.NewChoice(nil, func(i int) {
		if i >= 0 && i < len(p.bases) {
			st.setBase(p.bases[i])
		}
	})
	p.base.OnFocus = reveal(p.base)
	p.stack = widget.NewStack(s.ink.small)
	p.told, p.wrong = s.prose(s.ink.body), s.prose(s.ink.body)
	p.card = card(s.prose(s.ink.body, widget.Run{Text: s.text("training.plan.title"), Bold: true}), p.stack, p.told, p.wrong)
	p.begin = s.button("training.begin", fynetheme.MediaPlayIcon(), fynewidget.HighImportance, s.m.start)
	p.begin.OnFocus = reveal(p.begin)
	save := s.button("training.plan.save", fynetheme.DocumentSaveIcon(), fynewidget.LowImportance, func() {
		s.shell.PickSave("plan.json", st.savePlan)
	})
	save.OnFocus = reveal(save)
	open := s.button("training.plan.open", fynetheme.FolderOpenIcon(), fynewidget.LowImportance, func() {
		s.shell.PickFiles(func(paths []string) {
			if len(paths) > 0 {
				st.openPlan(paths[0])
			}
		})
	})
	open.OnFocus = reveal(open)
	p.all = widget.NewTick(s.text("training.fields.all"), func(on bool) {
		st.all = on
		s.m.tell(changedSettings)
	})
	p.all.OnFocus = reveal(p.all)
	p.fields = widget.NewColumn(10)
	for _, f := range fields {
		p.fields.Objects = append(p.fields.Objects, p.field(f))
	}
	width := 230 * s.ink.scale
	named := func(key string, o fyne.CanvasObject) fyne.CanvasObject {
		return widget.NewHanging(width, s.words(key), container.New(widget.AtLeast{Width: 260}, o))
	}
	p.column = widget.NewColumn(10, s.title("training.settings.title"), named("training.base", p.base), named("training.preset", p.preset), p.about, p.card,
		widget.NewFlow(gap, p.begin, save, open), p.all, p.fields)
	p.sheet = widget.NewSheet(900*s.ink.scale, widget.NewInset(20, 10, 20, 20, nil, p.column))
	return &page{p.sheet, p.update, func() fyne.Focusable {
		if st.ready() {
			return p.begin
		}
		return p.preset
	}}
}

// field is one value: its name, its control, and what it does.
func (p *settingsPage) field(f field) fyne.CanvasObject {
	s, st := p.s, &p.s.m.settings
	wrong := s.prose(s.ink.small)
	var control fyne.CanvasObject
	if f.options != nil {
		var names []string
		for _, o := range f.options {
			key := "training.option." + f.key + "." + o
			if o == "yes" || o == "no" {
				key = "training.option." + o
			}
			names = append(names, s.text(key))
		}
		c := widget.NewChoice(names, func(i int) {
			if i >= 0 && i < len(f.options) {
				st.set(f, f.options[i])
			}
		})
		c.OnFocus = func() { p.sheet.Reveal(c) }
		p.updates = append(p.updates, func() {
			if i := indexOf(f.options, f.get(st.TrainSettings)); i >= 0 && i != c.SelectedIndex() {
				c.Choose(i)
			}
		})
		control = c
	} else {
		e := widget.NewEntry()
		shown := f.get(st.TrainSettings)
		e.SetText(shown)
		apply := func() {
			if strings.TrimSpace(e.Text) != f.get(st.TrainSettings) {
				st.set(f, e.Text)
			}
		}
		e.OnSubmitted = func(string) { apply() }
		e.OnLeave = apply
		e.OnFocus = func() { p.sheet.Reveal(e) }
		e.OnEscape = func() {
			e.SetText(f.get(st.TrainSettings))
			apply()
		}
		p.updates = append(p.updates, func() {
			if now := f.get(st.TrainSettings); now != shown || st.wrong[f.key] == "" && !p.has(e) {
				shown = now
				if e.Text != now {
					e.SetText(now)
				}
			}
		})
		control = e
	}
	name := widget.NewColumn(2, s.words("training.field."+f.key), s.aside(s.text("training.field."+f.key+".about")))
	value := widget.NewColumn(2, container.New(widget.AtLeast{Width: 260}, control), wrong)
	both := widget.NewPair(16, name, value)
	p.updates = append(p.updates, func() {
		say(wrong)
		if text := st.wrong[f.key]; text != "" {
			say(wrong, widget.Run{Text: text, Color: fynetheme.ColorNameError})
		}
		value.Refresh()
		both.Refresh()
	})
	return both
}

func (p *settingsPage) has(o fyne.Focusable) bool { return p.s.shell.Window().Canvas().Focused() == o }

func (p *settingsPage) update(c change) {
	s, st := p.s, &p.s.m.settings
	if c&(changedStep|changedSettings|changedPlan) == 0 {
		return
	}
	if i := indexOf(presets, st.Preset); i != p.preset.SelectedIndex() {
		p.preset.Choose(max(0, i))
	}
	p.about.SetRuns([]widget.Run{{Text: s.text("training.preset." + st.Preset + ".about"), Color: theme.ColorSecondary}})
	p.takeBases()
	if p.all.Checked != st.all {
		p.all.SetChecked(st.all)
	}
	p.fields.Hidden = !st.all
	for _, u := range p.updates {
		u()
	}
	p.plan()
	can(p.begin, st.ready() && s.m.work == nil && !s.m.training())
	p.card.Refresh()
	p.column.Refresh()
	p.sheet.Fit()
}

// takeBases lists the chat models that can be trained.
func (p *settingsPage) takeBases() {
	bases, names, at := []string{""}, []string{p.s.text("training.base.use")}, 0
	for _, c := range p.s.m.chat {
		if c.InUse {
			names[0] = p.s.text("training.base.inuse", c.Name)
			continue
		}
		bases, names = append(bases, c.Name), append(names, c.Name)
		if c.Name == p.s.m.settings.base {
			at = len(bases) - 1
		}
	}
	if strings.Join(names, "\x00") != strings.Join(p.base.Options, "\x00") {
		p.bases, p.base.Options = bases, names
		p.base.Refresh()
	}
	if p.base.SelectedIndex() != at {
		p.base.Choose(at)
	}
}

// plan shows what the run will need.
func (p *settingsPage) plan() {
	s, st := p.s, &p.s.m.settings
	say(p.wrong)
	if !st.ready() {
		p.stack.SetParts(nil, 0, "")
		p.stack.Hidden = true
		switch {
		case st.failed != nil:
			say(p.told)
			say(p.wrong, widget.Run{Text: s.m.sentence(st.failed), Color: fynetheme.ColorNameError})
		case s.m.set == "":
			say(p.told, widget.Run{Text: s.text("training.plan.noquestions"), Color: theme.ColorSecondary})
		default:
			say(p.told, widget.Run{Text: s.text("training.plan.working"), Color: theme.ColorSecondary})
		}
		return
	}
	plan := st.planned.Plan
	parts, sum, left := s.m.memory(plan)
	var shown []widget.Part
	for _, b := range parts {
		color, ok := partColors[b.name]
		if !ok {
			color = theme.ColorSecondary
		}
		shown = append(shown, widget.Part{Text: b.text, Size: float64(b.bytes), Color: color})
	}
	rest, limit := "", 0.0
	if left >= 0 {
		rest, limit = s.m.freeText(left), float64(sum+left)
		if plan.Free < sum {
			limit = float64(plan.Free)
		}
	}
	p.stack.Hidden = len(shown) == 0
	p.stack.SetParts(shown, limit, rest)
	say(p.told, runs(s.m.told(plan, st.planned.Warnings))...)
}
