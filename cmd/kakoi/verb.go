package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"kakoi/core"
)

// verb is a word behind a command's name, with the number of arguments that follow it (most -1: any number).
type verb[O any] struct {
	least, most int
	run         func(ctx context.Context, c *call, o O, args []string) error
}

// verbOf is the verb that the first argument names, if as many arguments follow as it takes.
func verbOf[O any](c *call, verbs map[string]verb[O]) (verb[O], error) {
	v, ok := verbs[c.args[0]]
	if !ok {
		return v, c.unknownVerb(slices.Sorted(maps.Keys(verbs)))
	}
	if slices.Contains(c.args, "") { // of a script's empty variable, say: it would mean something else
		return v, core.Explain(fmt.Errorf("%s %s: an empty argument: %w", c.command.name, c.args[0], core.ErrUsage), "error.usage.missing", c.usage())
	}
	most := v.most
	if most >= 0 {
		most++
	}
	return v, c.want(1+v.least, most)
}

// unknownVerb says that the first argument is none of the command's verbs, and which may have been meant.
func (c *call) unknownVerb(names []string) error {
	command, name := c.command.name+" ", c.args[0]
	err := fmt.Errorf("%s%q: %w", command, name, core.ErrUsage)
	if near := nearest(name, names); near != "" {
		return core.Explain(err, "error.usage.command_near", command+name, command+near)
	}
	return core.Explain(err, "error.usage.command", command+name)
}
