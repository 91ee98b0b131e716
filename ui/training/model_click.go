package training

import "kakoi/app/record"

// clickAll is "Train on this collection": all steps with the preset Recommended, one after the other. It stops where a person has to
// decide, and where something fails.
func (m *model) clickAll() {
	if m.work != nil || m.training() {
		return
	}
	m.settings.TrainSettings, m.settings.base, m.settings.wrong = recommended(), "", nil
	m.settings.forget()
	if m.waits != "" && m.set != "" { // it stopped for a person, who presses the same button again
		m.decideAll()
		return
	}
	if d, ok := m.dataset(); !ok || d.Collection != m.host.Collection() && m.host.Collection() != "" || d.Origin != "documents" || m.learned(d.ID) {
		m.set, m.run, m.exam = "", "", ""
		m.review.open(true)
		m.live.open()
		m.paper.open()
	}
	m.click, m.left, m.waits = true, false, ""
	m.goOn()
}

// learned says whether a dataset was trained on already.
func (m *model) learned(id string) bool {
	for _, r := range m.runs {
		if r.Dataset == id {
			return true
		}
	}
	return false
}

// training says whether a run goes on now.
func (m *model) training() bool {
	for _, r := range m.runs {
		if r.State == record.RunRunning {
			return true
		}
	}
	return false
}

// resume goes on with the steps that the end of the window interrupted.
func (m *model) resume() {
	m.taken()
	m.goOn()
}

// taken says that the steps which the end of the window interrupted go on, to the last one.
func (m *model) taken() {
	if m.left {
		m.click, m.left = true, false
	}
}

// asks says whether the steps wait for a person's word.
func (m *model) asks() bool { return m.waits != "" || m.left }

// decideAll goes on after a person has looked at what the steps stopped for.
func (m *model) decideAll() {
	m.click, m.left = true, false
	m.looked()
	m.goOn()
}

// looked says that a person knows the warnings of the dataset.
func (m *model) looked() {
	m.waits = ""
	m.known = m.set
}

// goOn does the next step, when all go by themselves.
func (m *model) goOn() {
	if !m.click || m.work != nil {
		return
	}
	d, ok := m.dataset()
	if !ok {
		m.step = stepQuestions
		m.make(fromDocuments)
		return
	}
	if len(d.Warnings) > 0 && m.known != d.ID {
		m.step, m.waits, m.click = stepQuestions, "training.waits.warnings", false
		m.tell(changedAll)
		return
	}
	r, ok := m.currentRun()
	switch {
	case !ok && !m.settings.ready():
		m.step = stepSettings
		m.settings.plan()
	case !ok:
		m.start()
	case r.State != record.RunDone:
		m.step = stepRun
		m.train()
	case r.Adapter == "":
		m.step, m.click = stepRun, false
	default:
		m.sit()
	}
	m.tell(changedAll)
}

// sit goes on with the exam of the run's adapter, or lets it decide.
func (m *model) sit() {
	r, _ := m.currentRun()
	e, ok := m.currentExam()
	if !ok || e.Adapter != r.Adapter || e.State != record.RunDone {
		m.examine()
		return
	}
	m.adopt()
}
