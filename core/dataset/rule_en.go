package dataset

import (
	"regexp"
	"strings"
)

// English is read by its word order: the first verb of a list that stands behind a short subject decides what is asked.

var (
	enDeictic = regexp.MustCompile(`(?i)^(?:this|that|these|those|it|its|her|him|they|their|he|she|his|we|our|you|your|i|my|there|here|one|another|each of|both|such|other|others|some|any|many|most|all|if|when|while|for|in|on|as|to|but|and|or|so|note|see|what|which|who|how|why|by|with|after|before|since|although|however|also|then|thus|no|not|because|another|the following|the above|the former|the latter|the same|here's|in addition|for example|do|please|at|from|every|between|during|until|under|over|only|however|therefore|otherwise|instead|finally|first|second|next|even|still|just|both|either|neither|nothing|everything|something|anything|now|today|once|sometimes|often|usually|typically|generally|later|meanwhile|again|thanks|given|unlike|like|despite|besides|among|within|without|through|via|upon|above|below|being|having|using|let|more|less|much|several|few|unfortunately|fortunately|indeed|similarly|conversely|finally|furthermore|moreover|additionally|consequently|obviously|note|remember|people|things)\b`)

	enTo     = regexp.MustCompile(`^(?:To|In order to) ([a-z][^,]{3,70}), (.{8,140})$`)
	enIf     = regexp.MustCompile(`^(If|When|In case of|In the event of|Before|After) ([^,]{3,80}), (?:then )?(.{8,140})$`)
	enForX   = regexp.MustCompile(`^For ([a-z][a-z ]{3,40}), ((?:write|call|contact|ask|use|see|send|go|visit|press|click|select|choose) .{4,120})$`)
	enWhy    = regexp.MustCompile(`^(.{3,50}?) (is|are|was|were|can|cannot|must|should|will) (.{3,80}?)(?:, both|,)? because (.{6,120})$`)
	enMust   = regexp.MustCompile(`^([A-Z][^,]{2,50}?) (must|should|have to) ([a-z]+\b.{3,110})$`)
	enBe     = regexp.MustCompile(`^([A-Z][^,;:]{1,60}?) (is|are|was|were|will be|can be|must be|may be|should be) (.{2,140})$`)
	enEach   = regexp.MustCompile(`^([A-Z][^,;:]{1,50}?) (costs?|takes?|lasts?|runs?|weighs?|seats?|holds?|has|have|receives?|covers?|needs?|requires?|contains?|includes?|uses?|supports?|allows?|provides?|offers?|starts?|begins?|ends?|opens?|closes?|changes?|goes|go|remembers?|stores?|displays?|creates?|measures?) (.{2,130})$`)
	enPlace  = regexp.MustCompile(`^(?:on|in|at|next to|under|behind|near|opposite|inside|outside|above|below|between|beside|to) `)
	enTime   = regexp.MustCompile(`(?i)^(?:on|at|in|by|from|until|within|after|before|for|every|during|since|between) (?:the |about |at least |up to )?(?:[0-9]|(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|weekdays?|weekends?|(?:january|february|march|april|may|june|july|august|september|october|november|december)\b|(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|sixty)\b.*?\b(?:day|week|month|year|hour|minute|second)|(?:first|second|third|fourth|fifth|last|end|beginning)\b.*\b(?:day|week|month|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday)|noon|midnight|day|week|month|year|morning|night)`)
	enOften  = regexp.MustCompile(`^(?:every (?:[a-z0-9]+ )?(?:day|week|month|year|hour|minute)s?|once|twice|daily|weekly|monthly|yearly|annually)\b`)
	enLong   = regexp.MustCompile(`^(?:about |at least |up to |around |approximately |less than |more than |for )?(?:[0-9]+(?:\.[0-9]+)?(?:(?: to |-)[0-9]+)?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|a few|several|half an) (?:business |working |calendar )?(?:second|minute|hour|day|week|month|year)s?\b`)
	enCount  = regexp.MustCompile(`^((?:about |at least |up to |over |more than |around |approximately )?(?:[0-9][0-9,]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty)) ((?:independent |different |separate |additional )?[a-z]+(?: [a-z]+)?s)\b(.*)$`)
	enPast   = regexp.MustCompile(`^([a-z]+(?:ed|en|wn|nt|ld|ught|pt|ut|et|ade|id|ft|ost|und|old)) (.+)$`)
	enPerson = regexp.MustCompile(`(?i)(?:manager|director|chair|chairman|chairwoman|president|owner|author|contact|secretary|head|editor|teacher|officer|leader|coordinator|founder|maintainer|administrator|person in charge)$`)
	enName   = regexp.MustCompile(`^(?:(?:Mr|Mrs|Ms|Dr|Prof)\. )?[A-Z][a-z.]*(?: [A-Z][A-Za-z.'-]*)+$`)
	// enVague: subjects that say something only where they stand.
	enVague  = regexp.MustCompile(`(?i)\b(?:its|their|his|her|our|this|these|those|such|following|previous|above|former|latter|aforementioned|same)\b|^the (?:first|second|third|next|last|other|rest|result|idea|goal|problem|reason|answer|point|fact|end|main|only|whole|full|complete|list|purpose|aim|trick|solution|question|difference|simplest|easiest|best|most|advantage|drawback|choice|output|example|command|option|file|tool|program|user|system|default|notable|usual|general|final|initial)(?: [a-z]+){0,2}$`)
	enBadEnd = regexp.MustCompile(`(?i)\b(?:that|which|who|to|and|or|not|of|in|on|for|with|is|are|can|will|must|if|when|as|only|also|but|than)$`)
	enInside = regexp.MustCompile(`(?i)\b(?:is|are|was|were|can|will|that|which|who|has|have|must|should|it|they|this|these|may|if|when|also|then|now|barely|often|usually|frequently|currently|still|already|both|even|generally|never|always|typically|only|does|do|did)\b`)
)

