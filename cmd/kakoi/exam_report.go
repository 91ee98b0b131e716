package main

import (
	"fmt"
	"slices"
	"strings"

	"kakoi/app"
	"kakoi/core/exam"
)

// naturalReport is what `kakoi exam --questions FILE -o OUT` writes. Names of fields are stable.
type naturalReport struct {
	File      string               `json:"file"`
	Key       string               `json:"key"` // of all that the answers depend on
	Model     string               `json:"model"`
	Adapter   string               `json:"adapter"`
	Evidence  string               `json:"evidence,omitempty"` // ID of the model that finds the evidence that it answers from; "": none
	Refusal   string               `json:"refusal"`            // mode of the bounds on refusals; "off": none
	Questions int                  `json:"questions"`
	Asked     int                  `json:"asked"` // answers, of questions times settings
	Total     int                  `json:"total"`
	Results   []naturalResult      `json:"results"`
	Answers   []app.QuestionAnswer `json:"answers,omitempty"`
}

// naturalResult is what the answers of one group came to; an empty field is all.
type naturalResult struct {
	Setting string `json:"setting"`
	Lang    string `json:"lang"`
	Set     string `json:"set,omitempty"`
	Kind    string `json:"kind,omitempty"`
	exam.Tally
}

// reportOf adds answers up: by language, and in each by set and by kind.
func reportOf(sheet *app.QuestionSheet, all []app.QuestionAnswer) naturalReport {
	r := naturalReport{File: sheet.File, Key: sheet.Key, Model: sheet.Model, Adapter: sheet.Adapter, Evidence: sheet.Evidence, Refusal: string(sheet.Refusal), Questions: len(sheet.Questions), Asked: len(all), Total: sheet.Total(), Results: []naturalResult{}, Answers: all}
	var sets []string
	for _, q := range sheet.Questions {
		if !slices.Contains(sets, q.Set) {
			sets = append(sets, q.Set)
		}
	}
	add := func(setting, lang, set, kind string) {
		var some []exam.Tried
		for _, a := range all {
			if a.Setting == setting && a.Lang == lang && (set == "" || a.Set == set) && (kind == "" || a.Kind == kind) {
				some = append(some, a.Tried)
			}
		}
		if len(some) > 0 {
			r.Results = append(r.Results, naturalResult{setting, lang, set, kind, exam.Count(some, naturalSeed)})
		}
	}
	for _, setting := range sheet.Settings {
		for _, lang := range exam.Languages {
			add(setting, lang, "", "")
		}
		for _, set := range sets {
			for _, lang := range exam.Languages {
				add(setting, lang, set, "")
			}
		}
		for _, kind := range exam.NaturalKinds {
			for _, lang := range exam.Languages {
				add(setting, lang, "", kind)
			}
		}
	}
	return r
}

// of is the result of a group; nil without answers.
func (r naturalReport) of(setting, lang, set, kind string) *naturalResult {
	for i, x := range r.Results {
		if x.Setting == setting && x.Lang == lang && x.Set == set && x.Kind == kind {
			return &r.Results[i]
		}
	}
	return nil
}

// printNatural prints a report.
func (c *call) printNatural(r naturalReport, details bool) error {
	if details {
		for _, a := range r.Answers {
			if c.json {
				if err := c.emit(a); err != nil {
					return err
				}
				continue
			}
			c.printNaturalAnswer(a)
		}
	}
	if c.json {
		r.Answers = nil
		return c.emit(r)
	}
	adapter := r.Adapter
	if adapter == "" {
		adapter = c.text("cli.exam.natural.bare")
	}
	c.say("cli.exam.natural.head", sanitize(r.File, false), r.Questions, sanitize(r.Model, false), adapter, c.text("refusal."+r.Refusal))
	for _, setting := range []string{app.AskGold, app.AskWhole} {
		var langs []string
		for _, lang := range exam.Languages {
			if r.of(setting, lang, "", "") != nil {
				langs = append(langs, lang)
			}
		}
		if len(langs) == 0 {
			continue
		}
		fmt.Fprintf(c.Out, "\n%s\n", c.text("cli.exam.natural.setting."+setting))
		row := func(name, set, kind string, cell func(exam.Tally) string) {
			line := pad(name, 34)
			for _, lang := range langs {
				text := "-"
				if x := r.of(setting, lang, set, kind); x != nil {
					text = cell(x.Tally)
				}
				line += "  " + pad(text, 26)
			}
			fmt.Fprintln(c.Out, strings.TrimRight(line, " "))
		}
		head := pad("", 34)
		for _, lang := range langs {
			head += "  " + pad(c.text("cli.exam.natural.lang."+lang), 26)
		}
		fmt.Fprintln(c.Out, strings.TrimRight(head, " "))
		for _, line := range []struct {
			key  string
			cell func(exam.Tally) string
		}{
			{"right", func(t exam.Tally) string { return rate(t.Right) }},
			{"holds", func(t exam.Tally) string { return rate(t.Holds) }},
			{"wrong", func(t exam.Tally) string { return rate(t.Wrong) }},
			{"false_refusals", func(t exam.Tally) string { return rate(t.FalseRefusals) }},
			{"refused", func(t exam.Tally) string { return rate(t.Refused) }},
			{"false_answers", func(t exam.Tally) string { return rate(t.FalseAnswers) }},
			{"overall", func(t exam.Tally) string { return rate(t.Overall) }},
			{"cited", func(t exam.Tally) string { return rate(t.Cited) }},
			{"found", func(t exam.Tally) string { return rate(t.Found) }},
			{"evident", func(t exam.Tally) string { return rate(t.Evident) }},
			{"seconds", func(t exam.Tally) string {
				return fmt.Sprintf("%.2f (%.2f-%.2f)", t.Seconds, t.SecondsLow, t.SecondsHigh)
			}},
		} {
			if line.key == "evident" && r.Evidence == "" {
				continue
			}
			row(c.text("cli.exam.natural."+line.key), "", "", line.cell)
		}
		overall := func(t exam.Tally) string { return rate(t.Overall) }
		fmt.Fprintln(c.Out, c.text("cli.exam.natural.groups"))
		var sets []string
		for _, x := range r.Results {
			if x.Set != "" && !slices.Contains(sets, x.Set) {
				sets = append(sets, x.Set)
			}
		}
		for _, set := range sets {
			row("  "+sanitize(set, false), set, "", overall)
		}
		for _, kind := range exam.NaturalKinds {
			if slices.ContainsFunc(langs, func(lang string) bool { return r.of(setting, lang, "", kind) != nil }) {
				row("  "+c.text("cli.exam.natural.kind."+kind), "", kind, overall)
			}
		}
	}
	return nil
}

// printNaturalAnswer prints one question with its answer.
func (c *call) printNaturalAnswer(a app.QuestionAnswer) {
	mark := "x"
	if a.Right {
		mark = "o"
	}
	fmt.Fprintf(c.Out, "%s %s %d. [%s, %s] %s\n", mark, a.Setting, a.Line, a.Set, a.Kind, sanitize(a.Question, false))
	if a.Answerable() {
		c.say("cli.exam.natural.accepted", sanitize(strings.Join(a.Accept, " / "), false))
	} else {
		c.say("cli.exam.natural.absent")
	}
	c.say("cli.exam.natural.answered", sanitize(a.Answer, false))
	if e := a.Evidence; e != nil {
		for _, x := range e.Stretches {
			c.say("cli.exam.natural.evidence", 100*x.Probability, sanitize(x.Text, false))
		}
	}
}
