package pack

// Head is the beginning of a part, for tests that make packs by hand.
var Head = head
