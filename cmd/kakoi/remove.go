package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/core"
)

type removeOptions struct {
	collection string
	all        bool
	yes        bool
}

func removeFlags(fs *flag.FlagSet, c *call) {
	o := &removeOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.BoolVar(&o.all, "all", false, "cli.flag.remove_all")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

func runRemove(ctx context.Context, c *call) error {
	o := c.options.(*removeOptions)
	if o.all {
		return removeAll(ctx, c, o)
	}
	if err := c.want(1, 1); err != nil {
		return err
	}
	which := c.args[0]
	if strings.ContainsRune(which, '/') {
		which = c.path(which)
	}
	collection, doc, err := c.host.library.Find(ctx, o.collection, which)
	if err != nil {
		return err
	}
	with := c.copies(ctx)
	if !o.yes {
		with.warn(c)
	}
	if err := c.confirm(ctx, o.yes, "cli.remove.ask", sanitize(doc.Name, false), sanitize(doc.Source, false)); err != nil {
		return err
	}
	if err := c.host.folders.LeaveOut(ctx, collection.Name, doc); err != nil {
		return err
	}
	proof, err := c.host.library.Erase(ctx, collection, doc)
	if err != nil {
		return err
	}
	quotes, err := c.host.conversations.Quoting(ctx, doc.ID)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{"removed": doc.ID, "name": doc.Name, "collection": collection.Name, "proof": proof, "quoted_by": quotedBy(quotes), "backups_deleted": with.inside})
	}
	c.say("cli.remove.done", sanitize(doc.Name, false))
	c.prove(proof)
	c.tellQuotes(quotes)
	with.tell(c)
	return nil
}

// removeAll removes a collection. It has to be named: nobody empties a library by leaving a word out.
func removeAll(ctx context.Context, c *call, o *removeOptions) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	if o.collection == "" {
		return core.Explain(fmt.Errorf("remove --all without a collection: %w", core.ErrUsage), "error.usage.missing", c.usage())
	}
	docs, err := c.host.library.List(ctx, o.collection)
	if err != nil {
		return err
	}
	with := c.copies(ctx)
	if !o.yes {
		with.warn(c)
	}
	if err := c.confirm(ctx, o.yes, "cli.remove.ask_all", sanitize(o.collection, false), len(docs)); err != nil {
		return err
	}
	if _, err := c.host.folders.UnlinkCollection(ctx, o.collection); err != nil {
		return err
	}
	proof, err := c.host.library.RemoveCollection(ctx, o.collection)
	if err != nil {
		return err
	}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	quotes, err := c.host.conversations.Quoting(ctx, ids...)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{
			"removed": "collection", "collection": o.collection, "documents": proof.Documents, "proof": proof, "quoted_by": quotedBy(quotes), "backups_deleted": with.inside,
		})
	}
	c.say("cli.remove.done_all", sanitize(o.collection, false), proof.Documents)
	c.prove(proof)
	c.tellQuotes(quotes)
	with.tell(c)
	return nil
}

func (c *call) prove(e app.Erasure) { c.say("cli.remove.proof", e.Before.Total()) }

// quotedBy are the ids of all that still holds text of what was removed, or learned from it.
func quotedBy(q app.Quotes) map[string][]string {
	ids := map[string][]string{"conversations": {}, "corrections": {}, "datasets": {}, "adapters": {}, "runs": {}, "exams": {}}
	for _, r := range q.Runs {
		ids["runs"] = append(ids["runs"], r.ID)
	}
	for _, m := range q.Exams {
		ids["exams"] = append(ids["exams"], m.ID)
	}
	for _, s := range q.Datasets {
		ids["datasets"] = append(ids["datasets"], s.ID)
	}
	for _, x := range q.Adapters {
		ids["adapters"] = append(ids["adapters"], x.ID)
	}
	for _, h := range q.Conversations {
		ids["conversations"] = append(ids["conversations"], h.ID)
	}
	for _, k := range q.Corrections {
		ids["corrections"] = append(ids["corrections"], k.ID)
	}
	return ids
}

func (c *call) tellQuotes(q app.Quotes) {
	for _, s := range q.Datasets {
		c.say("cli.remove.learned", sanitize(s.Name, false), s.ID)
	}
	for _, x := range q.Adapters {
		c.say("cli.remove.trained", sanitize(x.Name, false), x.ID)
	}
	for _, r := range q.Runs {
		c.say("cli.remove.run", sanitize(r.Name, false), r.ID)
	}
	for _, m := range q.Exams {
		c.say("cli.remove.exam", sanitize(m.AdapterName, false), m.ID)
	}
	if len(q.Conversations)+len(q.Corrections) == 0 {
		return
	}
	c.say("cli.remove.quoted", len(q.Conversations), len(q.Corrections))
	for _, h := range q.Conversations {
		c.say("cli.remove.quoted_in", h.ID, sanitize(h.Title, false))
	}
	for _, k := range q.Corrections {
		c.say("cli.remove.quoted_by", k.ID, sanitize(k.Question, false))
	}
}
