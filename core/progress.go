package core

// Update is one report of long work. Stage is a key of the translations ("read", "embed", "load",
// "copy", "hash", "convert", "verify"); Done and Total share a unit that the stage implies; Total 0 means unknown.
type Update struct {
	Stage string `json:"stage"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Note  string `json:"note,omitempty"` // a file's name
}

// Progress receives Updates; nil is allowed. Producers call it freely: whoever shows it samples.
type Progress func(Update)

// Report calls p if there is one.
func (p Progress) Report(u Update) {
	if p != nil {
		p(u)
	}
}
