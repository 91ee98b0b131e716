// Package welcome is what a new data folder shows first: language and text size, where the library lies, and the first documents.
// It takes less than a minute and can be gone through with Enter alone. What is chosen is applied at once.
package welcome
