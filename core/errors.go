package core

import "errors"

// Sentinels: callers test with errors.Is; the text is what the log says, not what the user reads.
var (
	ErrNotFound    = errors.New("not found")
	ErrDimension   = errors.New("vector of another dimension")
	ErrNoModel     = errors.New("no model")
	ErrNoDevice    = errors.New("no device")
	ErrOutOfMemory = errors.New("out of memory")
	ErrCorrupt     = errors.New("corrupt data")
	ErrBusy        = errors.New("busy")
	ErrTooLarge    = errors.New("too large")
	ErrUnsupported = errors.New("unsupported")
	ErrEncrypted   = errors.New("password-protected")
	ErrEmpty       = errors.New("empty")
	ErrNoSpace     = errors.New("no space left")
	ErrUsage       = errors.New("wrong usage")
	ErrEngine      = errors.New("engine process lost")
)

// UserError is an error with what a person should read: one sentence and one hint, as keys of the
// translations with their arguments. Err is the cause, for the log and for errors.Is.
//
// Key "error.file.empty" has its sentence under that key and its hint under "error.file.empty.hint".
type UserError struct {
	Key  string
	Args []any // for fmt verbs in the translated sentence; the hint has none
	Err  error
}

func (e *UserError) Error() string {
	if e.Err == nil {
		return e.Key
	}
	return e.Key + ": " + e.Err.Error()
}

func (e *UserError) Unwrap() error { return e.Err }

// Explain wraps err with the translation key a person should read.
func Explain(err error, key string, args ...any) error {
	return &UserError{Key: key, Args: args, Err: err}
}
