package chat

// Draft is what stands in the field of the question.
func (s *Screen) Draft() string { return s.m.Draft() }

// SetDraft puts a text there.
func (s *Screen) SetDraft(text string) {
	s.m.SetDraft(text)
	if s.input != nil {
		s.input.refresh()
	}
}
