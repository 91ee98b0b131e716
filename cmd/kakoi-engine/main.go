package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
	"kakoi/core/engine"
	"kakoi/core/engine/server"
	"kakoi/resources"
)

// version is set by the build.
var version = "development"

// Exit codes, as those of kakoi.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitCancelled = 4
)

// socketFD is the client's end of the socketpair.
const socketFD = 3

func main() {
	// Before anything else: nothing that follows can open a network socket.
	proof, err := closed.Lock()
	if err != nil {
		os.Exit(report(os.Stderr, err))
	}
	// The library of documents and everything else that is no business of this process is out of its reach already, where the kernel can do that.
	files, err := landlock.Inherited()
	if err != nil {
		os.Exit(report(os.Stderr, core.Explain(err, "error.closed.files", err.Error())))
	}
	proof.Files = &files
	// The heap of this process is small and bursty (libtorch has its own): collect early.
	debug.SetGCPercent(50)
	os.Exit(run(os.Args[1:], proof))
}

func run(args []string, proof closed.Proof) int {
	if len(args) == 0 {
		return serve(proof)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch args[0] {
	case "--version", "-version", "version":
		fmt.Println("kakoi-engine", version)
	case "--help", "-help", "-h", "help":
		fmt.Println(resources.Format(language(), "error.engine.usage.hint"))
	case "selftest":
		err = selftest(ctx, args[1:])
	case "bench":
		err = bench(ctx, args[1:])
	case "logits":
		err = logits(ctx, args[1:])
	case "train":
		err = trainRequest(ctx, args[1:])
	default:
		err = core.Explain(fmt.Errorf("command %q: %w", args[0], core.ErrUsage), "error.engine.usage")
	}
	if err != nil {
		return report(os.Stderr, err)
	}
	return exitDone
}

// serve answers kakoi on the inherited socket until it closes.
func serve(proof closed.Proof) int {
	conn, err := inherited(socketFD)
	if err != nil {
		return report(os.Stderr, core.Explain(err, "error.engine.alone"))
	}
	s := server.New(loaders())
	s.Version, s.Proof = version, proof
	if err := s.Serve(conn); err != nil {
		return report(os.Stderr, err)
	}
	// kakoi is gone. Models are not closed one by one: native code may be busy with one, and the end of the
	// process frees them all.
	return exitDone
}

// inherited takes over descriptor fd if it is a connected Unix stream socket.
func inherited(fd int) (net.Conn, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d is not kakoi's socket: %w", fd, err)
	}
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || kind != unix.SOCK_STREAM || family != unix.AF_UNIX {
		return nil, fmt.Errorf("descriptor %d is a socket of family %d and type %d: %w", fd, family, kind, core.ErrUsage)
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "kakoi")
	defer f.Close() // FileConn duplicates it
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("take over descriptor %d: %w", fd, err)
	}
	return conn, nil
}

func selftest(ctx context.Context, args []string) error {
	fs := flags("selftest")
	device := fs.String("device", "auto", "")
	asJSON := fs.Bool("json", false, "")
	if err := parse(fs, args); err != nil {
		return err
	}
	failed := 0
	err := loaders().Selftest(ctx, *device, func(c engine.Check) error {
		if !c.OK {
			failed++
		}
		if *asJSON {
			return json.NewEncoder(os.Stdout).Encode(c)
		}
		word := "ok  "
		if !c.OK {
			word = "FAIL"
		}
		_, err := fmt.Printf("%s  %-40s %8.3f s  %s\n", word, c.Name, c.Seconds, c.Detail)
		return err
	})
	if failed > 0 {
		return core.Explain(fmt.Errorf("%d checks failed: %w", failed, core.ErrCorrupt), "error.engine.selftest", failed)
	}
	return err
}

func bench(ctx context.Context, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return core.Explain(fmt.Errorf("bench without a kind: %w", core.ErrUsage), "error.engine.usage")
	}
	kind := args[0]
	fs := flags("bench " + kind)
	var opt server.BenchOptions
	fs.StringVar(&opt.Model, "model", "", "")
	fs.StringVar(&opt.Shape, "shape", "", "")
	fs.StringVar(&opt.Peer, "peer", "", "")
	fs.StringVar(&opt.Setting, "setting", "", "")
	fs.StringVar(&opt.Device, "device", "auto", "")
	fs.StringVar(&opt.DType, "dtype", "auto", "")
	fs.IntVar(&opt.Threads, "threads", 0, "")
	fs.IntVar(&opt.Tokens, "tokens", 0, "")
	fs.IntVar(&opt.Batch, "batch", 0, "")
	fs.BoolVar(&opt.Profile, "profile", false, "")
	fs.BoolVar(&opt.Lookup, "lookup", false, "")
	fs.IntVar(&opt.Rounds, "rounds", 0, "")
	fs.IntVar(&opt.Context, "context", 0, "")
	fs.IntVar(&opt.LoRA, "lora", 0, "")
	if err := parse(fs, args[1:]); err != nil {
		return err
	}
	options, err := json.Marshal(opt)
	if err != nil {
		return fmt.Errorf("bench %s: %w", kind, err)
	}
	return loaders().Bench(ctx, kind, options, func(figures json.RawMessage) error {
		_, err := fmt.Println(string(figures))
		return err
	})
}

func flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

func parse(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected %q", fs.Arg(0))
	}
	if err != nil {
		return core.Explain(fmt.Errorf("%s: %w: %w", fs.Name(), core.ErrUsage, err), "error.engine.usage")
	}
	return nil
}

// report prints what went wrong: the sentence and the hint for people, and the chain for the log that kakoi keeps of
// our standard error. It returns the exit code.
func report(w io.Writer, err error) int {
	if errors.Is(err, context.Canceled) {
		return exitCancelled
	}
	sentence, hint := resources.ErrorText(language(), err)
	fmt.Fprintln(w, sentence)
	fmt.Fprintln(w, hint)
	fmt.Fprintln(w, "kakoi-engine:", err)
	if errors.Is(err, core.ErrUsage) {
		return exitUsage
	}
	return exitFailed
}

// language is that of the messages, from the environment as the C library reads it.
func language() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "ja") {
				return "ja"
			}
			return "en"
		}
	}
	return "en"
}
