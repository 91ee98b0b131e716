package app

import (
	"context"
	"fmt"

	"kakoi/core"
)

// CollectionStatus is one collection in short.
type CollectionStatus struct {
	Name      string `json:"name"`
	Documents int    `json:"documents"` // ready
	Failed    int    `json:"failed"`
	Pending   int    `json:"pending"`
	Chunks    int    `json:"chunks"`
}

// UnfinishedAdd is an add that did not end.
type UnfinishedAdd struct {
	AddPlan
	Begun   string `json:"begun"`
	Running bool   `json:"running"`
}

// Status is the library in short. It is instant, whatever the library's size.
type Status struct {
	Data        string             `json:"data"`
	Collections []CollectionStatus `json:"collections"`
	Unfinished  []UnfinishedAdd    `json:"unfinished"`
	Stale       int                `json:"stale"` // documents without vectors of the embedder in use, or left by a Resplit
	ChatModel   string             `json:"chat_model"`
	Embedder    string             `json:"embedder"`
}

// Status looks at all collections.
func (l *Library) Status(ctx context.Context) (Status, error) {
	set := l.Settings.Get()
	s := Status{Collections: []CollectionStatus{}, Unfinished: []UnfinishedAdd{}, ChatModel: set.ChatModel, Embedder: set.Embedder}
	info, err := l.Models.KnownEmbedder(ctx)
	if err != nil {
		info = core.EmbedderInfo{} // never loaded: all vectors are of another one
	}
	all, err := l.Store.Collections(ctx)
	if err != nil {
		return s, fmt.Errorf("list collections: %w", err)
	}
	for _, c := range all {
		stats, err := l.Store.Stats(ctx, c.ID)
		if err != nil {
			return s, fmt.Errorf("look at collection %q: %w", c.Name, err)
		}
		s.Collections = append(s.Collections, CollectionStatus{Name: c.Name, Documents: stats.Ready, Failed: stats.Failed, Pending: stats.Pending, Chunks: stats.Chunks})
		s.Stale += stats.Ready - stats.Embedders[info.ID]
	}
	if _, splitter, err := l.refreshes(ctx); err != nil {
		return s, err
	} else if splitter != "" { // rare, and only then are the documents looked at
		stale, err := l.Stale(ctx)
		if err != nil {
			return s, err
		}
		s.Stale = len(stale)
	}
	entries, plans, err := l.Unfinished(ctx)
	if err != nil {
		return s, err
	}
	for i, e := range entries {
		s.Unfinished = append(s.Unfinished, UnfinishedAdd{AddPlan: plans[i], Begun: e.Begun.Format("2006-01-02T15:04:05Z"), Running: e.Running})
	}
	return s, nil
}

// StaleDocument is a document whose vectors were made with another embedder: it is found by words only.
type StaleDocument struct {
	Collection core.Collection
	Document   core.Document
}

// Stale lists the documents without vectors of the embedder in use, and those that a Resplit which did not end has left. While the embedder was
// never loaded nobody knows its ID: then it is those of any ID, since they were made with another.
func (l *Library) Stale(ctx context.Context) ([]StaleDocument, error) {
	info, err := l.Models.KnownEmbedder(ctx)
	if err != nil {
		info = core.EmbedderInfo{}
	}
	_, splitter, err := l.refreshes(ctx)
	if err != nil {
		return nil, err
	}
	print := ""
	if splitter != "" {
		if print, err = fingerprint(Split(splitter)); err != nil {
			return nil, err
		}
	}
	return l.stale(ctx, info.ID, print)
}

// stale are the documents of another embedder, or of another splitter than that of a fingerprint; "" is any.
func (l *Library) stale(ctx context.Context, embedder, print string) ([]StaleDocument, error) {
	all, err := l.Store.Collections(ctx)
	if err != nil {
		return nil, fmt.Errorf("list collections: %w", err)
	}
	var stale []StaleDocument
	for _, c := range all {
		docs, err := l.Store.Documents(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("list documents of %q: %w", c.Name, err)
		}
		for _, d := range docs {
			if d.State == core.DocumentReady && (d.Embedder != embedder || print != "" && d.Split != print) {
				stale = append(stale, StaleDocument{c, d})
			}
		}
	}
	return stale, nil
}

// Size counts the documents and chunks of all collections.
func (l *Library) Size(ctx context.Context) (documents, chunks int, err error) {
	all, err := l.Store.Collections(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("list collections: %w", err)
	}
	for _, c := range all {
		stats, err := l.Store.Stats(ctx, c.ID)
		if err != nil {
			return 0, 0, fmt.Errorf("look at collection %q: %w", c.Name, err)
		}
		documents, chunks = documents+stats.Documents, chunks+stats.Chunks
	}
	return documents, chunks, nil
}
