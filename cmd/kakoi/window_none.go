//go:build !x11

package main

import "context"

// probe is false: there is no input method to try.
func probe([]string) (code int, ok bool) { return 0, false }

// hasWindow says whether this build has a window.
const hasWindow = false

func (p *program) window(_ context.Context, _ *owner, c *call) int { return c.finish(errNoWindow()) }

// explain has no window to show anything in.
func (p *program) explain(_ context.Context, _ *call, code int, _ string, _ []string) int {
	return code
}
