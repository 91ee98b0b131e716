// Package help is the help screen: the shortcuts of every screen and the guide, with a search over both. The guide is docs/guide,
// written in a small part of Markdown: headings, paragraphs, lists, bold, code, pictures on a line of their own.
package help
