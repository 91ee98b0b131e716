package app

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/exam"
	"kakoi/core/rag"
)

// The ways a natural question is asked.
const (
	AskGold  = "gold"  // with the passages that answer it and others near the question, or with these alone where nothing answers it
	AskWhole = "whole" // as a chat asks: what the search finds is what the model reads
)

// maxQuestionFile is the largest file of natural questions, in bytes.
const maxQuestionFile = 64 << 20

// QuestionPlan is an examination on natural questions before it begins. The zero value of all but Path is allowed.
type QuestionPlan struct {
	Path       string         // the file (package core/exam)
	Set        string         // only the questions of this set; "": of all
	Collection string         // all are asked of it; "": each of the collection that its set names
	Model      string         // a chat model by name; "": the one in use
	Adapter    string         // as AskOptions.Adapter
	Refusal    calibrate.Mode // as AskOptions.Refusal
	Settings   []string       // AskGold, AskWhole; none: both
	Limit      int            // questions at most, spread evenly; 0: all
}

// QuestionSheet is an examination on natural questions that can begin.
type QuestionSheet struct {
	File      string         // name of the file
	Key       string         // of everything that the answers depend on: answers under one key belong together
	Model     string         // name
	Adapter   string         // ID; "": none
	Refusal   calibrate.Mode // how careful it is with refusals; calibrate.Off: as it is by itself, or it has no bounds
	Evidence  string         // core.Evidence.ID of what it is asked from; "": none
	Questions []exam.Natural // in the file's order
	Settings  []string       // in the order in which they are asked

	exams  *Exams
	plan   QuestionPlan
	places map[int][]located // by Natural.Line, where the answer stands
	sets   map[string]string // set -> name of its collection
}

// Total is how many answers there will be.
func (s *QuestionSheet) Total() int { return len(s.Questions) * len(s.Settings) }

// QuestionAnswer is a natural question with one answer to it.
type QuestionAnswer struct {
	exam.Natural
	Setting   string          `json:"setting"`
	Given     []string        `json:"given"` // names of the documents whose passages were read, by the model or for evidence, in that order
	Citations []core.Citation `json:"citations"`
	Evidence  *core.Evidence  `json:"evidence,omitempty"` // what was read of those, and how likely it answers; nil where none was looked for
	exam.Tried
}

// IsQuestionFile says whether a file is one of natural questions; another one, or one that cannot be read, is not.
func IsQuestionFile(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxQuestionFile {
		return false
	}
	raw, err := os.ReadFile(path)
	return err == nil && exam.IsNatural(raw)
}

// readQuestions reads the questions of a plan and the file's sum.
func readQuestions(plan QuestionPlan) ([]exam.Natural, string, error) {
	name := filepath.Base(plan.Path)
	info, err := os.Stat(plan.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", core.Explain(fmt.Errorf("read questions %q: %w: %w", plan.Path, core.ErrNotFound, err), "error.dataset.file.missing", name)
	case err == nil && info.IsDir(), err == nil && info.Size() > maxQuestionFile:
		return nil, "", core.Explain(fmt.Errorf("read questions %q: %w", plan.Path, core.ErrUnsupported), "error.questions.file", name)
	case err != nil:
		return nil, "", core.Explain(fmt.Errorf("read questions %q: %w", plan.Path, err), "error.dataset.file.read", name)
	}
	raw, err := os.ReadFile(plan.Path)
	if err != nil {
		return nil, "", core.Explain(fmt.Errorf("read questions %q: %w", plan.Path, err), "error.dataset.file.read", name)
	}
	all, err := exam.ParseNatural(raw)
	if err != nil {
		return nil, "", fmt.Errorf("read questions %q: %w", plan.Path, err)
	}
	var sets []string
	chosen := all[:0:0]
	for _, q := range all {
		if !slices.Contains(sets, q.Set) {
			sets = append(sets, q.Set)
		}
		if plan.Set == "" || q.Set == plan.Set {
			chosen = append(chosen, q)
		}
	}
	if len(chosen) == 0 {
		return nil, "", core.Explain(fmt.Errorf("set %q of %q: %w", plan.Set, plan.Path, core.ErrNotFound), "error.questions.set", plan.Set, strings.Join(sets, ", "))
	}
	if n := len(chosen); plan.Limit > 0 && n > plan.Limit {
		some := make([]exam.Natural, plan.Limit)
		for i := range some {
			some[i] = chosen[i*n/plan.Limit]
		}
		chosen = some
	}
	return chosen, fmt.Sprintf("%x", sha256.Sum256(raw)), nil
}

