package widget

// Selected is the selected text of a page that is shown as text.
func (v *PageView) Selected() string { return v.text.selected() }
