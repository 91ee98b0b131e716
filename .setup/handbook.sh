# Sourced by the scripts that measure on real documents: the Debian Administrator's Handbook in Japanese and English (package debian-handbook 11, from the
# apt mirror), which the starter's recipe never reads.

# handbook FOLDER unpacks it below FOLDER, once, and sets book to the folder of its languages. The indexes are lists of links.
handbook() {
  if [ ! -d "$1/book" ]; then
    (cd "$1" && apt-get download -q debian-handbook >&2 && dpkg-deb -x debian-handbook_*.deb unpacked && mv unpacked book && rm debian-handbook_*.deb)
  fi
  book=$1/book/usr/share/doc/debian-handbook/html
  rm -f "$book"/ja-JP/index.html "$book"/en-US/index.html
}

# collections FOLDER adds the samples and the handbook, a collection each, to FOLDER/data with the command in kakoi, once.
collections() {
  [ ! -e "$1/added" ] || return 0
  handbook "$1"
  "${kakoi[@]}" add --samples >&2
  "${kakoi[@]}" add --collection handbook-ja "$book"/ja-JP/*.html >&2
  "${kakoi[@]}" add --collection handbook-en "$book"/en-US/*.html >&2
  touch "$1/added"
}
