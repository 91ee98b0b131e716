package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
)

// maxText bounds an error's text on the wire: libtorch's come with a C++ backtrace.
const maxText = 8 << 10

// sentinels are the errors whose identity crosses the border, each with the gRPC code it is sent under. The first
// one found gives the code.
var sentinels = []struct {
	name string
	err  error
	code codes.Code
}{
	{"canceled", context.Canceled, codes.Canceled},
	{"deadline", context.DeadlineExceeded, codes.DeadlineExceeded},
	{"out-of-memory", core.ErrOutOfMemory, codes.ResourceExhausted},
	{"no-model", core.ErrNoModel, codes.NotFound},
	{"no-device", core.ErrNoDevice, codes.FailedPrecondition},
	{"not-found", core.ErrNotFound, codes.NotFound},
	{"not-exist", fs.ErrNotExist, codes.NotFound},
	{"permission", fs.ErrPermission, codes.PermissionDenied},
	{"dimension", core.ErrDimension, codes.InvalidArgument},
	{"corrupt", core.ErrCorrupt, codes.DataLoss},
	{"busy", core.ErrBusy, codes.Aborted},
	{"too-large", core.ErrTooLarge, codes.OutOfRange},
	{"unsupported", core.ErrUnsupported, codes.Unimplemented},
	{"encrypted", core.ErrEncrypted, codes.FailedPrecondition},
	{"empty", core.ErrEmpty, codes.InvalidArgument},
	{"no-space", core.ErrNoSpace, codes.ResourceExhausted},
	{"no-space", syscall.ENOSPC, codes.ResourceExhausted},
	{"usage", core.ErrUsage, codes.InvalidArgument},
	{"engine", core.ErrEngine, codes.Internal},
}

// Encode makes the gRPC status that carries err.
func Encode(err error) error {
	if err == nil {
		return nil
	}
	f := &pb.Failure{Text: clip(err.Error())}
	code := codes.Unknown
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			f.Sentinels = append(f.Sentinels, s.name)
			if code == codes.Unknown {
				code = s.code
			}
		}
	}
	var user *core.UserError
	if errors.As(err, &user) {
		f.Key = user.Key
		for _, a := range user.Args {
			f.Args = append(f.Args, encodeArg(a))
		}
		if user.Err != nil {
			f.Cause = clip(user.Err.Error())
		}
	}
	st, serr := status.New(code, f.Text).WithDetails(f)
	if serr != nil { // only for text that is not UTF-8, which clip has mended
		return status.Error(code, f.Text)
	}
	return st.Err()
}

// Decode rebuilds the error that Encode was given: same text, same sentinels, same UserError. ok is false for a
// status that Encode did not make, that is, for gRPC's own.
func Decode(err error) (decoded error, ok bool) {
	st, isStatus := status.FromError(err)
	if !isStatus {
		return err, false
	}
	for _, d := range st.Details() {
		if f, is := d.(*pb.Failure); is {
			return rebuild(f), true
		}
	}
	return err, false
}

// failure is an error of the engine process: its text, and what errors.Is and errors.As should find.
type failure struct {
	text   string
	causes []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.causes }

func rebuild(f *pb.Failure) error {
	var found []error
	for _, name := range f.Sentinels {
		for _, s := range sentinels {
			if s.name == name {
				found = append(found, s.err)
				break
			}
		}
	}
	if f.Key == "" {
		return &failure{f.Text, found}
	}
	user := &core.UserError{Key: f.Key}
	for _, a := range f.Args {
		user.Args = append(user.Args, decodeArg(a))
	}
	if f.Cause != "" || len(found) > 0 {
		user.Err = &failure{f.Cause, found}
	}
	if user.Error() == f.Text {
		return user
	}
	return &failure{f.Text, []error{user}}
}

func encodeArg(a any) *pb.Arg {
	switch v := a.(type) {
	case string:
		return &pb.Arg{Value: &pb.Arg_Text{Text: clip(v)}}
	case int:
		return &pb.Arg{Value: &pb.Arg_Whole{Whole: int64(v)}}
	case int32:
		return &pb.Arg{Value: &pb.Arg_Whole{Whole: int64(v)}}
	case int64:
		return &pb.Arg{Value: &pb.Arg_Whole{Whole: v}}
	case uint32:
		return &pb.Arg{Value: &pb.Arg_Whole{Whole: int64(v)}}
	case float32:
		return &pb.Arg{Value: &pb.Arg_Real{Real: float64(v)}}
	case float64:
		return &pb.Arg{Value: &pb.Arg_Real{Real: v}}
	case bool:
		return &pb.Arg{Value: &pb.Arg_Truth{Truth: v}}
	}
	return &pb.Arg{Value: &pb.Arg_Text{Text: clip(fmt.Sprint(a))}}
}

func decodeArg(a *pb.Arg) any {
	switch v := a.Value.(type) {
	case *pb.Arg_Text:
		return v.Text
	case *pb.Arg_Whole:
		return v.Whole
	case *pb.Arg_Real:
		return v.Real
	case *pb.Arg_Truth:
		return v.Truth
	}
	return ""
}

// clip makes a text fit for a proto string: valid UTF-8 of bounded length.
func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