// verbs of enEach in their plain form.
func plainVerbEn(v string) string {
	switch v {
	case "has":
		return "have"
	case "goes":
		return "go"
	}
	if strings.HasSuffix(v, "s") {
		return strings.TrimSuffix(v, "s")
	}
	return v
}

var gerunds = map[string]string{
	"installing": "install", "removing": "remove", "using": "use", "changing": "change", "creating": "create", "adding": "add", "setting": "set",
	"configuring": "configure", "upgrading": "upgrade", "updating": "update", "starting": "start", "stopping": "stop", "cleaning": "clean", "replacing": "replace",
	"checking": "check", "testing": "test", "building": "build", "downloading": "download", "connecting": "connect", "deleting": "delete", "printing": "print",
	"ordering": "order", "returning": "return", "writing": "write", "reading": "read",
	"sending": "send", "choosing": "choose", "finding": "find", "making": "make", "running": "run", "saving": "save", "restoring": "restore", "searching": "search",
}

// smallWords begin sentences with a capital letter that is not theirs.
var smallWords = func() map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields("the a an each every all most some any this that these those our your their what when where who why how which visitors orders parcels goods meeting quiet travel expense fire laptops requests parking bicycles bookings phone standard express delivery charging unused replacement return damaged heavier hotel guest according") {
		out[w] = true
	}
	return out
}()

// askEnglish makes questions of a sentence. small are the words that the document writes with small letters.
func askEnglish(u unit, small map[string]bool) []asking {
	s := u.String()
	if !strings.HasSuffix(s, ".") || strings.HasSuffix(s, "..") || len(s) > 240 || len(strings.Fields(s)) < 4 || strings.ContainsAny(s, "?|{}<>=\\…*_#") {
		return nil
	}
	e := english{u: u, core: strings.TrimSuffix(s, "."), small: small}
	if !balanced(e.core) || strings.Contains(e.core, ": ") || strings.Contains(e.core, "; ") {
		return nil
	}
	for _, rule := range []func() []asking{e.to, e.condition, e.forWhat} {
		if asked := rule(); asked != nil {
			return asked
		}
	}
	if enDeictic.MatchString(e.core) || !enCapital.MatchString(e.core) {
		return nil
	}
	for _, rule := range []func() []asking{e.why, e.be, e.must, e.does} {
		if asked := rule(); asked != nil {
			return asked
		}
	}
	return nil
}

