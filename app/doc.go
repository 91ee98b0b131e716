// Package app holds the use-cases: Library (add, list, remove, search, status), Pages (look at a
// page), Chat (ask), Conversations (ask and remember), Models (import, list, use, remove), Datasets (rows to learn from), Training (runs
// that make adapters of them), Adapters (use, take off, import, export, remove), Exams (which of two is better), Backup (save everything, bring it
// back), Keep (what was there before), Doctor (examine, repair). It knows no terminal, no window, no Badger and no libtorch; the command line and the window are two faces of it.
//
// A use-case is a struct of small dependencies that the composition root fills in and closes: the Store (the index), the
// Engine (models, loaded when first needed), the job runner and the settings. The use-cases close nothing and are safe
// for concurrent use.
//
// Long work is a job: one at a time, remembered until it is finished, so that it goes on after the process was killed.
// Bulk work goes on past what fails: adding returns a Summary with a reason per file, and an error only when
// nothing more can be done.
package app
