package training

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/widget"

	"kakoi/app/plot"
)

// live is the run that is shown, as it goes.
type live struct {
	m     *model
	run   string // Run.ID that the curves are of
	reads int
	loss  plot.Loss
	log   bool

	told    record.Run // the last one that was heard of; its list may be read later and be older
	pausing string     // Run.ID that is to pause as soon as it can

	mu      sync.Mutex
	heard   []app.TrainingEvent // not taken yet
	waiting bool                // a post is on its way
}

// redrawEvery is how often news of a run are drawn: a small model makes many steps a second.
const redrawEvery = 200 * time.Millisecond

// words of the chart.
func (m *model) words() plot.Words {
	return plot.Words{
		Train: m.text("train.chart.train"), Held: m.text("train.chart.held"), Best: m.text("train.chart.best"),
		Step: m.text("train.chart.step"), Loss: m.text("train.chart.loss"), None: m.text("train.chart.none"),
	}
}

// keep lets what a run in this window has reported stand: the list that was just read may be older.
func (l *live) keep() {
	if r, ok := l.m.currentRun(); ok && r.ID == l.told.ID && r.State == record.RunRunning && r.Step < l.told.Step {
		l.m.replace(l.told)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.heard {
		l.m.replace(e.Run)
	}
}

// replace takes what is newer of a run. One that is done stays so: what is heard later was said before.
func (m *model) replace(r record.Run) {
	if i := slices.IndexFunc(m.runs, func(o record.Run) bool { return o.ID == r.ID }); i >= 0 {
		if m.runs[i].State != record.RunDone || r.State == record.RunDone {
			m.runs[i] = r
		}
		return
	}
	m.runs = append([]record.Run{r}, m.runs...)
}

// open reads the curves of the chosen run.
func (l *live) open() {
	r, ok := l.m.currentRun()
	if !ok {
		l.run, l.loss = "", plot.Loss{Best: -1}
		l.m.tell(changedRun)
		return
	}
	if l.run == r.ID && len(l.loss.Train) > 0 {
		return // events keep it up
	}
	if l.run != r.ID {
		l.loss = plot.Loss{Best: -1}
	}
	l.run = r.ID
	latest(l.m.host, &l.reads, func(ctx context.Context) ([]record.LossPoint, error) { return l.m.trainer.Losses(ctx, r.ID) }, func(points []record.LossPoint) {
		l.loss = plot.Loss{Best: -1}
		for _, p := range points {
			if p.Loss != 0 {
				l.loss.Train = append(l.loss.Train, plot.Point{Step: float64(p.Step), Loss: p.Loss})
			}
			if p.HeldLoss != 0 {
				l.evaluated(p.Step, p.HeldLoss, p.Best)
			}
		}
		l.m.tell(changedRun)
	})
}

// stepped adds a step's loss; after a crash steps are done again.
func (l *live) stepped(step int, loss float64) {
	l.loss.Train = append(until(l.loss.Train, step), plot.Point{Step: float64(step), Loss: loss})
	if n := len(until(l.loss.Held, step)); n < len(l.loss.Held) {
		l.loss.Held = l.loss.Held[:n]
		l.best()
	}
}

func (l *live) evaluated(step int, loss float64, best bool) {
	l.loss.Held = append(until(l.loss.Held, step), plot.Point{Step: float64(step), Loss: loss})
	if best {
		l.loss.Best = len(l.loss.Held) - 1
	}
}

// best finds the best anew.
func (l *live) best() {
	l.loss.Best = -1
	for i, p := range l.loss.Held {
		if l.loss.Best < 0 || p.Loss < l.loss.Held[l.loss.Best].Loss {
			l.loss.Best = i
		}
	}
}

// until are the points before a step.
func until(points []plot.Point, step int) []plot.Point {
	for len(points) > 0 && points[len(points)-1].Step >= float64(step) {
		points = points[:len(points)-1]
	}
	return points
}

// curves is what the chart shows.
func (l *live) curves() plot.Loss {
	out := l.loss
	out.Words, out.Log = l.m.words(), l.log
	if r, ok := l.m.currentRun(); ok {
		out.Steps = float64(max(r.Steps, r.Plan.Steps))
	}
	return out
}

// start begins a new run with the plan.
func (m *model) start() {
	if !m.settings.ready() || m.work != nil {
		return
	}
	plan := *m.settings.planned
	if plan.Name == "" {
		plan.Name = m.settings.request().Name
	}
	var made record.Run
	m.begin("create", func(ctx context.Context, _ func(job.State)) (err error) {
		made, err = m.trainer.Create(ctx, plan)
		return err
	}, func(err error) {
		if err != nil {
			m.click = false
			m.host.ShowError(err)
			return
		}
		m.replace(made)
		m.run, m.exam = made.ID, ""
		m.live.open()
		m.step = stepRun
		m.left = false // a new run by hand takes the place of the steps that the end of a window interrupted
		m.train()
	})
}

// train begins the chosen run or goes on with it. It goes on while other screens are shown, and stops with the window.
func (m *model) train() {
	r, ok := m.currentRun()
	if !ok || r.State == record.RunRunning || r.State == record.RunDone {
		return
	}
	m.taken()
	r.State, r.Failure = record.RunRunning, nil
	m.live.pausing = ""
	m.replace(r)
	m.tell(changedAll)
	m.host.Go(func(ctx context.Context) {
		done, err := m.trainer.Run(ctx, r.ID, m.live.hear)
		m.host.Post(func() {
			m.live.take()
			m.ran(done, err)
		})
	})
}

// hear takes an event from the run's goroutine.
func (l *live) hear(e app.TrainingEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, e)
	if l.waiting {
		return
	}
	l.waiting = true
	time.AfterFunc(redrawEvery, func() { l.m.host.Post(l.take) })
}

