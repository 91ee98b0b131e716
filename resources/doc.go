// Package resources holds what is shipped beside the code: prompt templates, translations, sample
// documents and questions about them, the starter chat model's folder (not embedded). It has no logic
// beyond looking a text up.
//
// # Prompts
//
// prompts/LANG.tmpl is a plain text file (UTF-8). Lines at its top that begin with "# " are settings
// ("# refusal: the sentence that says the documents do not answer", "# stop: text that ends an answer");
// every other line beginning with "#" up there is a comment. What follows, without the final line end, is the prompt:
// {context} stands for the passages, separated by a blank line, {question} for the question, and each has to
// be there once. To change a prompt copy the file into the folder prompts of Kakoi's data folder and edit the copy:
// it is used in place of the shipped one. The starter model was trained on the shipped wording, byte for byte.
//
// # Translations
//
// i18n/parts/AREA.json maps a key to its texts: {"error.file.empty": {"en": "...", "ja": "..."}}. A key is
// defined in one part only, has every language, and its texts use the same fmt verbs. The key of
// an error has a second one, KEY.hint, that says what to do.
//
// # Samples
//
// samples/ holds documents of our own writing, at least one of each format that Kakoi reads; samples_src/ has the
// sources of those that are not plain text and make.sh that builds them. questions.json has questions about them, questions.txt
// their texts alone, one a line, the two that `make run` asks first.
//
// questions/ has the natural questions that `kakoi exam --questions` examines a chat model with, about the samples and an open manual; its README.md says how they
// were written and what they must not be used for. They are not embedded.
package resources