// english is a sentence without its stop.
type english struct {
	u     unit
	core  string
	small map[string]bool
}

// answer asks question with the bytes from on as the answer; end < 0 is the end of the sentence.
func (e english) answer(kind Kind, question string, from, end int) []asking {
	if end < 0 {
		end = len(e.core)
		if m := enTurn.FindStringIndex(e.core[from:]); m != nil && (kind == KindPlace || kind == KindDate || kind == KindTime || kind == KindPerson) {
			end = from + m[0]
		}
	}
	if m := enAndIs.FindStringIndex(e.core[from:end]); m != nil && kind == KindDefinition {
		end = from + m[0]
	}
	if enThis.MatchString(e.core[from:end]) {
		return nil
	}
	a := len([]rune(e.core[:from]))
	return []asking{{kind: kind, question: question, from: a, end: a + len([]rune(e.core[from:end])), tail: ".", cap: true}}
}

// enBound: what is to be done is said by what stands before.
var enBound = regexp.MustCompile(`^(?:be|not|do so|do this|do that|avoid|summarize|conclude|illustrate)\b|\b(?:this|these|those|that|its|their|it|them|so|such|our|we|us)\b`)

var imperatives = func() map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields("use run call press touch hold click select choose open go type enter add set edit install remove see refer contact ask write send make create execute configure check turn switch push pull place put insert connect disconnect leave keep follow start stop copy move delete download read look try consult change replace fill wash clean take give apply submit report visit sign log please simply just first fill return bring wait book order attach notify inform speak meet return close shut evacuate stay do register request print scan save confirm tap swipe rinse wipe dry unplug plug") {
		out[w] = true
	}
	return out
}()

// imperative says whether a sentence tells the reader to do something.
func imperative(s string) bool {
	first, rest, _ := strings.Cut(s, " ")
	if first == "you" {
		return enAdvice.MatchString(rest)
	}
	return imperatives[first] && rest != "" && !enAux.MatchString(rest)
}

var (
	enTurn = regexp.MustCompile(`,? (?:but|which|although|where|so|and (?:they|it|only|the))\b`) // where the rest is of something else
	// enAndIs: where a second statement begins.
	enAndIs = regexp.MustCompile(`,? and (?:is|are|was|can|has|have|saying|it|they)\b`)
	enThis  = regexp.MustCompile(`(?i)\b(?:this|these|those)\b`) // an answer that is none without what stands before
	enRole  = regexp.MustCompile(`^(?:the|an?) (?:[a-z]+ ){0,3}(?:author|leader|founder|creator|developer|president|director|manager|editor|maintainer|inventor|chairman|writer)\b`)
)

func (e english) to() []asking {
	m := enTo.FindStringSubmatchIndex(e.core)
	if m == nil || enBound.MatchString(e.core[m[2]:m[3]]) || !imperative(e.core[m[4]:m[5]]) {
		return nil
	}
	return e.answer(KindHow, "How do I "+asI(e.core[m[2]:m[3]])+"?", m[4], -1)
}

func (e english) condition() []asking {
	m := enIf.FindStringSubmatchIndex(e.core)
	if m == nil {
		return nil
	}
	word, when, then := strings.ToLower(e.core[m[2]:m[3]]), e.core[m[4]:m[5]], e.core[m[6]:m[7]]
	if enBound.MatchString(when) || enBareWhen.MatchString(when) || len(strings.Fields(then)) < 3 {
		return nil
	}
	question := "What happens " + word + " " + asI(when) + "?"
	switch {
	case imperative(then):
		question = "What should I do " + word + " " + asI(when) + "?"
	case word == "before" || word == "after" || !enArticle.MatchString(then) || enVague.MatchString(then):
		return nil
	}
	return e.answer(KindHow, question, m[6], -1)
}

