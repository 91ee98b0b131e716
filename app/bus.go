package app

import (
	"slices"
	"sync"
)

// Topic says what has changed.
type Topic string

const (
	TopicDocuments     Topic = "documents"
	TopicModels        Topic = "models"
	TopicSettings      Topic = "settings"
	TopicConversations Topic = "conversations"
	TopicFolders       Topic = "folders"
	TopicTraining      Topic = "training"
	TopicAdapters      Topic = "adapters"
	TopicExams         Topic = "exams"
)

// Bus tells whoever shows things that they have changed, whichever face of the program changed them. A nil Bus tells
// nobody. It is safe for concurrent use.
type Bus struct {
	mu        sync.Mutex
	listeners []*listener
}

type listener struct{ hear func(Topic) }

// Subscribe calls hear, from the goroutine of the change, until cancel. hear must return at once.
func (b *Bus) Subscribe(hear func(Topic)) (cancel func()) {
	if b == nil {
		return func() {}
	}
	l := &listener{hear}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners = append(b.listeners, l)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.listeners = slices.DeleteFunc(slices.Clone(b.listeners), func(other *listener) bool { return other == l })
	}
}

// Tell says that something of the topic has changed.
func (b *Bus) Tell(t Topic) {
	if b == nil {
		return
	}
	b.mu.Lock()
	all := b.listeners
	b.mu.Unlock()
	for _, l := range all {
		l.hear(t)
	}
}
