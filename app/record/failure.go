package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"kakoi/core"
)

// Failure is an error as it is remembered: what a person should read of it, in whatever language, and the words of the log.
type Failure struct {
	Key  string   `json:"key"`            // of the translations; "": none is known
	Args []string `json:"args,omitempty"` // "s:text", "i:12", "f:1.5"
	Text string   `json:"text"`
}

// Sentinels that end an answer, the more telling first, with the sentence of each.
var sentinels = []struct {
	err error
	key string
}{
	{context.DeadlineExceeded, "error.sentinel.deadline"},
	{core.ErrNoSpace, "error.sentinel.nospace"},
	{core.ErrOutOfMemory, "error.sentinel.outofmemory"},
	{core.ErrEngine, "error.sentinel.engine"},
	{core.ErrNoModel, "error.sentinel.nomodel"},
	{core.ErrNoDevice, "error.sentinel.nodevice"},
	{core.ErrDimension, "error.sentinel.dimension"},
	{core.ErrCorrupt, "error.sentinel.corrupt"},
	{core.ErrBusy, "error.sentinel.busy"},
	{core.ErrTooLarge, "error.sentinel.toolarge"},
	{core.ErrUnsupported, "error.sentinel.unsupported"},
}

// Failed remembers err.
func Failed(err error) *Failure {
	f := &Failure{Text: err.Error()}
	var user *core.UserError
	if errors.As(err, &user) {
		f.Key = user.Key
		for _, a := range user.Args {
			f.Args = append(f.Args, encodeArg(a))
		}
		return f
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			f.Key = s.key
			break
		}
	}
	return f
}

// Err is the error to show for the failure.
func (f *Failure) Err() error {
	if f.Key == "" {
		return errors.New(f.Text)
	}
	args := make([]any, len(f.Args))
	for i, a := range f.Args {
		args[i] = decodeArg(a)
	}
	return core.Explain(errors.New(f.Text), f.Key, args...)
}

func encodeArg(a any) string {
	switch v := a.(type) {
	case int:
		return "i:" + strconv.Itoa(v)
	case int64:
		return "i:" + strconv.FormatInt(v, 10)
	case float64:
		return "f:" + strconv.FormatFloat(v, 'g', -1, 64)
	}
	return "s:" + fmt.Sprint(a)
}

func decodeArg(s string) any {
	if len(s) < 2 {
		return s
	}
	switch s[:2] {
	case "i:":
		if v, err := strconv.ParseInt(s[2:], 10, 64); err == nil {
			return v
		}
	case "f:":
		if v, err := strconv.ParseFloat(s[2:], 64); err == nil {
			return v
		}
	}
	return s[2:]
}