func (e english) forWhat() []asking {
	m := enForX.FindStringSubmatchIndex(e.core)
	if m == nil || strings.HasPrefix(e.core[m[2]:m[3]], "example") || strings.HasPrefix(e.core[m[2]:m[3]], "this") {
		return nil
	}
	return e.answer(KindHow, "What should I do for "+e.core[m[2]:m[3]]+"?", m[4], -1)
}

func (e english) why() []asking {
	m := enWhy.FindStringSubmatchIndex(e.core)
	if m == nil || enInside.MatchString(e.core[m[2]:m[3]]) || strings.HasPrefix(e.core[m[6]:m[7]], "then ") {
		return nil
	}
	verb := e.core[m[4]:m[5]]
	not := ""
	if verb == "cannot" {
		verb, not = "can", "not "
	}
	a := e.answer(KindWhy, "Why "+verb+" "+lowerFirst(e.core[m[2]:m[3]], e.small)+" "+not+e.core[m[6]:m[7]]+"?", m[8]-len("because "), -1)
	return a
}

// subject is a sentence's subject in a question; "" when it is none that can be asked about.
func (e english) subject(x string) string {
	if n := len(strings.Fields(x)); n > 8 || enInside.MatchString(x) || enBadEnd.MatchString(x) || enDeictic.MatchString(x) || strings.ContainsAny(x, "()\"“”") || enVague.MatchString(x) {
		return ""
	}
	return lowerFirst(x, e.small)
}

func plural(be string) bool { return be == "are" || be == "were" }

// be: "X is Y".
func (e english) be() []asking {
	m := enBe.FindStringSubmatchIndex(e.core)
	if m == nil {
		return nil
	}
	x, verb, y := e.subject(e.core[m[2]:m[3]]), e.core[m[4]:m[5]], e.core[m[6]:m[7]]
	if x == "" || enNoValue.MatchString(y) {
		return nil
	}
	aux, after, _ := strings.Cut(verb, " ")
	if after != "" {
		after = " " + after
	}
	ask := func(kind Kind, wh string, from int) []asking {
		return e.answer(kind, wh+" "+aux+" "+x+after+"?", from, -1)
	}
	switch {
	case enPerson.MatchString(x) && enName.MatchString(y):
		return ask(KindPerson, "Who", m[6])
	case enTime.MatchString(y) && !strings.HasPrefix(y, "for "):
		return ask(KindDate, "When", m[6])
	case enPlace.MatchString(y):
		if enNoPlace.MatchString(y) {
			return nil
		}
		if elsewhere.MatchString(y) {
			return nil
		}
		return ask(KindPlace, "Where", m[6])
	case strings.HasPrefix(y, "open ") && enTime.MatchString(y[5:]), strings.HasPrefix(y, "due ") && enTime.MatchString(y[4:]), strings.HasPrefix(y, "closed ") && enTime.MatchString(y[7:]), strings.HasPrefix(y, "available ") && enTime.MatchString(y[10:]):
		word, _, _ := strings.Cut(y, " ")
		return e.answer(KindTime, "When "+aux+" "+x+after+" "+word+"?", m[6]+len(word)+1, -1)
	case enMoney.MatchString(y), enNumber.MatchString(y), enLong.MatchString(y):
		if plural(verb) {
			return nil
		}
		return ask(KindNumber, "What", m[6])
	case enThing.MatchString(y) && !plural(verb) && after == "":
		if strings.Contains(y, ", and ") && len(y) > 100 || gerund.MatchString(x) {
			return nil
		}
		if enRole.MatchString(y) {
			return ask(KindPerson, "Who", m[6])
		}
		return ask(KindDefinition, "What", m[6])
	}
	return e.passive(x, aux, after, y, m[6])
}

// elsewhere: the place is another part of the text.
var elsewhere = regexp.MustCompile(`(?i)\b(?:section|chapter|appendix|figure|table|sidebar|page)\b`)

// gerund: to do something is no thing that is asked what it is.
var gerund = regexp.MustCompile(`^[A-Za-z]+ing \S+`)

