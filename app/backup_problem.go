package app

import (
	"errors"
	"io/fs"
	"strings"

	"kakoi/core"
)

// Problems of backups, as keys of texts. An error itself may name a document, and what is remembered of backups is a plain file: nothing else of one is kept there. The log,
// which is encrypted with the library, has it.
const (
	problemPrefix = "backup.problem."

	ProblemDamaged = problemPrefix + "damaged" // the backup, or what came of restoring it
	ProblemForeign = problemPrefix + "foreign" // no backup, or one of a later Kakoi
	ProblemLibrary = problemPrefix + "library" // the library has damage: nothing could be made of it
	ProblemSpace   = problemPrefix + "space"
	ProblemFolder  = problemPrefix + "folder" // it is not there, or cannot be written
	ProblemInside  = problemPrefix + "inside" // the chosen folder is in the data folder
	ProblemOther   = problemPrefix + "other"
)

// triedProblem is that of an error of making a backup.
func triedProblem(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, core.ErrNoSpace):
		return ProblemSpace
	case errors.Is(err, core.ErrUsage):
		return ProblemInside
	case errors.Is(err, core.ErrCorrupt):
		return ProblemLibrary
	case errors.Is(err, core.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return ProblemFolder
	}
	return ProblemOther
}

// provedProblem is that of an error of restoring one.
func provedProblem(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, core.ErrUnsupported):
		return ProblemForeign
	}
	return ProblemDamaged
}

// withoutTexts drops what earlier versions kept of errors, and says whether there was any.
func (s *backupsState) withoutTexts() (found bool) {
	if s.Problem != "" && !strings.HasPrefix(s.Problem, problemPrefix) {
		s.Problem, found = ProblemOther, true
	}
	for name, one := range s.Proved {
		if one.Problem != "" && !strings.HasPrefix(one.Problem, problemPrefix) {
			one.Problem, found = ProblemDamaged, true
			s.Proved[name] = one
		}
	}
	return found
}
