package app_test

import (
	"slices"
	"testing"

	"kakoi/app"
)

func TestBusTellsListenersUntilTheyCancel(t *testing.T) {
	var b app.Bus
	var one, two []app.Topic
	stop := b.Subscribe(func(topic app.Topic) { one = append(one, topic) })
	b.Subscribe(func(topic app.Topic) { two = append(two, topic) })
	b.Tell(app.TopicDocuments)
	stop()
	stop() // twice is once
	b.Tell(app.TopicModels)
	if !slices.Equal(one, []app.Topic{app.TopicDocuments}) || !slices.Equal(two, []app.Topic{app.TopicDocuments, app.TopicModels}) {
		t.Errorf("heard %v and %v", one, two)
	}
	var none *app.Bus
	none.Subscribe(nil)()
	none.Tell(app.TopicModels)
}