// passive: "X is done at a time, at a place, by somebody, in a way".
func (e english) passive(x, aux, after, y string, at int) []asking {
	m := enPast.FindStringSubmatchIndex(y)
	if m == nil {
		return nil
	}
	verb, rest := y[m[2]:m[3]], y[m[4]:m[5]]
	if elsewhere.MatchString(rest) {
		return nil
	}
	ask := func(kind Kind, wh, tail string) []asking {
		return e.answer(kind, wh+" "+aux+" "+x+after+" "+verb+tail+"?", at+m[4], -1)
	}
	switch {
	case verb == "reached" && strings.HasPrefix(rest, "at "):
		return ask(KindHow, "How", "")
	case enOften.MatchString(rest):
		return ask(KindNumber, "How often", "")
	case enTime.MatchString(rest):
		return ask(KindDate, "When", "")
	case enBy.MatchString(rest) && !strings.Contains(rest, "ing "):
		a := e.answer(KindPerson, "By whom "+aux+" "+x+after+" "+verb+"?", at+m[4]+len("by "), -1)
		if !enSomebody.MatchString(rest) {
			return nil
		}
		return a
	case enMeans.MatchString(rest):
		return ask(KindHow, "How", "")
	case enInPlace.MatchString(rest) && enKept.MatchString(verb):
		return ask(KindPlace, "Where", "")
	case strings.HasPrefix(rest, "for ") && enMeant.MatchString(verb):
		return e.answer(KindDefinition, "What "+aux+" "+x+after+" "+verb+" for?", at+m[4]+len("for "), -1)
	case strings.HasPrefix(rest, "to ") && enMeant.MatchString(verb):
		return ask(KindDefinition, "What", " for")
	}
	return nil
}

// must: "Visitors must sign in".
func (e english) must() []asking {
	m := enMust.FindStringSubmatchIndex(e.core)
	if m == nil {
		return nil
	}
	x, verb, y := e.subject(e.core[m[2]:m[3]]), e.core[m[4]:m[5]], e.core[m[6]:m[7]]
	if x == "" || verb == "have to" || enNoDuty.MatchString(y) {
		return nil
	}
	return e.answer(KindHow, "What "+verb+" "+x+" do?", m[6], -1)
}

// does: "X costs Y".
func (e english) does() []asking {
	m := enEach.FindStringSubmatchIndex(e.core)
	if m == nil {
		return nil
	}
	x, verb, y := e.subject(e.core[m[2]:m[3]]), e.core[m[4]:m[5]], e.core[m[6]:m[7]]
	if x == "" || enNoObject.MatchString(y) {
		return nil
	}
	plain := plainVerbEn(verb)
	does := "does"
	if plain == verb {
		if does = "do"; !strings.HasSuffix(x, "s") && !strings.Contains(x, " and ") {
			return nil // no subject of several
		}
	}
	x = does + " " + x + " "
	switch plain {
	case "cost":
		return e.answer(KindNumber, "How much "+x+"cost?", m[6], -1)
	case "take":
		if rest, ok := strings.CutPrefix(y, "place "); ok && enTime.MatchString(rest) {
			return e.answer(KindDate, "When "+x+"take place?", m[6]+len("place "), -1)
		}
		if enLong.MatchString(y) {
			end := m[7]
			if i := strings.Index(y, " and "); i > 0 {
				end = m[6] + i
			}
			return e.answer(KindNumber, "How long "+x+"take?", m[6], end)
		}
		return nil
	case "last", "run":
		if enLong.MatchString(y) {
			return e.answer(KindNumber, "How long "+x+plain+"?", m[6], -1)
		}
		return nil
	case "weigh":
		return e.answer(KindNumber, "How much "+x+"weigh?", m[6], -1)
	case "start", "begin", "end", "open", "close", "change":
		if enTime.MatchString(y) {
			return e.answer(KindDate, "When "+x+plain+"?", m[6], -1)
		}
		return nil
	case "go":
		if strings.HasPrefix(y, "to the ") {
			return e.answer(KindPlace, "Where "+x+"go?", m[6], -1)
		}
		return nil
	}
	if n := enCount.FindStringSubmatchIndex(y); n != nil && !strings.HasSuffix(y[n[4]:n[5]], "ss") {
		rest := y[n[6]:n[7]]
		if strings.TrimSpace(rest) == "" || strings.HasPrefix(rest, " and ") || strings.HasPrefix(rest, " on ") || strings.HasPrefix(rest, " in ") || strings.HasPrefix(rest, " at ") {
			return e.answer(KindNumber, "How many "+y[n[4]:n[5]]+" "+x+plain+"?", m[6]+n[0], m[6]+n[5])
		}
		return nil
	}
	if enWordTo.MatchString(y) || enSomethingTo.MatchString(y) && (plain == "allow" || plain == "require") {
		return nil // allows you to
	}
	if plain == "have" || strings.Contains(y, " that ") && len(y) > 90 {
		return nil
	}
	return e.answer(KindDefinition, "What "+x+plain+"?", m[6], -1)
}

