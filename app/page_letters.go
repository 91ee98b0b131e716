package app

import (
	"image"

	"kakoi/core/ingest"
)

// Letters are the characters of a page where they stand on its picture, for pointing at words.
type Letters struct{ picture ingest.Picture }

// At is the character of the page's text nearest to a point of the picture; false where nothing stands on the page.
func (l *Letters) At(at image.Point) (char int, ok bool) { return l.picture.At(at) }

// Beside is the character to the right (dx 1), to the left, below (dy 1) or above another one.
func (l *Letters) Beside(char, dx, dy int) int { return l.picture.Beside(char, dx, dy) }

// Places are the rectangles of the picture that the characters from start to before end stand in, one for each line.
func (l *Letters) Places(start, end int) []image.Rectangle { return l.picture.Marks(start, end) }
