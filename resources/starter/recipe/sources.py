"""The documentation packages that the starter model reads: name, language, files, licence.

Only packages whose licence plainly allows redistribution with changes and without conditions on what is made from them: MPL-2.0 (kept
per file), Apache-2.0, BSD, MIT, PostgreSQL, PSF, public domain. Manuals under GPL, GFDL or CC-BY-SA are left out: whether weights carry
their terms is unsettled. debian-handbook is kept out of everything: it is the manual of the blind questions.
"""

PACKAGES = [
    # Debian package, language, files below the unpacked package, licence, share of its paragraphs that are used
    ("libreoffice-help-ja", "ja", "**/text/**/*.html", "MPL-2.0", 1.0),
    ("apache2-doc", "ja", "**/manual/ja/**/*.html", "Apache-2.0", 1.0),
    ("libreoffice-help-en-us", "en", "**/text/**/*.html", "MPL-2.0", 1.0),
    ("apache2-doc", "en", "**/manual/en/**/*.html", "Apache-2.0", 1.0),
    ("postgresql-doc-15", "en", "**/html/*.html", "PostgreSQL", 0.5),
    ("python3.11-doc", "en", "**/html/[thfi]*/*.html", "PSF-2.0", 1.0),
    ("python3.11-doc", "en", "**/html/library/*.html", "PSF-2.0", 0.5),
    ("python-django-doc", "en", "**/html/**/*.html", "BSD-3-Clause", 0.7),
    ("rust-doc", "en", "**/html/book/*.html", "MIT or Apache-2.0", 1.0),
    ("sqlite3-doc", "en", "**/*.html.gz", "public domain", 0.6),
    ("sqlite3-doc", "en", "**/*.html", "public domain", 0.6),
    ("tomcat10-docs", "en", "**/docs/*.html", "Apache-2.0", 1.0),
    ("bind9-doc", "en", "**/arm/*.html", "MPL-2.0", 1.0),
    ("nodejs-doc", "en", "**/api/*.html", "MIT", 0.4),
    ("erlang-doc", "en", "**/doc/efficiency_guide/*.html", "Apache-2.0", 1.0),
    ("erlang-doc", "en", "**/doc/getting_started/*.html", "Apache-2.0", 1.0),
    ("ant-doc", "en", "**/manual/**/*.html", "Apache-2.0", 1.0),
    ("sphinx-doc", "en", "**/html/**/*.html", "BSD-2-Clause", 1.0),
    ("keystone-doc", "en", "**/html/[aiug]*/**/*.html", "Apache-2.0", 1.0),
    ("nova-doc", "en", "**/html/[aiug]*/**/*.html", "Apache-2.0", 1.0),
    ("python-pandas-doc", "en", "**/html/getting_started/**/*.html", "BSD-3-Clause", 1.0),
    ("python-pandas-doc", "en", "**/html/user_guide/*.html", "BSD-3-Clause", 1.0),
    ("swi-prolog-doc", "en", "**/*.html", "BSD-2-Clause", 0.5),
    ("zsh-doc", "en", "**/html/*.html", "MIT-style (zsh)", 0.5),
]

# Word lists: names and nouns for renaming (mecab-ipadic, BSD with the ICOT terms; WordNet 3.0 licence).
WORDS = ["mecab-ipadic", "wordnet-base"]
