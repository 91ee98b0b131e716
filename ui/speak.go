package ui

import (
	"errors"
	"log/slog"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
)

// speak makes Fyne's own words (the menu of a text field) follow the language of the window. Fyne takes its language from the
// environment whenever translations are added, and once more when it first needs a font: it then loads the system's font of that
// language beside ours, 15 MB a style for Japanese, which ours has anyway. So the environment says English in between. Nothing
// else reads these two variables: input methods and the engine go by LC_CTYPE, LC_ALL and LANG.
func speak(language string) {
	region := map[string]string{"ja": "ja_JP.UTF-8"}[language]
	err := messagesIn(language, region)
	err = errors.Join(err, lang.AddTranslationsForLocale([]byte("{}"), fyne.Locale(language)), messagesIn("en", ""))
	if err != nil {
		slog.Warn("language of the toolkit", "error", err)
	}
}

func messagesIn(language, region string) error {
	if region == "" {
		region = "en_US.UTF-8"
	}
	return errors.Join(os.Setenv("LANGUAGE", language), os.Setenv("LC_MESSAGES", region))
}
