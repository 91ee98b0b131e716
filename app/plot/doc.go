// Package plot draws the pictures of a training: the curves of the loss, and bars with intervals for an exam. One layout draws into
// pixels (the window, PNG) and as SVG, so what is saved is what was seen. It knows neither the window nor what the figures mean: words
// and colours are handed in.
package plot