// OpenQuestions reads a plan's questions, finds where their answers stand, and loads the model.
//
// Errors: core.ErrUsage and core.ErrNotFound (the file, its lines, its sets), core.ErrNotFound (no such collection, or a place that is not in it: the error names
// the lines), and those of the model.
func (e *Exams) OpenQuestions(ctx context.Context, plan QuestionPlan, p core.Progress) (*QuestionSheet, error) {
	s := &QuestionSheet{File: filepath.Base(plan.Path), Settings: plan.Settings, exams: e, plan: plan}
	if len(s.Settings) == 0 {
		s.Settings = []string{AskGold, AskWhole}
	}
	if plan.Limit < 0 {
		return nil, core.Explain(fmt.Errorf("exam with limit %d: %w", plan.Limit, core.ErrUsage), "error.exam.margin")
	}
	for _, setting := range s.Settings {
		if setting != AskGold && setting != AskWhole {
			return nil, fmt.Errorf("exam setting %q: %w", setting, core.ErrUsage)
		}
	}
	questions, sum, err := readQuestions(plan)
	if err != nil {
		return nil, err
	}
	s.Questions = questions
	read, err := e.readSets(ctx, questions, plan.Collection)
	if err != nil {
		return nil, err
	}
	s.sets, s.places = read.names, read.places
	if bad := read.missing(); len(bad) > 0 {
		return nil, core.Explain(fmt.Errorf("%d questions whose answer is not in the collection, line %d first: %w", len(bad), bad[0].Line, core.ErrNotFound),
			"error.questions.gold", len(bad), bad[0].Line, bad[0].Detail)
	}
	how, err := e.Chat.how(AskOptions{Refusal: plan.Refusal})
	if err != nil {
		return nil, err
	}
	gen, err := e.Chat.Models.GeneratorNamed(ctx, plan.Model, p)
	if err != nil {
		return nil, err
	}
	emb, err := e.Chat.Models.Embedder(ctx, p)
	if err != nil {
		return nil, err
	}
	reranker, rerank, err := e.Chat.Models.Reranker(ctx, p)
	if err != nil {
		return nil, err
	}
	ordered := ""
	if how.Rerank = rerank; reranker != nil {
		ordered = reranker.Info().ID
	}
	evidence := evidenceID(e.Chat.Models.evidenceFor(ctx, gen.Info(), p))
	lane, _, err := e.Chat.lane(ctx, gen.Info(), evidence, plan.Adapter)
	if err != nil {
		return nil, err
	}
	templates, err := rag.LoadTemplates(e.Chat.Prompts...)
	if err != nil {
		return nil, err
	}
	s.Model, s.Adapter = gen.Info().Name, lane.Adapter
	if s.Refusal = how.Refusal; s.Refusal == "" || lane.Bounds == nil && evidence == "" {
		s.Refusal = calibrate.Off
	}
	s.Evidence = evidence
	bounds, err := json.Marshal(lane.Bounds)
	if err != nil {
		return nil, fmt.Errorf("encode bounds of refusals: %w", err)
	}
	s.Key = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "2\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%+v\n%s\n%s",
		sum, gen.Info().ID, gen.Info().DType, lane.Adapter, emb.Info().ID, ordered, askingSum(templates, how, ""), how, bounds, read.sum)))
	if evidence != "" {
		s.Key = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s\n%s", s.Key, readingOf(evidence))))
	}
	return s, nil
}

// Run asks what is not among known, one question after the other, and gives all answers in the sheet's order: by setting, then by question. each hears of every answer
// as it comes, an end in between loses none of those it heard of. On an error the answers until then are given.
func (s *QuestionSheet) Run(ctx context.Context, known []QuestionAnswer, each func(QuestionAnswer) error) ([]QuestionAnswer, error) {
	models := s.exams.Chat.Models
	defer models.releaseOthers() // when nothing is held any more
	defer models.hold(s.plan.Model)()
	defer models.holdEmbedder()()
	type key struct {
		setting string
		line    int
	}
	there := map[key]QuestionAnswer{}
	for _, a := range known {
		there[key{a.Setting, a.Line}] = a
	}
	var all []QuestionAnswer
	for _, setting := range s.Settings {
		for _, q := range s.Questions {
			if a, ok := there[key{setting, q.Line}]; ok {
				all = append(all, a)
				continue
			}
			a, err := s.ask(ctx, q, setting)
			if err != nil {
				return all, fmt.Errorf("question of line %d: %w", q.Line, err)
			}
			all = append(all, a)
			if err := each(a); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// ask asks one question in one way and marks the answer.
func (s *QuestionSheet) ask(ctx context.Context, q exam.Natural, setting string) (QuestionAnswer, error) {
	a := QuestionAnswer{Natural: q, Setting: setting, Given: []string{}, Citations: []core.Citation{}}
	opt := AskOptions{Collection: s.sets[q.Set], Model: s.plan.Model, Adapter: s.plan.Adapter, Refusal: s.plan.Refusal}
	places := s.places[q.Line]
	if setting == AskGold {
		var err error
		if opt.Given, err = s.given(ctx, q, places); err != nil {
			return a, err
		}
	}
	var looked []core.Passage // by the evidence; without, those that the model reads
	opt.onRead = func(ps []core.Passage) { looked = ps }
	said, err := s.exams.Chat.Ask(ctx, q.Question, opt, nil, nil)
	if err != nil {
		return a, err
	}
	if said.Receipt != nil {
		a.Evidence = said.Receipt.Evidence
	}
	if a.Evidence == nil {
		looked = said.Passages
	}
	for _, p := range looked {
		a.Given = append(a.Given, p.Name)
	}
	a.Citations = append(a.Citations, said.Citations...)
	cited := slices.ContainsFunc(said.Citations, func(c core.Citation) bool {
		return slices.ContainsFunc(places, func(l located) bool { return l.cites(c) })
	})
	a.Mark = q.Judge(exam.Given{Text: said.Text, Refused: said.Refused, Cited: cited})
	a.Holds = !said.Refused && q.HoldsAnswer(said.Text)
	a.Seconds = said.Seconds
	a.Found, a.HasEvidence, a.Evident = len(places) > 0, a.Evidence != nil, len(places) > 0 && a.Evidence != nil
	for _, l := range places {
		a.Found = a.Found && slices.ContainsFunc(looked, l.within)
		a.Evident = a.Evident && slices.ContainsFunc(a.Evidence.Stretches, func(x core.EvidenceStretch) bool { return l.evident(q, x) })
	}
	return a, nil
}