// take shows what was heard since the last time.
func (l *live) take() {
	l.mu.Lock()
	heard := l.heard
	l.heard, l.waiting = nil, false
	l.mu.Unlock()
	if len(heard) == 0 {
		return
	}
	for _, e := range heard {
		l.m.replace(e.Run)
		l.told = e.Run
		if e.Run.ID == l.pausing && l.m.trainer.Pause(e.Run.ID) {
			l.pausing = ""
		}
		if e.Run.ID != l.run {
			continue
		}
		switch e.Event.Kind {
		case core.TrainStepped:
			if e.Event.Loss != 0 { // a step that overflowed has none
				l.stepped(e.Event.Step, e.Event.Loss)
			}
		case core.TrainEvaluated:
			l.evaluated(e.Event.Step, e.Event.HeldLoss, e.Event.Best)
		}
	}
	l.m.tell(changedRun)
}

// ran takes a run that has ended, for now or for good.
func (m *model) ran(r record.Run, err error) {
	if r.ID != "" {
		m.replace(r)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		m.click = false
		m.host.ShowError(err)
	}
	m.refreshThen(func() {
		if r.ID == m.run && r.State == record.RunDone {
			m.goOn()
		} else {
			m.click = m.click && r.State == record.RunPaused // going on is a click away, and goes to the end then
		}
		m.tell(changedAll)
	})
}

// refreshThen reads the adapters and exams anew, which a run has made more of.
func (m *model) refreshThen(then func()) {
	m.host.Go(func(ctx context.Context) {
		has, err := m.adapters.List(ctx)
		all, _, err2 := m.exams.List(ctx)
		err = errors.Join(err, err2)
		m.host.Post(func() {
			if err != nil {
				m.host.ShowError(err)
			} else {
				m.has, m.all = has, all
			}
			then()
		})
	})
}

// pause finishes the step, saves and rests.
func (m *model) pause() {
	if r, ok := m.currentRun(); ok && !m.trainer.Pause(r.ID) {
		m.live.pausing = r.ID // it is about to begin, or has ended meanwhile
		m.refresh()
	}
}

// keepBest ends the run with the best adapter so far.
func (m *model) keepBest() {
	r, ok := m.currentRun()
	if !ok {
		return
	}
	var done record.Run
	m.begin("stop", func(ctx context.Context, _ func(job.State)) (err error) {
		done, err = m.trainer.Stop(ctx, r.ID)
		return err
	}, func(err error) {
		if err != nil {
			m.host.ShowError(err)
			return
		}
		m.ran(done, nil)
	})
}