// asI says to a person what a text says of "you".
func asI(s string) string {
	for _, p := range [][2]string{{"your", "my"}, {"you are", "I am"}, {"you", "I"}, {"yours", "mine"}, {"yourself", "myself"}} {
		s = regexp.MustCompile(`\b`+p[0]+`\b`).ReplaceAllString(s, p[1])
	}
	return s
}

// Shapes that are looked for in the rules above.
var (
	enCapital     = regexp.MustCompile(`^[A-Z]`)
	enAdvice      = regexp.MustCompile(`^(?:can|should|must|need|have to|may|will need)\b`)
	enAux         = regexp.MustCompile(`^(?:will|can|is|are|has|does|must|may|was)\b`)
	enBareWhen    = regexp.MustCompile(`^(?:it|they|he|she|so|in|of|necessary|needed|possible|[a-z]+$)`)
	enArticle     = regexp.MustCompile(`^(?:the|a|an|all|each|no|your)\b`)
	enNoValue     = regexp.MustCompile(`^(?:not|also|only|still|usually|often|normally|now|no|never|always|already|just|so|too|very|more|less|most|likely|able|possible|necessary|available|important|based|called|known|as|because|either|neither|both|to|being|one of|such)\b`)
	enNoPlace     = regexp.MustCompile(`^(?:in (?:use|charge|order|general|progress|addition|place|effect|case)|on (?:sale|time|duty)|at (?:least|most|risk|once)|to )`)
	enNumber      = regexp.MustCompile(`^(?:about |at least |up to )?[0-9]`)
	enThing       = regexp.MustCompile(`^(?:an?|the) `)
	enBy          = regexp.MustCompile(`^by (?:the|a|an|our|[A-Z])`)
	enSomebody    = regexp.MustCompile(`(?:head|desk|manager|customer|user|team|department|owner|office|staff|director|administrator|maintainer|developers?|author|[A-Z][a-z]+ [A-Z][a-z]+)\b`)
	enMeans       = regexp.MustCompile(`^(?:through|with|via|using|by [a-z]+ing) `)
	enInPlace     = regexp.MustCompile(`^(?:in|on|at|under|next to) (?:the|a|an|room|[A-Z/~])`)
	enKept        = regexp.MustCompile(`^(?:stored|located|found|installed|placed|saved|kept|held|left|parked|defined|documented|listed|described)$`)
	enMeant       = regexp.MustCompile(`^(?:used|intended|designed|needed|required|meant)$`)
	enNoDuty      = regexp.MustCompile(`^(?:be|not|also|only|have|always|never|still|then|therefore|thus|indeed|[a-z]+ly)\b`)
	enNoObject    = regexp.MustCompile(`^(?:not|also|only|been|to|up|out|no|and|or|as|that|more|less|over|away|down|off)\b`)
	enWordTo      = regexp.MustCompile(`^[a-z-]+ to `)
	enSomethingTo = regexp.MustCompile(`^(?:the |an? )?[a-zA-Z-]+ to [a-z]+`)
)
