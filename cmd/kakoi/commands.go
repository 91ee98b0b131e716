package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"kakoi/core"
)

// commands in the order of help. (A function, since help is one of them.)
func commands() []command {
	return []command{
		{name: "add", args: "[--collection C] PATH... | --samples | --resume | --discard", library: true, flags: addFlags, run: runAdd},
		{name: "list", args: "[--collection C]", library: true, flags: listFlags, run: runList},
		{name: "health", args: "[--collection C] [--all] [DOCUMENT...]", library: true, flags: healthFlags, run: runHealth},
		{name: "ocr", args: "[DOCUMENT... | --all | --resume] [--languages jpn,eng]", library: true, flags: ocrFlags, run: runOCR},
		{name: "status", library: true, run: runStatus},
		{name: "folder", args: "link PATH | list | check [PATH] | unlink PATH", library: true, flags: folderFlags, run: runFolder},
		{name: "remove", args: "DOCUMENT | --collection C --all", library: true, flags: removeFlags, run: runRemove},
		{name: "search", args: "QUERY", library: true, flags: searchFlags, early: func(h *host) { h.models.WarmEmbedder() }, run: runSearch},
		{name: "page", args: "DOCUMENT [N] [--mark START-END] [--out FILE.png]", library: true, flags: pageFlags, run: runPage},
		{name: "ask", args: "QUESTION", library: true, flags: askFlags, early: func(h *host) { h.models.Warm() }, run: runAsk},
		{name: "chat", args: chatArgs, library: true, flags: chatFlags, run: runChat},
		{name: "receipt", args: receiptArgs, library: true, flags: receiptFlags, run: runReceipt},
		{name: "model", args: "list | import DIR | import PACK... | export NAME FILE.kakoi-pack | export NAME DIR | use NAME | check NAME | speed NAME | quantize NAME | plan NAME | calibrate [NAME] | remove NAME", library: true, flags: modelFlags, run: runModel},
		{name: "dataset", args: datasetArgs, library: true, flags: datasetFlags, run: runDataset},
		{name: "train", args: trainArgs, library: true, flags: trainFlags, run: runTrain},
		{name: "adapter", args: adapterArgs, library: true, flags: adapterFlags, run: runAdapter},
		{name: "exam", args: examArgs, library: true, flags: examFlags, run: runExam},
		{name: "settings", args: "[KEY [VALUE]]", library: true, flags: settingsFlags, run: runSettings},
		{name: "passphrase", args: passphraseArgs, library: true, locked: true, flags: passphraseFlags, alone: alonePassphrase, run: runPassphrase},
		{name: "backup", args: backupArgs, library: true, flags: backupFlags, run: runBackup},
		{name: "restore", args: "FILE [--check] | --undo | --forget", library: true, flags: restoreFlags, alone: aloneRestore, run: runRestore},
		{name: "capsule", args: capsuleArgs, library: true, flags: capsuleFlags, run: runCapsule},
		{name: "doctor", args: "[--repair [--dry-run] | --report FILE.pdf|.json]", library: true, flags: doctorFlags, alone: aloneDoctor, run: runDoctor},
		{name: "log", args: "[--engine] [--lines N]", library: true, flags: logFlags, alone: aloneLog, run: runLog},
		{name: "verify", args: "[FILE | FOLDER]... [--key KEY]", flags: verifyFlags, run: runVerify},
		{name: "bench", args: "ingest | index | embed | load | prefill | decode | train | add | ask | window | capsule | retrieval [FILE [PATH...]]", flags: benchFlags, run: runBench},
		{name: "version", run: runVersion},
		{name: "help", args: "[COMMAND]", run: runHelp},
	}
}

func commandOf(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return &c
		}
	}
	return nil
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

func runVersion(_ context.Context, c *call) error {
	if c.json {
		return c.emit(map[string]string{"version": version})
	}
	fmt.Fprintln(c.Out, "kakoi", version)
	return nil
}

// runHelp prints the commands, or one command and its flags.
func runHelp(_ context.Context, c *call) error {
	if len(c.args) > 0 {
		if cmd := commandOf(c.args[0]); cmd != nil {
			return helpOne(c, cmd)
		}
		err := fmt.Errorf("help on %q: %w", c.args[0], core.ErrUsage)
		if near := nearest(c.args[0], commandNames()); near != "" {
			return core.Explain(err, "error.usage.command_near", c.args[0], near)
		}
		return core.Explain(err, "error.usage.command", c.args[0])
	}
	fmt.Fprintln(c.Out, c.text("cli.help.title"))
	fmt.Fprintln(c.Out)
	fmt.Fprintln(c.Out, c.text("cli.help.first"))
	if hasWindow {
		fmt.Fprintf(c.Out, "  %s  %s\n", pad("kakoi", 34), c.text("cli.command.window"))
	}
	for _, line := range []string{"add", "ask", "doctor"} {
		fmt.Fprintf(c.Out, "  %s  %s\n", pad(c.text("cli.help.example."+line), 34), c.text("cli.command."+line))
	}
	fmt.Fprintln(c.Out)
	fmt.Fprintln(c.Out, c.text("cli.help.commands"))
	for _, cmd := range commands() {
		fmt.Fprintf(c.Out, "  %s  %s\n", pad(cmd.name, 8), c.text("cli.command."+cmd.name))
	}
	fmt.Fprintln(c.Out)
	fmt.Fprintln(c.Out, c.text("cli.help.flags"))
	fs := newFlagSet("kakoi")
	(&globals{}).register(fs)
	printFlags(c, fs)
	fmt.Fprintln(c.Out)
	fmt.Fprintln(c.Out, c.text("cli.help.exit"))
	return nil
}

func helpOne(c *call, cmd *command) error {
	fmt.Fprintln(c.Out, strings.TrimSpace("kakoi "+cmd.name+" "+cmd.args))
	fmt.Fprintln(c.Out, c.text("cli.command."+cmd.name))
	if cmd.flags != nil {
		fs := newFlagSet(cmd.name)
		cmd.flags(fs, &call{})
		fmt.Fprintln(c.Out)
		printFlags(c, fs)
	}
	fmt.Fprintln(c.Out)
	fmt.Fprintln(c.Out, c.text("cli.help.flags"))
	fs := newFlagSet("kakoi")
	(&globals{}).register(fs)
	printFlags(c, fs)
	return nil
}

// printFlags lists the flags that have a usage text.
func printFlags(c *call, fs *flag.FlagSet) {
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" {
			return
		}
		name := "--" + f.Name
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
			name += " X"
		}
		fmt.Fprintf(c.Out, "  %s  %s\n", pad(name, 20), c.text(f.Usage))
	})
}
