package pack

// Head is the beginning of a part, for tests that make packs by hand.
var Head = head

func init() { workFactor = 10 } // tests need not wait a second for each part