// discard asks, then removes a run that is not going on.
func (m *model) discard() {
	r, ok := m.currentRun()
	if !ok || r.State == record.RunRunning {
		return
	}
	m.host.Confirm(widget.Question{
		Title: m.text("training.run.remove.title", r.Name), Text: m.text("training.run.remove.text", r.Step), Yes: m.text("training.run.remove.yes"), Danger: true,
		Then: func() {
			m.host.Go(func(ctx context.Context) {
				err := m.trainer.Remove(ctx, r.ID)
				m.host.Post(func() {
					if err != nil {
						m.host.ShowError(err)
						return
					}
					m.run = ""
					m.refresh()
				})
			})
		},
	})
}

// chooseRun shows another run.
func (m *model) chooseRun(id string) {
	m.run = id
	m.exam = ""
	if r, ok := m.currentRun(); ok {
		m.exam = m.examOf(r.Adapter)
	}
	m.live.open()
	m.paper.open()
	m.tell(changedAll)
}

// progress of a run, in words.
type progress struct {
	state line
	facts []line
	share float64 // of the steps; below 0: unknown
}

func (m *model) progress(r record.Run) progress {
	steps := max(r.Steps, r.Plan.Steps)
	p := progress{share: -1}
	if steps > 0 {
		p.share = min(1, float64(r.Step)/float64(steps))
	}
	p.state = line{m.text("training.state." + string(r.State)), linePlain}
	switch r.State {
	case record.RunDone:
		p.state = line{m.text("training.end." + string(r.End)), lineGood}
		if r.End == core.TrainBlowup {
			p.state.kind = lineWarn
		}
	case record.RunPaused:
		if r.Interrupted {
			p.state.text = m.text("training.state.interrupted")
		}
	case record.RunFailed:
		p.state = line{m.text("training.state.failed"), lineBad}
		if r.Failure != nil {
			p.state.text += m.space() + m.sentence(r.Failure.Err())
		}
	}
	add := func(kind lineKind, key string, args ...any) {
		p.facts = append(p.facts, line{m.text(key, args...), kind})
	}
	add(linePlain, "training.run.steps", r.Step, steps, r.Epoch)
	if r.Loss > 0 {
		add(linePlain, "training.run.loss", plot.Number(r.Loss))
	}
	if r.HeldLoss > 0 {
		add(linePlain, "training.run.held", plot.Number(r.HeldLoss))
	}
	if r.BestLoss > 0 {
		add(linePlain, "training.run.best", plot.Number(r.BestLoss), r.BestStep)
	}
	if r.Tokens > 0 {
		add(linePlain, "training.run.rate", r.Tokens)
	}
	if r.State == record.RunRunning && r.Left > 0 {
		add(linePlain, "training.run.left", clock(r.Left))
	}
	if r.Seconds > 0 {
		add(lineQuiet, "training.run.took", clock(r.Seconds))
	}
	_, predicted, _ := m.memory(r.Plan)
	switch {
	case predicted > 0 && r.Peak > 0:
		add(lineQuiet, "training.run.memory", amount.Bytes(predicted), amount.Bytes(r.Peak))
	case predicted > 0:
		add(lineQuiet, "training.run.memory.plan", amount.Bytes(predicted))
	}
	_, has := m.adapter(r.Adapter)
	switch gone := r.State == record.RunDone && r.Adapter != "" && !has; {
	case gone:
		add(lineWarn, "training.run.gone")
	case r.Checkpoint > 0:
		add(lineQuiet, "training.run.checkpoint", r.Checkpoint)
	}
	if r.Crashes > 0 {
		add(lineWarn, "train.warn.engine")
	}
	for _, n := range r.Notes {
		add(lineWarn, n)
	}
	return p
}

// namedRuns are the runs to choose from.
func (m *model) namedRuns() []string {
	out := make([]string, len(m.runs))
	for i, r := range m.runs {
		out[i] = m.text("training.run.name", r.Name, m.text("training.state."+string(r.State)), r.Created.Local().Format("2006-01-02 15:04:05"))
	}
	return out
}

// unfinished says whether a run waits to be gone on with.
func (m *model) unfinished(r record.Run) bool {
	return r.State == record.RunPaused && r.Step > 0 || r.State == record.RunFailed
}
